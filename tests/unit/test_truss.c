/* Whole records, byte for byte. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "format/facts.h"
#include "format/truss.h"

#define P UINT64_C(0x7FFC08043670)
#define ARGUMENTS(...)              \
	.arguments = {__VA_ARGS__}, \
	.argument_count = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)
#define DATA(bytes)                                                                         \
	.data = &(const struct iovec){(void *)(bytes), sizeof(bytes) - 1}, .data_count = 1, \
	.data_total = sizeof(bytes) - 1
#define BASE_NS UINT64_C(5000000000)
#define AT(ns) .base_ns = BASE_NS, .time_ns = BASE_NS + (ns)
#define ROW_32 " a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5"

static const struct tcpshim_facts facts = {
	.fd = 3,
	.before = STATE_ESTABLISHED,
	.now = STATE_CLOSE_WAIT,
	.local = {.family = AF_INET, .port = 33226, .bytes = {10, 88, 88, 139}},
	.peer = {.family = AF_INET, .port = 8080, .bytes = {10, 88, 88, 140}},
	.since_fin_ns = 82000000000,
	.lost_bytes = 22,
};

static const struct row {
	const char *does;
	struct tcpshim_event event;
	struct truss_style style;
	unit_notes notes, other_notes; /* of the first and the second subject */
	const char *text;
} rows[] = {
	/* The examples of the format's documentation. */
	{"read with data",
	 {.call = CALL_read,
	  ARGUMENTS(0, P, 1024),
	  .result = 22,
	  AT(3872692000000),
	  DATA("kodos, are you there?\n")},
	 {.stamps = TRUSS_BASE, .data_bytes = 12},
	 0,
	 0,
	 "3872.6920\tread(0, \" k o d o s ,   a r e   y\".., 1024)\t= 22\n"},
	{"an error",
	 {.call = CALL_read,
	  ARGUMENTS(3, 0x08043670, 1024),
	  .result = -1,
	  .error = ECONNRESET,
	  AT(3872693200000)},
	 {.stamps = TRUSS_BASE, .data_bytes = 12},
	 0,
	 0,
	 "3872.6932\tread(3, 0x08043670, 1024)\t\t\tErr#104 ECONNRESET\n"},
	{"sleeping",
	 {.call = CALL_poll,
	  .flags = EVENT_SLEEPING,
	  ARGUMENTS(P, 2, (uint64_t)-1),
	  .asked = {{3, POLLIN, 0}, {0, POLLIN, 0}},
	  .asked_total = 2,
	  .has_asked = true,
	  AT(1)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 "poll([3:POLLIN 0:POLLIN], 2, -1)\t(sleeping...)\n"},
	{"awake",
	 {.call = CALL_poll,
	  ARGUMENTS(P, 2, (uint64_t)-1),
	  .asked = {{3, POLLIN, 0}, {0, POLLIN, 0}},
	  .asked_total = 2,
	  .has_asked = true,
	  .ready = {{3, POLLIN, 0}},
	  .ready_total = 1,
	  .result = 1,
	  AT(126177100000)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 "126.1771\tpoll([3:POLLIN 0:POLLIN], 2, -1)\t\t= 1 [3:POLLIN]\n"},
	{"end of stream",
	 {.call = CALL_read, ARGUMENTS(3, P, 1024), AT(126177400000)},
	 {.stamps = TRUSS_BASE, .data_bytes = 12},
	 UNIT_NOTE(peer_fin),
	 0,
	 "126.1774\tread(3, 0x7FFC08043670, 1024)\t\t\t= 0\n"
	 "\t- fd 3 10.88.88.139:33226 > 10.88.88.140:8080: end of stream. The peer closed or shut "
	 "down its "
	 "sending side. ESTABLISHED > CLOSE_WAIT. [peer-fin]\n"},
	{"a late write",
	 {.call = CALL_write,
	  ARGUMENTS(3, P, 22),
	  .result = 22,
	  AT(3954012300000),
	  DATA("kodos, are you there?\n")},
	 {.stamps = TRUSS_BASE, .data_bytes = 12},
	 UNIT_NOTE(write_after_fin),
	 0,
	 "3954.0123\twrite(3, \" k o d o s ,   a r e   y\".., 22)\t= 22\n"
	 "\t! fd 3 to 10.88.88.140:8080: written 82.0 s after the peer's FIN was seen; if the peer has closed, this is answered "
	 "with a reset "
	 "and lost. [write-after-fin]\n"},

	/* Columns. */
	{"39 columns: two tabs",
	 {.call = CALL_epoll_wait, ARGUMENTS(5, P, 16, 1000), .result = 0},
	 {0},
	 0,
	 0,
	 "epoll_wait(5, 0x7FFC08043670, 16, 1000)\t\t= 0\n"},
	{"40 columns: one tab",
	 {.call = CALL_epoll_wait, ARGUMENTS(5, P, 16, 10000), .result = 0},
	 {0},
	 0,
	 0,
	 "epoll_wait(5, 0x7FFC08043670, 16, 10000)\t= 0\n"},
	{"47 columns: one tab",
	 {.call = CALL_sendto, ARGUMENTS(3, 0x12345678, 10, 0, 0x12345678, 12345), .result = 0},
	 {0},
	 0,
	 0,
	 "sendto(3, 0x12345678, 10, 0, 0x12345678, 12345)\t= 0\n"},
	{"48 columns: one blank",
	 {.call = CALL_sendto, ARGUMENTS(3, 0x12345678, 10, 0, 0x12345678, 123456), .result = 0},
	 {0},
	 0,
	 0,
	 "sendto(3, 0x12345678, 10, 0, 0x12345678, 123456) = 0\n"},
	{"sleeping, 31 columns",
	 {.call = CALL_recv, .flags = EVENT_SLEEPING, ARGUMENTS(3, P, 100, 0)},
	 {0},
	 0,
	 0,
	 "recv(3, 0x7FFC08043670, 100, 0)\t(sleeping...)\n"},
	{"sleeping, 34 columns: still a tab",
	 {.call = CALL_recv, .flags = EVENT_SLEEPING, ARGUMENTS(10, P, 10000, 0)},
	 {0},
	 0,
	 0,
	 "recv(10, 0x7FFC08043670, 10000, 0)\t(sleeping...)\n"},
	{"sleeping, short",
	 {.call = CALL_close, .flags = EVENT_SLEEPING, ARGUMENTS(3)},
	 {0},
	 0,
	 0,
	 "close(3)\t\t\t(sleeping...)\n"},
	{"more than eight descriptors",
	 {.call = CALL_poll,
	  ARGUMENTS(P, 120, 0),
	  .asked = {{1, 0, 0},
		    {2, 0, 0},
		    {3, 0, 0},
		    {4, 0, 0},
		    {5, 0, 0},
		    {6, 0, 0},
		    {7, 0, 0},
		    {8, 0, 0}},
	  .asked_total = 20,
	  .has_asked = true},
	 {0},
	 0,
	 0,
	 "poll([1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 … +12], 120, 0) = 0\n"},

	/* Stamps and prefixes. */
	{"all stamps, in order",
	 {.call = CALL_close,
	  ARGUMENTS(3),
	  AT(1000050000),
	  .previous_ns = BASE_NS + 900000000,
	  .start_ns = BASE_NS + 1000000000,
	  .realtime_ns = 1464310447629512000},
	 {.stamps = TRUSS_BASE | TRUSS_DELTA | TRUSS_ELAPSED | TRUSS_UTC},
	 0,
	 0,
	 " 1.0001\t 0.1001\t 0.0001\t2016-05-27T00:54:07.629512Z\tclose(3)\t\t\t\t\t= 0\n"},
	{"rounded down",
	 {.call = CALL_close, ARGUMENTS(3), AT(9999949999)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 " 9.9999\tclose(3)\t\t\t\t\t= 0\n"},
	{"rounded up",
	 {.call = CALL_close, ARGUMENTS(3), AT(9999950000)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 "10.0000\tclose(3)\t\t\t\t\t= 0\n"},
	{"a clock read in another order is never below 0",
	 {.call = CALL_close,
	  ARGUMENTS(3),
	  .base_ns = BASE_NS,
	  .time_ns = BASE_NS - 1,
	  .previous_ns = BASE_NS},
	 {.stamps = TRUSS_BASE | TRUSS_DELTA},
	 0,
	 0,
	 " 0.0000\t 0.0000\tclose(3)\t\t\t\t\t= 0\n"},
	{"a process",
	 {.call = CALL_close, .flags = EVENT_MANY_PROCESSES, .pid = 4711, ARGUMENTS(3), AT(0)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 "4711:\t 0.0000\tclose(3)\t\t\t\t\t= 0\n"},
	{"a thread",
	 {.call = CALL_close,
	  .flags = EVENT_MANY_THREADS,
	  .pid = 4711,
	  .thread_number = 2,
	  ARGUMENTS(3),
	  AT(0)},
	 {.stamps = TRUSS_BASE},
	 0,
	 0,
	 "/2:\t 0.0000\tclose(3)\t\t\t\t\t= 0\n"},
	{"a thread of a process, sleeping",
	 {.call = CALL_close,
	  .flags = EVENT_MANY_PROCESSES | EVENT_MANY_THREADS | EVENT_SLEEPING,
	  .pid = 4711,
	  .thread_number = 12,
	  ARGUMENTS(3)},
	 {.stamps = TRUSS_BASE | TRUSS_UTC},
	 0,
	 0,
	 "4711/12:\tclose(3)\t\t\t(sleeping...)\n"},

	/* Results. */
	{"a number",
	 {.call = CALL_socket, ARGUMENTS(AF_INET, SOCK_STREAM, 0), .result = 3},
	 {0},
	 0,
	 0,
	 "socket(AF_INET, SOCK_STREAM, IPPROTO_IP)\t= 3\n"},
	{"EPIPE is 32 on Linux",
	 {.call = CALL_write, ARGUMENTS(3, P, 22), .result = -1, .error = EPIPE},
	 {0},
	 0,
	 0,
	 "write(3, 0x7FFC08043670, 22)\t\t\tErr#32 EPIPE\n"},
	{"flags as a result",
	 {.call = CALL_fcntl, ARGUMENTS(3, F_GETFL, 0), .result = O_RDWR | O_NONBLOCK},
	 {0},
	 0,
	 0,
	 "fcntl(3, F_GETFL)\t\t\t\t= 2050 [O_RDWR|O_NONBLOCK]\n"},
	{"no flags as a result",
	 {.call = CALL_fcntl64, ARGUMENTS(3, F_GETFL, 0), .result = O_RDONLY},
	 {0},
	 0,
	 0,
	 "fcntl(3, F_GETFL)\t\t\t\t= 0 [O_RDONLY]\n"},
	{"flags beside O_RDONLY",
	 {.call = CALL_fcntl, ARGUMENTS(3, F_GETFL, 0), .result = O_RDONLY | O_NONBLOCK},
	 {0},
	 0,
	 0,
	 "fcntl(3, F_GETFL)\t\t\t\t= 2048 [O_RDONLY|O_NONBLOCK]\n"},
	{"the end has no result", {.call = CALL_exit, ARGUMENTS(2)}, {0}, 0, 0, "_exit(2)\n"},
	{"a rehearsal has no result",
	 {.call = CALL_rehearse, ARGUMENTS(3, SCENARIO_half_open)},
	 {0},
	 0,
	 0,
	 "rehearse(3, half-open)\n"},

	/* Payload. */
	{"escapes and hex",
	 {.call = CALL_read, ARGUMENTS(3, P, 64), .result = 9, DATA("\0\b\t\n\v\f\r\x1b\xff")},
	 {.data_bytes = 12},
	 0,
	 0,
	 "read(3, \"\\0\\b\\t\\n\\v\\f\\r1BFF\", 64)\t\t= 9\n"},
	{"twelve bytes",
	 {.call = CALL_read, ARGUMENTS(3, P, 64), .result = 12, DATA("hello, world")},
	 {.data_bytes = 12},
	 0,
	 0,
	 "read(3, \" h e l l o ,   w o r l d\", 64)\t\t= 12\n"},
	{"thirteen bytes",
	 {.call = CALL_read, ARGUMENTS(3, P, 64), .result = 13, DATA("hello, world!")},
	 {.data_bytes = 12},
	 0,
	 0,
	 "read(3, \" h e l l o ,   w o r l d\".., 64)\t= 13\n"},
	{"no payload wanted",
	 {.call = CALL_read, ARGUMENTS(3, P, 64), .result = 12, DATA("hello, world")},
	 {.data_bytes = 0},
	 0,
	 0,
	 "read(3, 0x7FFC08043670, 64)\t\t\t= 12\n"},
	{"rows stand between the line and the notes",
	 {.call = CALL_write,
	  ARGUMENTS(3, P, 46),
	  .result = 46,
	  DATA("hello, worldabcdefghijklmnopqrstuvwxyz012345\0#")},
	 {.data_bytes = 64},
	 UNIT_NOTE(data_lost),
	 0,
	 "write(3, \" h e l l o ,   w o r l d\".., 46)\t= 46\n"
	 "  " ROW_32 "\n"
	 "  \\0 #\n"
	 "\t!! fd 3 to 10.88.88.140:8080: 22 bytes written were never acknowledged and are lost, although write "
	 "reported success. "
	 "[data-lost]\n"},
	{"rows cut",
	 {.call = CALL_write,
	  ARGUMENTS(3, P, 46),
	  .result = 46,
	  DATA("hello, worldabcdefghijklmnopqrstuvwxyz012345##")},
	 {.data_bytes = 44},
	 0,
	 0,
	 "write(3, \" h e l l o ,   w o r l d\".., 46)\t= 46\n"
	 "  " ROW_32 "..\n"},

	/* Notes in their order, one connection after the other. */
	{"in their order, a connection after the other",
	 {.call = CALL_close, ARGUMENTS(3), .subjects_left_out = 2},
	 {0},
	 UNIT_NOTE(data_lost) | UNIT_NOTE(closed_after_death),
	 UNIT_NOTE(broken_pipe_own_shutdown),
	 "close(3)\t\t\t\t\t= 0\n"
	 "\t!! fd 3 to 10.88.88.140:8080: 22 bytes written were never acknowledged and are lost, although write "
	 "reported success. "
	 "[data-lost]\n"
	 "\t- fd 3 10.88.88.139:33226 > 10.88.88.140:8080: closed after the connection had died; "
	 "open for 0.0 ms: "
	 "sent 0 bytes, received 0 bytes. [closed-after-death]\n"
	 "\t! fd 3 to 10.88.88.140:8080: EPIPE because this program had shut down its own sending side. "
	 "[broken-pipe-own-shutdown]\n"
	 "\t- and 2 more connections, not shown here. [more]\n"},
	{"from a warning on",
	 {.call = CALL_close, ARGUMENTS(3), .subjects_left_out = 2},
	 {.least_severity = SEVERITY_WARN},
	 UNIT_NOTE(closed_after_death),
	 UNIT_NOTE(broken_pipe_own_shutdown),
	 "close(3)\t\t\t\t\t= 0\n"
	 "\t! fd 3 to 10.88.88.140:8080: EPIPE because this program had shut down its own sending side. "
	 "[broken-pipe-own-shutdown]\n"},
	{"errors only",
	 {.call = CALL_close, ARGUMENTS(3)},
	 {.least_severity = SEVERITY_ERROR},
	 UNIT_NOTE(data_lost),
	 UNIT_NOTE(broken_pipe_own_shutdown),
	 "close(3)\t\t\t\t\t= 0\n"
	 "\t!! fd 3 to 10.88.88.140:8080: 22 bytes written were never acknowledged and are lost, although write "
	 "reported success. "
	 "[data-lost]\n"},
	{"none",
	 {.call = CALL_close, ARGUMENTS(3), .subjects_left_out = 1},
	 {.least_severity = SEVERITY_NONE},
	 UNIT_NOTES_ALL,
	 0,
	 "close(3)\t\t\t\t\t= 0\n"},
	{"in colour",
	 {.call = CALL_close, ARGUMENTS(3)},
	 {.has_colour = true},
	 UNIT_NOTE(data_lost) | UNIT_NOTE(broken_pipe_own_shutdown),
	 UNIT_NOTE(closed_after_death),
	 "close(3)\t\t\t\t\t= 0\n"
	 "\t\x1b[1;31m!! fd 3 to 10.88.88.140:8080: 22 bytes written were never acknowledged and are lost, although "
	 "write reported "
	 "success. [data-lost]\x1b[0m\n"
	 "\t\x1b[33m! fd 3 to 10.88.88.140:8080: EPIPE because this program had shut down its own sending side. "
	 "[broken-pipe-own-shutdown]\x1b[0m\n"
	 "\t\x1b[36m- fd 3 10.88.88.139:33226 > 10.88.88.140:8080: closed after the connection "
	 "had died; open for "
	 "0.0 ms: sent 0 bytes, received 0 bytes. [closed-after-death]\x1b[0m\n"},
};

/* Allocated, since the event is large. */
static struct tcpshim_event event;

static void fill_event(const struct row *row)
{
	event = row->event;
	event.subjects[0] =
		(struct tcpshim_subject){.notes = unit_note_set(row->notes), .facts = facts};
	event.subjects[1] =
		(struct tcpshim_subject){.notes = unit_note_set(row->other_notes), .facts = facts};
	event.subject_count = row->other_notes != 0 ? 2 : row->notes != 0;
}

static void test_records(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		fill_event(&rows[i]);
		truss_event(unit_begin(), &event, &rows[i].style);
		is_right &= unit_is_text(rows[i].does, unit_end(), rows[i].text);
		if (unit_buf.size > truss_event_bound(&event, &rows[i].style)) {
			print_error("%s: longer than its bound\n", rows[i].does);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* Returns the column, with tab stops of 8, which is what the format's documentation counts. */
static unsigned column_of(const char *line, const char *end)
{
	unsigned column = 0;

	for (; line < end; line++) {
		if (*line == '\t')
			column = (column / 8 + 1) * 8;
		else if (((unsigned char)*line & 0xc0) != 0x80)
			column++;
	}
	return column;
}

/* Returns the column of "(sleeping...)": 32, or one tab after a longer call. */
static unsigned next_column(unsigned column)
{
	return column < 32 ? 32 : (column / 8 + 1) * 8;
}

static void test_columns(void **state)
{
	static const struct truss_style style = {0};
	const char *result;

	(void)state;
	for (uint64_t size = 1; size < UINT64_MAX / 10; size *= 10) {
		event = (struct tcpshim_event){.call = CALL_read, ARGUMENTS(3, P, size)};
		truss_event(unit_begin(), &event, &style);
		result = strstr(unit_end(), "= 0");
		assert_int_equal(column_of(unit_text, result), 48);
		event.flags = EVENT_SLEEPING;
		truss_event(unit_begin(), &event, &style);
		result = strstr(unit_end(), "(sleeping");
		assert_int_equal(column_of(unit_text, result),
				 next_column(column_of(unit_text, strchr(unit_text, '\t'))));
	}
}

static void fill_longest_facts(struct tcpshim_facts *longest)
{
	memset(longest, 0xff, sizeof(*longest));
	longest->fd = longest->other_fd = INT32_MIN;
	longest->before = STATE_ESTABLISHED;
	longest->now = STATE_FIN_WAIT_1;
	longest->reported = REPORTED_AS_EOF;
	longest->local.family = longest->peer.family = AF_INET6;
	longest->age_ns = longest->since_fin_ns = longest->waiting_ns = longest->handshake_ns =
		UINT64_MAX / 2;
	longest->silence_ns = longest->silence_before_ns = longest->user_timeout_ns =
		UINT64_MAX / 2;
}

/* The longest record fits into its bound. */
static void test_bound(void **state)
{
	static const struct truss_style style = {
		.stamps = TRUSS_BASE | TRUSS_DELTA | TRUSS_ELAPSED | TRUSS_UTC,
		.data_bytes = UINT64_MAX,
		.has_colour = true,
	};
	static char text[1 << 20], payload[4096];
	static const int64_t time[2] = {INT64_MIN, INT64_MAX};
	struct iovec vector = {payload, sizeof(payload)};
	struct strbuf buf;

	(void)state;
	event = (struct tcpshim_event){
		.call = CALL_ppoll,
		.flags = EVENT_MANY_PROCESSES | EVENT_MANY_THREADS,
		.pid = INT32_MIN,
		.thread_number = UINT32_MAX,
		.time_ns = UINT64_MAX / 2,
		.realtime_ns = INT64_MAX,
		.result = INT64_MIN,
		ARGUMENTS(P, UINT64_MAX, P, UINT64_MAX),
		.value = time,
		.value_size = sizeof(time),
		.data = &vector,
		.data_count = 1,
		.data_total = sizeof(payload),
		.asked_total = UINT64_MAX,
		.ready_total = UINT64_MAX,
		.has_asked = true,
		.subject_count = EVENT_SUBJECTS,
		.subjects_left_out = UINT32_MAX,
	};
	for (unsigned i = 0; i < EVENT_WATCHES; i++)
		event.asked[i] = event.ready[i] =
			(struct tcpshim_watch){.fd = INT32_MIN, .events = UINT16_MAX};
	for (unsigned i = 0; i < EVENT_SUBJECTS; i++) {
		event.subjects[i].notes = unit_note_set(UNIT_NOTES_ALL);
		fill_longest_facts(&event.subjects[i].facts);
	}
	strbuf_init(&buf, text, sizeof(text));
	truss_event(&buf, &event, &style);
	assert_false(buf.is_cut);
	assert_true(buf.size <= truss_event_bound(&event, &style));

	/* Without notes and payload the room for the line itself must be enough. */
	event.subject_count = 0;
	event.data_total = 0;
	strbuf_init(&buf, text, sizeof(text));
	truss_event(&buf, &event, &style);
	if (buf.size > truss_event_bound(&event, &style))
		print_error("a line of %zu bytes, its bound %zu\n", buf.size,
			    truss_event_bound(&event, &style));
	assert_true(buf.size <= truss_event_bound(&event, &style));
}

/* Each note alone with the longest facts. */
static void test_bound_of_each_note(void **state)
{
	static const struct truss_style style = {.has_colour = true};
	bool is_right = true;
	size_t without, room;

	(void)state;
	event = (struct tcpshim_event){.call = CALL_close};
	truss_event(unit_begin(), &event, &style);
	without = unit_buf.size;
	room = truss_event_bound(&event, &style);
	event.subject_count = 1;
	fill_longest_facts(&event.subjects[0].facts);
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		event.subjects[0].notes = unit_note_set((unit_notes)1 << note);
		truss_event(unit_begin(), &event, &style);
		if (unit_buf.size - without > truss_event_bound(&event, &style) - room) {
			print_error("%s: %zu bytes, room for %zu\n", note_rows[note].id,
				    unit_buf.size - without,
				    truss_event_bound(&event, &style) - room);
			is_right = false;
		}
	}
	assert_true(is_right);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_bound_of_each_note),
	};

	return cmocka_run_group_tests_name("truss", tests, NULL, NULL);
}
