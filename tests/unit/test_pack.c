#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/format.h"
#include "format/note_set.h"
#include "format/pack.h"
#include "format/truss.h"
#include "format/unpack.h"

enum { ROOM = 32768, TEXT = 1 << 20, ROUNDS = 20000 };

static uint64_t seed = 42;

/* Returns the same numbers in every run: splitmix64's step. */
static uint64_t draw(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t limit)
{
	return draw() % limit;
}

static struct unpack_names names;
static uint8_t record[ROOM], payload[9000];
static struct iovec pieces[3];
static struct sockaddr_in address;
static struct unpacked unpacked;

static int read_names(void **state)
{
	static uint8_t tables[RECORD_HEADER_BYTES];
	size_t size = pack_names(tables, sizeof(tables));

	(void)state;
	assert_true(size > 0);
	assert_true(unpack_names(&names, tables, size));
	return 0;
}

static struct tcpshim_address any_address(void)
{
	struct tcpshim_address made = {.family = below(2) ? AF_INET : AF_INET6,
				       .port = (uint16_t)draw()};

	for (unsigned i = 0; i < (made.family == AF_INET ? 4U : 16U); i++)
		made.bytes[i] = (uint8_t)draw();
	return made;
}

static void fill_payload(struct tcpshim_event *event)
{
	uint64_t first, second;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)draw();
	event->data_total = 1 + below(PACK_DATA_BYTES);
	first = below(event->data_total + 1);
	second = below(event->data_total - first + 1);
	pieces[0] = (struct iovec){payload, first};
	pieces[1] = (struct iovec){payload + first, second};
	pieces[2] = (struct iovec){payload + first + second, sizeof(payload) - first - second};
	event->data = pieces;
	event->data_count = 3;
}

static void fill_watches(struct tcpshim_watch *watches, uint64_t *total)
{
	*total = below(12);
	for (uint64_t i = 0; i < *total && i < EVENT_WATCHES; i++)
		watches[i] =
			(struct tcpshim_watch){(int32_t)below(100) - 1, (uint32_t)draw(), draw()};
}

static void fill_subject(struct tcpshim_subject *subject)
{
	*subject = (struct tcpshim_subject){0};
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (below(4) == 0)
			note_set_add(&subject->notes, note);
	subject->facts.local = any_address();
	subject->facts.peer = any_address();
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++)
		if (below(2))
			facts_set(&subject->facts, fact, draw() >> below(64));
	subject->facts.role = (uint8_t)below(ROLE_LISTENER + 1);
	subject->facts.reported = (uint8_t)below(REPORTED_AS_ERROR + 1);
}

/* Fills any event that the library could make. */
static void fill_event(struct tcpshim_event *event)
{
	const uint8_t *kinds;

	*event = (struct tcpshim_event){.call = (uint16_t)below(CALL_COUNT)};
	kinds = call_rows[event->call].kinds;
	while (event->argument_count < EVENT_ARGUMENTS && kinds[event->argument_count] != ARG_NONE)
		event->arguments[event->argument_count++] = draw() >> below(64);
	event->flags = (uint16_t)(draw() & (EVENT_SLEEPING | EVENT_MANY_THREADS | EVENT_STDIO));
	event->start_ns = draw() >> 20;
	event->time_ns = event->start_ns + below(1000000);
	event->error = below(3) ? 0 : (int32_t)below(134);
	event->result = event->error ? -1 : (int64_t)(draw() >> below(64));
	event->connection = (struct tcpshim_connection){(uint32_t)below(1000),
							(uint8_t)below(ROLE_LISTENER + 1),
							(uint8_t)below(STATE_COUNT),
							draw() >> below(64),
							any_address(),
							any_address()};
	if (below(2))
		fill_payload(event);
	if (below(2)) {
		address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (uint16_t)draw()};
		event->address = &address;
		event->address_size = sizeof(address);
	}
	if (below(2)) {
		event->value = payload;
		event->value_size = 1 + (uint32_t)below(64);
	}
	event->has_length_out = below(2);
	event->length_out = event->has_length_out ? (uint32_t)draw() : 0;
	event->has_asked = below(2);
	if (event->has_asked)
		fill_watches(event->asked, &event->asked_total);
	if (below(3) == 0)
		fill_watches(event->ready, &event->ready_total);
	event->subject_count = (uint32_t)below(4);
	for (uint32_t i = 0; i < event->subject_count; i++)
		fill_subject(&event->subjects[i]);
	event->subjects_left_out = below(5) ? 0 : (uint32_t)below(100);
}

static size_t as_text(char *text, const struct tcpshim_event *event, const struct format *format)
{
	const struct truss_style style = {.stamps = TRUSS_BASE | TRUSS_ELAPSED,
					  .data_bytes = UINT64_MAX};
	struct strbuf buf;

	strbuf_init(&buf, text, TEXT);
	format->event(&buf, event, &style);
	assert_false(buf.is_cut);
	return buf.size;
}

