#include "format/pack.h"

#include <string.h>

#include "format/facts.h"
#include "format/payload.h"

/* Bytes that are being written. is_cut: there was not enough room, and nothing is written any more.
 */
struct packer {
	uint8_t *bytes;
	size_t size, room;
	bool is_cut;
};

/* Reserves the next size bytes. Returns NULL if there is no room for them. */
static void *take(struct packer *packer, size_t size)
{
	void *at = packer->bytes + packer->size;

	if (packer->is_cut || size > packer->room - packer->size) {
		packer->is_cut = true;
		return NULL;
	}
	packer->size += size;
	return at;
}

static void put(struct packer *packer, const void *from, size_t size)
{
	void *to = take(packer, size);

	if (to)
		memcpy(to, from, size);
}

/* Writes a section's head and reserves room for its content, rounded up. Returns where the content
 * goes, NULL if there is no room. */
static uint8_t *take_section(struct packer *packer, enum record_section_kind kind, uint32_t number,
			     size_t content)
{
	size_t size = sizeof(struct record_section) + pack_round(content);
	struct record_section section = {(uint16_t)size, (uint16_t)kind, number};
	uint8_t *at = size <= UINT16_MAX ? take(packer, size) : NULL;

	if (!at)
		return NULL;
	memcpy(at, &section, sizeof(section));
	if (content > 0) /* the bytes that round it up are 0 */
		memset(at + size - 8, 0, 8);
	return at + sizeof(section);
}

static void put_section(struct packer *packer, enum record_section_kind kind, uint32_t number,
			const void *content, size_t size)
{
	uint8_t *to = take_section(packer, kind, number, size);

	if (to && size > 0)
		memcpy(to, content, size);
}

/* Copies the payload from byte from up to byte end. */
static void copy_payload(uint8_t *to, const struct tcpshim_event *event, uint64_t from,
			 uint64_t end)
{
	uint64_t position = 0;

	for (uint32_t i = 0; i < event->data_count && position < end; i++) {
		uint64_t size = event->data[i].iov_len;
		uint64_t first = from > position ? from - position : 0;

		if (size > end - position)
			size = end - position;
		if (first < size) {
			memcpy(to, (const uint8_t *)event->data[i].iov_base + first,
			       (size_t)(size - first));
			to += size - first;
		}
		position += size;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void put_payload(struct packer *packer, const struct tcpshim_event *event,
			uint64_t data_bytes)
{
	uint64_t stored = least(least(payload_held(event), data_bytes), PACK_DATA_BYTES);
	uint8_t *to;

	if (event->data_total == 0)
		return;
	to = take_section(packer, RECORD_DATA, (uint32_t)stored, sizeof(uint64_t) + (size_t)stored);
	if (!to)
		return;
	memcpy(to, &event->data_total, sizeof(uint64_t));
	copy_payload(to + sizeof(uint64_t), event, 0, stored);
}

static void put_watches(struct packer *packer, enum record_section_kind kind,
			const struct tcpshim_watch *watches, uint64_t total)
{
	uint64_t count = least(total, EVENT_WATCHES);
	uint8_t *to;

	if (total == 0)
		return;
	to = take_section(packer, kind, (uint32_t)count,
			  sizeof(uint64_t) + (size_t)count * sizeof(*watches));
	if (!to)
		return;
	memcpy(to, &total, sizeof(total));
	memcpy(to + sizeof(total), watches, (size_t)count * sizeof(*watches));
}

/* Those beyond the 64 of struct record_subject, if there are any. */
static void put_more_notes(struct packer *packer, const struct tcpshim_notes *notes)
{
	enum { MORE_WORDS = EVENT_NOTE_WORDS - 1 };
	uint64_t all = 0;
	uint8_t *to;

	for (unsigned i = 1; i < EVENT_NOTE_WORDS; i++)
		all |= notes->words[i];
	if (all == 0)
		return;
	to = take_section(packer, RECORD_MORE_NOTES, MORE_WORDS, MORE_WORDS * sizeof(uint64_t));
	if (to)
		memcpy(to, notes->words + 1, MORE_WORDS * sizeof(uint64_t));
}

static void put_subject(struct packer *packer, const struct tcpshim_subject *subject)
{
	struct record_subject head = {
		.notes = subject->notes.words[0],
		.local = subject->facts.local,
		.peer = subject->facts.peer,
	};
	uint64_t values[FACT_FIELDS];
	unsigned count = 0;
	uint8_t *to;

	for (unsigned fact = 0; fact < FACT_FIELDS; fact++) {
		values[count] = (uint64_t)facts_value(&subject->facts, fact);
		if (values[count] == 0)
			continue;
		head.facts |= UINT64_C(1) << fact;
		count++;
	}
	to = take_section(packer, RECORD_SUBJECT, 0, sizeof(head) + count * sizeof(values[0]));
	if (!to)
		return;
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), values, count * sizeof(values[0]));
	put_more_notes(packer, &subject->notes);
}

