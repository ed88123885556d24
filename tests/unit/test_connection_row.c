/* What a row of the table of connections shows of a number: exactly, at least, or not known. */
#include "unit.h"

#include "format/connection_number.h"

enum { MS = 1000000 };

/* What happened to a connection, in a letter each, one millisecond apart from 1 ms on: connected,
 * Write of 10 bytes, Read of 4, Splice from a pipe of 10, splice to a pipe (s) of 4, Dup, close of
 * one descriptor, Note that it was closed (with what the library had counted: 18 and 4 bytes),
 * peer's fin (with the same), Range of time begins, Gaps in the recording, X its process ends, L it
 * is still there. */
static void play(struct connection_row *row, const char *history)
{
	static const uint16_t calls[] = {
		['c'] = CALL_connect, ['W'] = CALL_write, ['R'] = CALL_read,   ['D'] = CALL_dup,
		['x'] = CALL_close,   ['N'] = CALL_close, ['S'] = CALL_splice, ['s'] = CALL_splice,
	};
	struct tcpshim_event event = {.pid = 7, .time_ns = MS};

	connection_row_start(row, &event, 1);
	for (uint64_t now = MS; *history; history++, now += MS) {
		struct tcpshim_subject subject = {.facts = {.serial = 1,
							    .fd = 3,
							    .before = STATE_ESTABLISHED,
							    .sent_bytes = 18,
							    .received_bytes = 4,
							    .age_ns = 500000}};

		event = (struct tcpshim_event){.pid = 7, .time_ns = now, .argument_count = 1};
		event.arguments[0] = *history == 'S' ? 9 : 3;
		event.arguments[2] = *history == 'S' ? 3 : 9;
		event.connection.serial = 1;
		event.result = strchr("WS", *history) ? 10 : strchr("Rs", *history) ? 4 : 0;
		event.data_total = (uint64_t)event.result;
		if (strchr("cWRSsDxN", *history)) {
			event.call = calls[(uint8_t)*history];
			connection_row_call(row, &event);
		}
		subject.notes = unit_note_set(*history == 'N' ? UNIT_NOTE(closed_first)
							      : UNIT_NOTE(peer_fin));
		if (strchr("Np", *history))
			connection_row_subject(row, &event, &subject);
		if (*history == 'P')
			connection_row_restart(row, now);
		row->has_gaps |= *history == 'G';
		if (strchr("XL", *history))
			connection_row_leave(row, now, *history == 'X');
	}
}

static void put(struct strbuf *buf, struct known_number number, uint64_t unit)
{
	static const char *const words[] =
		{[KNOWN_NOT] = "-", [KNOWN_AT_LEAST] = ">", [KNOWN_EXACTLY] = ""};

	strbuf_string(buf, words[number.known]);
	if (number.known != KNOWN_NOT)
		strbuf_unsigned(buf, number.value / unit);
	strbuf_char(buf, ' ');
}

/* lived ms, sent, writes, received, reads, silence ms */
static void test_numbers(void **state)
{
	static const struct {
		const char *history, *wanted;
	} rows[] = {
		/* The note has the totals; the time before the close is a silence too. */
		{"cWRWN", "4 20 2 4 1 1 "},
		{"cWLLLN", "5 18 >1 4 - - "},
		{"cWRWLLLN", "7 20 2 4 1 4 "},
		/* The pipe comes first or last. */
		{"cWSSsN", "5 30 3 4 1 1 "},
		/* Until its process ended, or until it was last seen. */
		{"cWRLLX", "5 10 1 4 1 3 "},
		{"cWRLL", ">4 10 1 4 1 >2 "},
		{"cWR", ">2 10 1 4 1 >1 "},
		{"W", "- 10 1 0 0 - "},
		/* Closed without a note: once per descriptor. */
		{"cWRxLX", "3 10 1 4 1 1 "},
		{"cWRDxLX", "6 10 1 4 1 4 "},
		{"cWRDxx", "5 10 1 4 1 3 "},
		{"cWxRX", "4 10 1 4 1 2 "},
		/* Calls are missing. A silence could then be too long. */
		{"GWX", ">2 >10 >1 - - - "},
		{"GWN", "0 18 >1 4 - - "},
		{"cGWp", ">3 >18 >1 >4 - - "},
		{"Gc", "- - - - - - "},
		/* Inherited by fork: its totals are those of the parent too. */
		{"pWN", "2 10 1 0 0 >1 "},
		{"pN", "1 0 0 0 0 >1 "},
		{"WLX", ">2 10 1 0 0 - "},
		/* A part of the trace: its sums, and the whole life. */
		{"cWRPWN", "5 10 1 0 0 1 "},
		{"cWRPN", "4 0 0 0 0 1 "},
		{"cWRPGWN", "6 >10 >1 - - - "},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf *buf = unit_begin();
		struct connection_row row;

		play(&row, rows[i].history);
		put(buf, connection_number_lived_ns(&row), MS);
		put(buf, connection_number_sent(&row), 1);
		put(buf, connection_number_writes(&row), 1);
		put(buf, connection_number_received(&row), 1);
		put(buf, connection_number_reads(&row), 1);
		put(buf, connection_number_silence_ns(&row), MS);
		is_right &= unit_is_text(rows[i].history, unit_end(), rows[i].wanted);
	}
	assert_true(is_right);
}

/* What the kernel was not asked for is not 0. */
static void test_not_measured(void **state)
{
	struct connection_row row;

	(void)state;
	play(&row, "cWRN");
	assert_int_equal(connection_number_handshake_ns(&row).known, KNOWN_NOT);
	assert_int_equal(connection_number_rtt_ns(&row).known, KNOWN_NOT);
	assert_int_equal(connection_number_retransmits(&row).known, KNOWN_NOT);
	row.is_sampled = true;
	row.rtt_ns = 5;
	assert_int_equal(connection_number_rtt_ns(&row).value, 5);
	assert_int_equal(connection_number_retransmits(&row).known, KNOWN_EXACTLY);
}

/* Nothing is known of what it was before, and a listener is never silent. */
static void test_kinds(void **state)
{
	struct connection_row row;

	(void)state;
	play(&row, "cWRX");
	row.is_adopted = true;
	assert_int_equal(connection_number_lived_ns(&row).known, KNOWN_AT_LEAST);
	assert_int_equal(connection_number_silence_ns(&row).known, KNOWN_AT_LEAST);
	assert_int_equal(connection_number_sent(&row).known, KNOWN_EXACTLY);
	row.role = ROLE_LISTENER;
	row.has_gaps = true;
	assert_int_equal(connection_number_silence_ns(&row).known, KNOWN_NOT);
	assert_int_equal(connection_number_writes(&row).known, KNOWN_EXACTLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_not_measured),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