/* What is packed and unpacked is printed like the original. */
static void test_round_trip(void **state)
{
	static struct tcpshim_event event;
	static char before[TEXT], after[TEXT];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t size, before_size;
		bool is_unknown;

		fill_event(&event);
		size = pack_event(record, sizeof(record), &event, UINT64_MAX, true);
		assert_true(size > 0 && size % 8 == 0);
		((struct record_head *)record)->size = (uint16_t)size;
		((struct record_head *)record)->kind = RECORD_EVENT;
		((struct record_head *)record)->flags = (uint8_t)event.flags;
		assert_true(unpack_event(&unpacked, &names, record, size, &is_unknown));
		for (const struct format *const *format = formats; *format; format++) {
			before_size = as_text(before, &event, *format);
			assert_int_equal(as_text(after, &unpacked.event, *format), before_size);
			assert_memory_equal(before, after, before_size);
		}
	}
}

/* In any room that is too small nothing is reported as packed, and nothing after it is written. */
static void test_room(void **state)
{
	static struct tcpshim_event event;
	size_t need;

	(void)state;
	fill_event(&event);
	fill_payload(&event);
	need = pack_event(record, sizeof(record), &event, UINT64_MAX, true);
	for (size_t room = 0; room < need; room++) {
		memset(record, 0xaa, sizeof(record));
		assert_int_equal(pack_event(record, room, &event, UINT64_MAX, true), 0);
		for (size_t i = room; i < need + 64; i++)
			assert_int_equal(record[i], 0xaa);
	}
	assert_int_equal(pack_event(record, need, &event, UINT64_MAX, true), need);
}

/* A payload is continued in as many records as it needs. */
static void test_more(void **state)
{
	static struct tcpshim_event event;
	uint64_t done = PACK_DATA_BYTES, packed;

	(void)state;
	fill_payload(&event);
	event.data_total = sizeof(payload);
	while (done < sizeof(payload)) {
		size_t room = 24 + 8 * below(200);
		size_t size = pack_more(record, room, &event, done, sizeof(payload), &packed);
		const struct record_more *more = (const struct record_more *)record;

		assert_true(size > 0 && size <= room && size % 8 == 0);
		assert_int_equal(more->number, packed);
		assert_memory_equal(more + 1, payload + done, packed);
		done += packed;
	}
	assert_int_equal(done, sizeof(payload));
	assert_int_equal(pack_more(record, 8, &event, 0, 10, &packed), 0);
}

/* A transfer's record reads as the call that the thread is in, and then as the call that returned.
 */
static void test_transfer(void **state)
{
	struct record_transfer *transfer = (struct record_transfer *)record;
	const struct tcpshim_event *event = &unpacked.event;
	int all_flags = 0;

	(void)state;
	for (unsigned i = 0; i < PACK_MESSAGE_FLAGS; i++)
		all_flags |= pack_message_flags[i].flag;
	assert_int_equal(all_flags, PACK_PLAIN_FLAGS);
	for (int round = 0; round < ROUNDS; round++) {
		const struct pack_transfer known = {
			.fd = (uint16_t)draw(),
			.serial = (uint32_t)draw(),
			.since_ns = (uint32_t)draw(),
			.asked = (uint32_t)draw(),
			.flags = (int)draw() & PACK_PLAIN_FLAGS,
			.buffer = (const void *)(uintptr_t)draw(),
		};
		int32_t result = (int32_t)below(200) - 100;
		size_t count = result > 0 ? below((uint64_t)result + 1) : 0, size;

		*(uint64_t *)record = 0;
		assert_false(unpack_pending(&unpacked, &names, record, PACK_TRANSFER_BYTES, 9));
		pack_transfer_begin(transfer, &known);
		pack_transfer_mark(transfer, CALL_recv);
		assert_true(unpack_pending(&unpacked, &names, record, PACK_TRANSFER_BYTES, 9));
		assert_int_equal(event->flags, EVENT_SLEEPING);
		assert_int_equal(event->call, CALL_recv);
		assert_int_equal(event->start_ns, 9 + (uint64_t)known.since_ns);
		assert_int_equal(event->connection.serial, known.serial);
		assert_int_equal(event->argument_count, 4);
		assert_int_equal(event->arguments[0], known.fd);
		assert_int_equal(event->arguments[1], (uintptr_t)known.buffer);
		assert_int_equal(event->arguments[2], known.asked);
		assert_int_equal(event->arguments[3], known.flags);

		size = pack_transfer_end(transfer, result, 1000, payload, count);
		assert_true(size % 8 == 0 && size <= PACK_TRANSFER_BYTES + count);
		transfer->head = (struct record_head){
			.size = (uint16_t)size,
			.kind = RECORD_TRANSFER,
			.flags = (uint8_t)(EVENT_MANY_THREADS | pack_transfer_flags(count)),
		};
		assert_true(unpack_transfer(&unpacked, &names, record, size, 9));
		assert_int_equal(event->flags, EVENT_MANY_THREADS);
		assert_int_equal(event->time_ns, event->start_ns + 1000);
		assert_int_equal(event->result, result < 0 ? -1 : result);
		assert_int_equal(event->error, result < 0 ? -result : 0);
		assert_int_equal(event->data_total, result > 0 ? result : 0);
		assert_int_equal(event->arguments[3], known.flags);
		if (count == 0)
			assert_int_equal(event->arguments[1], (uintptr_t)known.buffer);
		else
			assert_memory_equal(unpacked.data.iov_base, payload, count);
	}
}