size_t pack_event(void *to, size_t room, const struct tcpshim_event *event, uint64_t data_bytes,
		  bool has_endpoints)
{
	struct packer packer = {.bytes = to, .room = room < UINT16_MAX - 7 ? room : UINT16_MAX - 7};
	const struct record_event fixed = {
		.call = event->call,
		.argument_count = (uint8_t)event->argument_count,
		.has_asked = event->has_asked,
		.time_ns = event->time_ns,
		.start_ns = event->start_ns,
		.result = event->result,
		.error = event->error,
		.serial = event->connection.serial,
		.role = event->connection.role,
		.state = event->connection.state,
	};
	void *at = take(&packer, sizeof(fixed));

	if (!at)
		return 0;
	pack_body(at, &fixed, sizeof(fixed));
	put(&packer, event->arguments, event->argument_count * sizeof(event->arguments[0]));
	if (has_endpoints && event->connection.serial != 0)
		put_section(&packer, RECORD_ENDPOINTS, 0, &event->connection.local,
			    2 * sizeof(event->connection.local));
	if (has_endpoints && event->connection.serial != 0 && event->connection.cookie != 0)
		put_section(&packer, RECORD_COOKIE, 0, &event->connection.cookie,
			    sizeof(event->connection.cookie));
	if (event->address)
		put_section(&packer, RECORD_ADDRESS, event->address_size, event->address,
			    event->address_size);
	if (event->value)
		put_section(&packer, RECORD_VALUE, event->value_size, event->value,
			    event->value_size);
	if (event->has_length_out)
		put_section(&packer, RECORD_LENGTH_OUT, event->length_out, NULL, 0);
	put_watches(&packer, RECORD_ASKED, event->asked, event->asked_total);
	put_watches(&packer, RECORD_READY, event->ready, event->ready_total);
	put_payload(&packer, event, data_bytes);
	for (uint32_t i = 0; i < event->subject_count; i++)
		put_subject(&packer, &event->subjects[i]);
	if (event->subjects_left_out > 0)
		put_section(&packer, RECORD_LEFT_OUT, event->subjects_left_out, NULL, 0);
	if (event->stack_count > 0)
		put_section(&packer, RECORD_STACK, event->stack_count, event->stack,
			    event->stack_count * sizeof(event->stack[0]));
	return packer.is_cut ? 0 : packer.size;
}

size_t pack_more(void *to, size_t room, const struct tcpshim_event *event, uint64_t from,
		 uint64_t end, uint64_t *packed)
{
	struct record_more more = {.number = 0};

	*packed = 0;
	room = (room < UINT16_MAX ? room : UINT16_MAX) & ~(size_t)7;
	if (room <= sizeof(more))
		return 0;
	*packed = least(end - from, room - sizeof(more));
	more.number = (uint32_t)*packed;
	pack_body(to, &more, sizeof(more));
	copy_payload((uint8_t *)to + sizeof(more), event, from, from + *packed);
	return pack_round(sizeof(more) + (size_t)*packed);
}

size_t pack_clock(void *to, uint64_t time_ns, int64_t realtime_offset_ns)
{
	const struct record_clock clock = {
		.time_ns = time_ns,
		.realtime_offset_ns = realtime_offset_ns,
	};

	pack_body(to, &clock, sizeof(clock));
	return sizeof(clock);
}

size_t pack_line(void *to, uint64_t time_ns, const char *line, size_t size)
{
	const struct record_line fixed = {.number = (uint32_t)size, .time_ns = time_ns};

	pack_body(to, &fixed, sizeof(fixed));
	memcpy((uint8_t *)to + sizeof(fixed), line, size);
	return pack_line_size(size);
}

size_t pack_module_size(const char *path)
{
	return sizeof(struct record_module) + pack_round(strlen(path) + 1);
}

size_t pack_module(void *to, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	const struct record_module fixed = {
		.number = (uint32_t)strlen(path) + 1,
		.start = start,
		.end = end,
		.offset = offset,
	};

	pack_body(to, &fixed, sizeof(fixed));
	memcpy((uint8_t *)to + sizeof(fixed), path, fixed.number);
	return pack_module_size(path);
}

static void put_string(struct packer *packer, const char *text)
{
	put(packer, text, strlen(text) + 1);
}

static void put_row(struct packer *packer, uint8_t first, uint8_t second)
{
	const uint8_t bytes[2] = {first, second};

	put(packer, bytes, sizeof(bytes));
}

static void put_count(struct packer *packer, uint32_t count)
{
	put(packer, &count, sizeof(count));
}

size_t pack_names(void *to, size_t room)
{
	struct packer packer = {.bytes = to, .room = room};

	put_count(&packer, CALL_COUNT);
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		const struct call_row *row = &call_rows[call];
		uint8_t count = 0;

		while (count < EVENT_ARGUMENTS && row->kinds[count] != ARG_NONE)
			count++;
		put_row(&packer, row->effect, count);
		put_string(&packer, row->shown);
		put(&packer, row->kinds, count);
	}
	put_count(&packer, NOTE_COUNT);
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		put_row(&packer, note_rows[note].severity, 0);
		put_string(&packer, note_rows[note].name);
		put_string(&packer, note_rows[note].id);
	}
	put_count(&packer, FACT_FIELDS);
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++) {
		put_row(&packer, fact_fields[fact].is_signed, 0);
		put_string(&packer, fact_fields[fact].name);
	}
	return packer.is_cut ? 0 : packer.size;
}