/* Records that are about the trace read as they were written, and not if they are cut. */
static void test_trace(void **state)
{
	static const char line[] = "tcpshim: a line\n", path[] = "/usr/lib/libc.so.6";
	struct unpacked_bytes bytes;
	struct record_clock clock;
	struct record_module module;
	const char *found;
	uint64_t time_ns;
	size_t size;

	(void)state;
	assert_true(unpack_clock(&clock, record, pack_clock(record, 5, -6)));
	assert_int_equal(clock.time_ns, 5);
	assert_int_equal(clock.realtime_offset_ns, -6);
	size = pack_line(record, 7, line, sizeof(line) - 1);
	assert_int_equal(size, pack_line_size(sizeof(line) - 1));
	assert_true(unpack_line(&bytes, &time_ns, record, size));
	assert_int_equal(time_ns, 7);
	assert_int_equal(bytes.size, sizeof(line) - 1);
	assert_memory_equal(bytes.bytes, line, bytes.size);
	assert_false(unpack_line(&bytes, &time_ns, record, size - 8));
	size = pack_module(record, 1, 2, 3, path);
	assert_int_equal(size, pack_module_size(path));
	assert_true(unpack_module(&module, &found, record, size));
	assert_true(module.start == 1 && module.end == 2 && module.offset == 3);
	assert_string_equal(found, path);
	assert_false(unpack_module(&module, &found, record, size - 8));
}

/* What another version numbers differently, or has and this one has not. */
static void test_other_version(void **state)
{
	static const uint8_t tables[] = "\2\0\0\0"
					"\0\1"
					"teleport\0"
					"\2"
					"\16\1"
					"close\0"
					"\1"
					"\2\0\0\0"
					"\2\0"
					"nosuch\0"
					"no-such\0"
					"\0\0"
					"peer_fin\0"
					"peer-fin\0"
					"\1\0\0\0"
					"\1\0"
					"fd";
	struct unpack_names others;

	(void)state;
	assert_true(unpack_names(&others, tables, sizeof(tables)));
	assert_int_equal(others.calls[0], UNPACK_UNKNOWN);
	assert_int_equal(others.notes[0], UNPACK_UNKNOWN);
	assert_int_equal(others.notes[1], NOTE_peer_fin);
	assert_int_equal(others.facts[0], 0);
	for (size_t size = 0; size < sizeof(tables); size++)
		assert_false(unpack_names(&others, tables, size));
}

/* A version with more notes than 64: row 70 of its table is a note of ours, row 71 is not. */
static void test_more_notes(void **state)
{
	static uint8_t bytes[1 << 16];
	static struct tcpshim_event event;
	static struct unpacked got;
	struct unpack_names others;
	bool is_unknown_call;
	size_t size;

	(void)state;
	memset(&event, 0, sizeof(event));
	event.call = CALL_close;
	event.subject_count = 1;
	event.subjects[0].notes.words[0] = UINT64_C(1) << 3;
	event.subjects[0].notes.words[1] = UINT64_C(3) << 6;
	size = pack_event(bytes, sizeof(bytes), &event, 0, false);
	assert_true(size > 0);
	memset(&others, 0xff, sizeof(others));
	others.calls[CALL_close] = CALL_close;
	others.notes[3] = NOTE_adopted;
	others.notes[70] = NOTE_peer_fin;
	assert_true(unpack_event(&got, &others, bytes, size, &is_unknown_call));
	assert_int_equal(got.event.subject_count, 1);
	assert_int_equal(got.unknown_notes, 1);
	assert_true(note_set_has(&got.event.subjects[0].notes, NOTE_adopted));
	note_set_remove(&got.event.subjects[0].notes, NOTE_adopted);
	assert_int_equal(note_set_next(&got.event.subjects[0].notes, 0), NOTE_peer_fin);
	note_set_remove(&got.event.subjects[0].notes, NOTE_peer_fin);
	assert_true(note_set_is_empty(&got.event.subjects[0].notes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_room),
		cmocka_unit_test(test_more),       cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_trace),      cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_more_notes),
	};

	return cmocka_run_group_tests(tests, read_names, NULL);
}
