/* The rows of ladders, and how they are drawn. */
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/names.h"
#include "picture/ladder.h"
#include "picture/ladder_line.h"
#include "picture/ladder_rows.h"
#include "picture/ladder_text.h"

#define MS(n) (UINT64_C(1000000) * (n))
#define S(n) MS(UINT64_C(1000) * (n))

enum { MOST_MOMENTS = 32 };

/* A call of a history, and where its end is: ours or theirs. */
struct told {
	char side; /* '<' ours, '>' theirs, 0: no more */
	uint16_t call;
	uint64_t time_ns, start_ns; /* start_ns 0: the same */
	int64_t result;
	int32_t error;
	uint8_t state;
	unit_notes notes;
	uint8_t fin_time;
	uint64_t fin_ns;
	const char *text; /* NULL: the name alone */
	bool is_sleeping;
};

struct history {
	const char *name;
	struct told told[MOST_MOMENTS];
	uint64_t lost_bytes;
	bool has_gaps;
	int64_t offset_ns;
	const char *rows;
};

static struct moment moments[2][MOST_MOMENTS];
static struct picture_end ends[2];
static struct picture picture;

static void tell(struct picture_end *end, const struct told *told)
{
	struct chronicle *chronicle = &end->chronicle;
	struct moment *moment = &chronicle->list[chronicle->count++];
	uint8_t effect = call_rows[told->call].effect;

	*moment = (struct moment){
		.start_ns = told->start_ns ? told->start_ns : told->time_ns,
		.time_ns = told->time_ns,
		.call = told->call,
		.state = told->state,
		.is_sleeping = told->is_sleeping,
		.error = told->error,
		.result = told->error ? -1 : told->result,
		.notes = unit_note_set(told->notes),
		.fin_time = told->fin_time,
		.fin_ns = told->fin_ns,
		.text = (char *)(told->text ? told->text : call_rows[told->call].shown),
	};
	if (moment->result <= 0 || (effect != EFFECT_READ && effect != EFFECT_WRITE))
		return;
	moment->bytes = (uint64_t)told->result;
	moment->direction = effect == EFFECT_READ ? MOMENT_RECEIVED : MOMENT_SENT;
	uint64_t *total = effect == EFFECT_READ ? &chronicle->received_bytes
						: &chronicle->sent_bytes;
	moment->position = *total;
	*total += moment->bytes;
}

/* Makes the picture of a history. An end without a close is open when its recording ends. */
static void make(const struct history *history)
{
	picture = (struct picture){.ours = &ends[0], .offset_ns = history->offset_ns};
	for (unsigned side = 0; side < 2; side++)
		ends[side] = (struct picture_end){
			.program = side ? "server" : "client",
			.host = "",
			.boot = "",
			.row = {.serial = side + 1,
				.fd = 3,
				.role = side ? ROLE_SERVER : ROLE_CLIENT,
				.has_gaps = history->has_gaps,
				.ended = CONNECTION_ROW_NO_NOTE,
				.closed_ns = S(100)},
			.story = {.lost_bytes = side ? 0 : history->lost_bytes},
			.chronicle = {.list = moments[side], .most = MOST_MOMENTS},
		};
	for (const struct told *told = history->told; told->side; told++) {
		tell(&ends[told->side == '>'], told);
		if (told->side == '>')
			picture.theirs = &ends[1];
	}
}

static void append_arrow(struct strbuf *buf, const struct ladder_row *row)
{
	static const char *const names[] = {"",          "data", "SYN", "SYN+ACK",
					    "handshake", "FIN",  "RST"};

	if (row->arrow == LADDER_NO_ARROW)
		return;
	strbuf_string(buf, row->is_start_seen ? " --" : " ..");
	strbuf_string(buf, names[row->arrow]);
	strbuf_string(buf, row->is_arrival_seen ? "--" : "..");
	strbuf_string(buf, row->from == LADDER_OURS ? ">" : "<");
	if (row->arrives != LADDER_NOWHERE)
		strbuf_unsigned(buf, row->arrives);
	if (row->is_rest)
		strbuf_string(buf, " rest");
}

/* Appends a row: "2 < write = 22 --data--> 3; ". */
static void append_row(struct strbuf *buf, const struct ladder_row *row, size_t index)
{
	strbuf_unsigned(buf, index);
	strbuf_string(buf, row->side == LADDER_OURS ? " < " : " > ");
	switch (row->kind) {
	case LADDER_CALL:
		ladder_text_call(buf, row->moment);
		break;
	case LADDER_BEGIN:
		strbuf_string(buf, "begin");
		break;
	case LADDER_SILENCE:
		strbuf_string(buf, "silence ");
		strbuf_duration(buf, row->number);
		break;
	case LADDER_LEFT_OUT:
		strbuf_string(buf, "left out ");
		strbuf_unsigned(buf, row->number);
		break;
	case LADDER_REPEAT:
		strbuf_string(buf, "again ");
		strbuf_unsigned(buf, row->number);
		break;
	case LADDER_END:
		strbuf_string(buf, "end");
		break;
	default:
		strbuf_string(buf, row->is_bound ? "earlier" : "wire");
		break;
	}
	if (row->count > 1 || row->kind == LADDER_REPEAT) {
		strbuf_string(buf, " x ");
		strbuf_unsigned(buf, row->count);
	}
	append_arrow(buf, row);
	if (row->lost_bytes > 0) {
		strbuf_string(buf, " lost ");
		strbuf_unsigned(buf, row->lost_bytes);
	}
	if (row->has_state) {
		strbuf_char(buf, ' ');
		strbuf_string(buf, names_tcp_state(row->state));
	}
	strbuf_string(buf, "; ");
}

static const struct history histories[] = {
	{.name = "an ordinary conversation, seen by one end",
	 .told = {{'<', CALL_connect, MS(5), MS(2), .state = STATE_ESTABLISHED,
		   .notes = UNIT_NOTE(connected)},
		  {'<', CALL_write, MS(6), .result = 22, .state = STATE_ESTABLISHED},
		  {'<', CALL_read, MS(7), .result = 5, .state = STATE_ESTABLISHED},
		  {'<', CALL_read, MS(8), .state = STATE_CLOSE_WAIT, .notes = UNIT_NOTE(peer_fin)},
		  {'<', CALL_close, MS(9), .state = STATE_LAST_ACK,
		   .notes = UNIT_NOTE(closed_after_peer)}},
	 .rows = "0 < begin --SYN..> SYN_SENT; 1 < connect = 0 ..SYN+ACK--< ESTABLISHED; "
		 "2 < write = 22 --data..>; 3 < read = 5 ..data--<; "
		 "4 < read = 0 ..FIN--< CLOSE_WAIT; 5 < close --FIN..> LAST_ACK; "},
	{.name = "a connect that does not wait",
	 .told = {{'<', CALL_connect, MS(5), .error = EINPROGRESS, .state = STATE_SYN_SENT,
		   .notes = UNIT_NOTE(connecting)},
		  {'<', CALL_poll, MS(6), .result = 1, .state = STATE_ESTABLISHED,
		   .notes = UNIT_NOTE(connected_later)}},
	 .rows = "0 < connect EINPROGRESS --SYN..> SYN_SENT; "
		 "1 < poll = 1 ..SYN+ACK--< ESTABLISHED; "},
	{.name = "a connect that is refused",
	 .told = {{'<', CALL_connect, MS(5), MS(2), .error = ECONNREFUSED, .state = STATE_CLOSE,
		   .notes = UNIT_NOTE(connect_refused)}},
	 .rows = "0 < begin --SYN..> SYN_SENT; 1 < connect ECONNREFUSED ..RST--< CLOSE; "},
	{.name = "a connect for which no port is left sends nothing",
	 .told = {{'<', CALL_connect, MS(5), MS(2), .error = EADDRNOTAVAIL,
		   .notes = UNIT_NOTE(ports_exhausted)}},
	 .rows = "0 < connect EADDRNOTAVAIL; "},
	{.name = "the peer's FIN arrived before it was read",
	 .told = {{'<', CALL_write, S(1), .result = 5, .state = STATE_ESTABLISHED},
		  {'<', CALL_write, S(5), .result = 5, .state = STATE_CLOSE_WAIT,
		   .notes = UNIT_NOTE(stale_reuse), .fin_time = FIN_ARRIVED, .fin_ns = S(3)}},
	 .rows = "0 < write = 5 --data..> ESTABLISHED; 1 < silence 2.0 s; "
		 "2 < wire ..FIN--< CLOSE_WAIT; 3 < silence 2.0 s; 4 < write = 5 --data..>; "},
	{.name = "the peer's FIN arrived at some time before, and the close sees it",
	 .told = {{'<', CALL_close, S(1), .state = STATE_LAST_ACK,
		   .notes = UNIT_NOTE(closed_after_peer_unread), .fin_time = FIN_ARRIVED_BEFORE,
		   .fin_ns = MS(900)}},
	 .rows = "0 < earlier ..FIN--<; 1 < close --FIN..> LAST_ACK; "},
	{.name = "a note that measured nothing of a FIN tells of none",
	 .told = {{'<', CALL_poll, S(1), .state = STATE_ESTABLISHED,
		   .notes = UNIT_NOTE(no_failure_detection), .fin_time = FIN_SEEN, .fin_ns = S(1)}},
	 .rows = "0 < poll = 0 ESTABLISHED; "},
	{.name = "a shutdown sends the FIN, the close after it none",
	 .told = {{'<', CALL_shutdown, MS(1), .notes = UNIT_NOTE(own_fin),
		   .state = STATE_FIN_WAIT_1, .text = "shutdown(3, SHUT_WR)\t= 0\n"},
		  {'<', CALL_close, MS(2), .notes = UNIT_NOTE(closed_first)}},
	 .rows = "0 < shutdown SHUT_WR --FIN..> FIN_WAIT_1; 1 < close; "},
	{.name = "a close with unread data sends RST",
	 .told = {{'<', CALL_close, MS(2), .notes = UNIT_NOTE(closed_with_unread_data),
		   .state = STATE_FIN_WAIT_1}},
	 .rows = "0 < close --RST..> CLOSE; "},
	{.name = "a close of one of two descriptors, or after the death, sends nothing",
	 .told = {{'<', CALL_close, MS(2), .notes = UNIT_NOTE(closed_shared)},
		  {'<', CALL_close, MS(3), .notes = UNIT_NOTE(closed_after_death)}},
	 .rows = "0 < close; 1 < close; "},
	{.name = "what was never acknowledged is lost",
	 .told = {{'<', CALL_write, MS(1), .result = 22}, {'<', CALL_write, MS(2), .result = 22}},
	 .lost_bytes = 30,
	 .rows = "0 < write = 22 --data..> lost 8; 1 < write = 22 --data..> lost 22; "},
	{.name = "but not where calls are missing",
	 .told = {{'<', CALL_write, MS(1), .result = 22}, {'<', CALL_write, MS(2), .result = 22}},
	 .lost_bytes = 30,
	 .has_gaps = true,
	 .rows = "0 < write = 22 --data..>; 1 < write = 22 --data..>; "},
	{.name = "calls that look the same are one row, those that do not are not",
	 .told = {{'<', CALL_read, MS(1), .error = EAGAIN},
		  {'<', CALL_read, MS(2), .error = EAGAIN},
		  {'<', CALL_read, MS(3), .error = EAGAIN},
		  {'<', CALL_read, MS(4), .error = EINTR},
		  {'<', CALL_read, MS(5), .error = EAGAIN}},
	 .rows = "0 < read EAGAIN x 3; 1 < read EINTR; 2 < read EAGAIN; "},
	{.name = "a note keeps a call from being folded",
	 .told = {{'<', CALL_read, MS(1), .error = EAGAIN},
		  {'<', CALL_read, MS(2), .error = EAGAIN, .notes = UNIT_NOTE(spinning)}},
	 .rows = "0 < read EAGAIN; 1 < read EAGAIN; "},
	{.name = "four reads in a row are one, three are three",
	 .told = {{'<', CALL_read, MS(1), .result = 10},
		  {'<', CALL_read, MS(2), .result = 11},
		  {'<', CALL_read, MS(3), .result = 12},
		  {'<', CALL_read, MS(4), .result = 13},
		  {'<', CALL_write, MS(5), .result = 1},
		  {'<', CALL_write, MS(6), .result = 1},
		  {'<', CALL_write, MS(7), .result = 1}},
	 .rows = "0 < read = 10 x 4 ..data--<; 1 < write = 1 --data..>; 2 < write = 1 --data..>; "
		 "3 < write = 1 --data..>; "},
	{.name = "reads with a pause between them are not one",
	 .told = {{'<', CALL_read, S(1), .result = 10},
		  {'<', CALL_read, S(3), .result = 11},
		  {'<', CALL_read, S(5), .result = 12},
		  {'<', CALL_read, S(7), .result = 13}},
	 .rows = "0 < read = 10 ..data--<; 1 < silence 2.0 s; 2 < read = 11 ..data--<; "
		 "3 < silence 2.0 s; 4 < read = 12 ..data--<; 5 < silence 2.0 s; "
		 "6 < read = 13 ..data--<; "},
	{.name = "calls in turn are shown once",
	 .told = {{'<', CALL_write, MS(1), .result = 10},
		  {'<', CALL_read, MS(2), .result = 11},
		  {'<', CALL_write, MS(3), .result = 12},
		  {'<', CALL_read, MS(4), .result = 13},
		  {'<', CALL_write, MS(5), .result = 10},
		  {'<', CALL_read, MS(6), .result = 11},
		  {'<', CALL_close, MS(7)}},
	 .rows = "0 < write = 10 --data..>; 1 < read = 11 ..data--<; 2 < again 2 x 2; 3 < close; "},
	{.name = "twice is no turn",
	 .told = {{'<', CALL_write, MS(1), .result = 10},
		  {'<', CALL_read, MS(2), .result = 11},
		  {'<', CALL_write, MS(3), .result = 12},
		  {'<', CALL_read, MS(4), .result = 13}},
	 .rows = "0 < write = 10 --data..>; 1 < read = 11 ..data--<; 2 < write = 12 --data..>; "
		 "3 < read = 13 ..data--<; "},
	{.name = "a call that waits is part of the silence, and is told if it has a note",
	 .told = {{'<', CALL_write, S(1), .result = 1},
		  {'<', CALL_read, S(2), .is_sleeping = true},
		  {'<', CALL_read, S(4), S(1), .result = 1},
		  {'<', CALL_read, S(5), .is_sleeping = true,
		   .notes = UNIT_NOTE(no_failure_detection)},
		  {'<', CALL_read, S(7), S(4), .result = 1}},
	 .rows = "0 < write = 1 --data..>; 1 < silence 3.0 s; 2 < read = 1 ..data--<; "
		 "3 < read (sleeping...); 4 < silence 3.0 s; 5 < read = 1 ..data--<; "},
	{.name = "both ends: what one wrote arrives where the other read it",
	 .told = {{'<', CALL_write, MS(1), .result = 22},
		  {'<', CALL_write, MS(2), .result = 10},
		  {'>', CALL_read, MS(3), .result = 32},
		  {'>', CALL_write, MS(4), .result = 8},
		  {'<', CALL_read, MS(5), .result = 5},
		  {'<', CALL_read, MS(6), .result = 3}},
	 .rows = "0 < write = 22 --data-->2; 1 < write = 10 --data-->2; 2 > read = 32; "
		 "3 > write = 8 --data--<4; 4 < read = 5; 5 < read = 3 ..data--< rest; "},
	{.name = "both ends: what was not read is lost",
	 .told = {{'<', CALL_write, MS(1), .result = 22},
		  {'>', CALL_read, MS(2), .result = 22},
		  {'<', CALL_write, MS(3), .result = 22}},
	 .rows = "0 < write = 22 --data-->1; 1 > read = 22; 2 < write = 22 --data..> lost 22; "},
	{.name = "both ends: nothing is counted where calls are missing",
	 .told = {{'<', CALL_write, MS(1), .result = 22},
		  {'>', CALL_read, MS(2), .result = 11},
		  {'<', CALL_write, MS(3), .result = 22}},
	 .has_gaps = true,
	 .rows = "0 < write = 22 --data..>; 1 > read = 11 ..data-->; 2 < write = 22 --data..>; "},
	{.name = "both ends: a write that returned after its bytes were read began before",
	 .told = {{'<', CALL_write, MS(9), MS(1), .result = 22},
		  {'>', CALL_read, MS(2), .result = 22}},
	 .rows = "0 < write = 22 --data-->1; 1 > read = 22; "},
	{.name = "both ends: their clock is behind by 5 s",
	 .told = {{'<', CALL_write, S(6), .result = 22},
		  {'>', CALL_read, S(1) + MS(1), .result = 22}},
	 .offset_ns = (int64_t)S(5),
	 .rows = "0 < write = 22 --data-->1; 1 > read = 22; "},
	{.name = "both ends: the handshake is told once, and FIN arrives where it was seen",
	 .told = {{'<', CALL_connect, MS(2), MS(1), .state = STATE_ESTABLISHED,
		   .notes = UNIT_NOTE(connected)},
		  {'>', CALL_accept, MS(3), .state = STATE_ESTABLISHED, .result = 4,
		   .notes = UNIT_NOTE(accepted)},
		  {'<', CALL_close, MS(4), .state = STATE_FIN_WAIT_1,
		   .notes = UNIT_NOTE(closed_first)},
		  {'>', CALL_read, MS(5), .state = STATE_CLOSE_WAIT, .notes = UNIT_NOTE(peer_fin)}},
	 .rows = "0 < begin --SYN..> SYN_SENT; 1 < connect = 0 ..SYN+ACK--< ESTABLISHED; "
		 "2 > accept = 4 ESTABLISHED; 3 < close --FIN-->4 FIN_WAIT_1; "
		 "4 > read = 0 CLOSE_WAIT; "},
	{.name = "both ends: a reset arrives where it was seen",
	 .told = {{'>', CALL_close, MS(1), .state = STATE_CLOSE, .notes = UNIT_NOTE(aborted)},
		  {'<', CALL_read, MS(5), .state = STATE_CLOSE, .error = ECONNRESET,
		   .notes = UNIT_NOTE(reset_by_peer)}},
	 .rows = "0 > close --RST--<1 CLOSE; 1 < read ECONNRESET CLOSE; "},
	{.name = "both ends: a reset that the other program knows nothing of",
	 .told = {{'>', CALL_read, MS(1), .error = EAGAIN},
		  {'<', CALL_read, MS(5), .state = STATE_CLOSE, .error = ECONNRESET,
		   .notes = UNIT_NOTE(reset_peer_forgot)}},
	 .rows = "0 > read EAGAIN; 1 < read ECONNRESET ..RST--< CLOSE; "},
};

static void test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(histories); i++) {
		struct ladder_rows rows;
		struct strbuf *buf = unit_begin();

		make(&histories[i]);
		ladder_rows_make(&rows, &picture);
		for (size_t j = 0; j < rows.count; j++)
			append_row(buf, &rows.list[j], j);
		ladder_rows_free(&rows);
		wrong += !unit_is_text(histories[i].name, unit_end(), histories[i].rows);
	}
	assert_int_equal(wrong, 0);
}

static void test_left_out_and_open(void **state)
{
	static const struct history history = {
		.told = {{'<', CALL_write, MS(1), .result = 1},
			 {'<', CALL_write, MS(2), .result = 2},
			 {'<', CALL_write, MS(3), .result = 3},
			 {'<', CALL_write, MS(4), .result = 4}},
	};
	struct ladder_rows rows;
	struct strbuf *buf = unit_begin();

	(void)state;
	make(&history);
	ends[0].chronicle.most = 4;
	ends[0].chronicle.left_out = 1234;
	ends[0].row.closed_ns = 0;
	ends[0].end_ns = MS(5);
	ladder_rows_make(&rows, &picture);
	for (size_t i = 0; i < rows.count; i++)
		append_row(buf, &rows.list[i], i);
	ladder_rows_free(&rows);
	assert_string_equal(unit_end(),
			    "0 < write = 1 --data..>; 1 < write = 2 --data..>; 2 < left out 1234; "
			    "3 < write = 3 --data..>; 4 < write = 4 --data..>; 5 < end; ");
}

static void test_end_in_silence(void **state)
{
	static const struct history history = {
		.told = {{'<', CALL_write, S(1), .result = 1},
			 {'>', CALL_read, S(1), .result = 1},
			 {'<', CALL_write, S(9), .result = 2}},
	};
	struct ladder_rows rows;
	struct strbuf *buf = unit_begin();

	(void)state;
	make(&history);
	for (unsigned side = 0; side < 2; side++) {
		ends[side].row.closed_ns = 0;
		ends[side].end_ns = side ? S(3) : S(20);
	}
	ladder_rows_make(&rows, &picture);
	for (size_t i = 0; i < rows.count; i++)
		append_row(buf, &rows.list[i], i);
	ladder_rows_free(&rows);
	assert_string_equal(unit_end(),
			    "0 < write = 1 --data-->1; 1 > read = 1; 2 > end; 3 < silence 8.0 s; "
			    "4 < write = 2 --data..> lost 2; 5 < silence 11.0 s; 6 < end; ");
}

/* --- Text. --- */

static void test_payload(void **state)
{
	static const struct {
		const char *text, *payload;
		size_t most;
	} rows[] = {
		{"write(3, \" h e l l o\\n\", 6)\t= 6", "\"hello.\"", 40},
		{"write(3, \" h e l l o   w\\r\\n1BFF\\0\", 6)\t= 6", "\"hello w.....\"", 40},
		{"write(3, \" h e l l o\".., 6)\t= 6", "\"hello\"..", 40},
		{"write(3, \" h e l l o\", 5)\t= 5", "\"he\"..", 6},
		{"write(3, \" h e l l o\", 5)\t= 5", "", 5},
		{"write(3, \" \" \" \"\", 3)\t= 3", "\"\"\"\"\"", 40},
		{"write(3, 0x7FFD0921, 5)\t= 5", "", 40},
		{"write(3, \" h", "", 40},
		{"write(3, \"zz\", 2)", "", 40},
		{"write(3, 5)\t= 5\n\t- a \" h i\" [id]\n", "", 40},
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct moment moment = {.bytes = 5, .text = (char *)rows[i].text};

		ladder_text_payload(unit_begin(), &moment, rows[i].most);
		wrong += !unit_is_text(rows[i].text, unit_end(), rows[i].payload);
	}
	assert_int_equal(wrong, 0);
}

static void test_calls(void **state)
{
	static const struct {
		uint16_t call;
		int64_t result;
		int32_t error;
		const char *text, *shown;
	} rows[] = {
		{CALL_poll, 1, 0, "poll([3:POLLIN], 1, -1)\t= 1 [3:POLLIN]\n",
		 "poll = 1 [3:POLLIN]"},
		{CALL_poll, 0, 0, "poll([3:POLLIN], 1, 5)\t= 0\n", "poll = 0"},
		{CALL_setsockopt, 0, 0, "setsockopt(3, IPPROTO_TCP, TCP_NODELAY, [1], 4)\t= 0\n",
		 "setsockopt TCP_NODELAY"},
		{CALL_setsockopt, -1, EINVAL,
		 "setsockopt(3, SOL_SOCKET, 99, [1], 4)\tErr#22 EINVAL\n", "setsockopt 99 EINVAL"},
		{CALL__exit, 0, 0, "_exit(1)\n", "_exit(1)"},
		{CALL_fcntl, 2, 0, "fcntl(3, F_GETFL)\t= 2 [O_RDWR]\n", "fcntl F_GETFL = 2"},
		{CALL_shutdown, 0, 0, "shutdown", "shutdown"},
		{CALL_close, 0, 0, "", "close"},
	};
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct moment moment = {.call = rows[i].call,
					.result = rows[i].result,
					.error = rows[i].error,
					.text = (char *)rows[i].text};

		ladder_text_call(unit_begin(), &moment);
		wrong += !unit_is_text(rows[i].text, unit_end(), rows[i].shown);
	}
	assert_int_equal(wrong, 0);
}

static void test_notes(void **state)
{
	static const struct picture_end end = {.row.fd = 3};
	struct moment moment = {
		.is_of_many = true,
		.notes = unit_note_set(UNIT_NOTE(peer_fin) | UNIT_NOTE(half_open)),
		.text = (char *)"poll(...)\t= 2\n"
				"\t- fd 3 10.0.0.1:5 > [::1]:80: end of stream. It closed. "
				"ESTABLISHED > CLOSE_WAIT. [peer-fin]\n"
				"\t- fd 4 10.0.0.1:6 > [::1]:80: end of stream. [peer-fin]\n"
				"\t!! fd 3: gone. [reset-by-peer]\n"
				"\t! fd 3: still open. CLOSE_WAIT lasts. [half-open]\n"
				" > frame\n",
	};
	struct ladder_note note;
	struct strbuf *buf = unit_begin();
	const char *at = NULL;

	(void)state;
	while (ladder_text_next_note(&note, &at, &moment, &end)) {
		strbuf_unsigned(buf, note.severity);
		strbuf_char(buf, ' ');
		strbuf_bytes(buf, note.text, note.size);
		strbuf_bytes(buf, note.id, note.id_size);
		strbuf_char(buf, '\n');
	}
	assert_string_equal(unit_end(), "0 end of stream. It closed. [peer-fin]\n"
					"1 still open. CLOSE_WAIT lasts. [half-open]\n");
}

/* --- Drawing. --- */

struct drawn {
	bool is_ascii;
	size_t lines, longest;
	bool has_other; /* a character that is neither printable ASCII nor line drawing */
};

static void take_line(const char *text, size_t size, void *data)
{
	struct drawn *drawn = data;
	size_t columns = 0;

	drawn->lines++;
	assert_int_equal(text[size - 1], '\n');
	for (size_t i = 0; i + 1 < size; i++) {
		uint8_t byte = (uint8_t)text[i];

		columns += (byte & 0xc0) != 0x80;
		drawn->has_other |= byte < ' ' || byte == 0x7f;
		if (byte >= 0x80 && drawn->is_ascii)
			drawn->has_other = true;
	}
	if (columns > drawn->longest)
		drawn->longest = columns;
	strbuf_bytes(&unit_buf, text, size);
}

static struct drawn draw(size_t width, bool is_ascii)
{
	struct drawn drawn = {.is_ascii = is_ascii};
	const struct ladder_style style = {.width = width,
					   .is_ascii = is_ascii,
					   .line = take_line,
					   .data = &drawn};

	unit_begin();
	ladder_draw(&picture, &style);
	unit_end();
	return drawn;
}

static void test_widths(void **state)
{
	static const size_t widths[] = {0, 40, 80, 100, 140, 5000};

	(void)state;
	for (size_t i = 0; i < COUNT(histories); i++)
		for (size_t j = 0; j < COUNT(widths); j++)
			for (int is_ascii = 0; is_ascii < 2; is_ascii++) {
				struct drawn drawn;

				make(&histories[i]);
				drawn = draw(widths[j], is_ascii);
				assert_true(drawn.longest <= (widths[j] < 80 ? 80 : widths[j]));
				assert_true(drawn.lines >= 5);
				assert_false(drawn.has_other);
			}
}

static void test_hostile(void **state)
{
	static const struct history history = {
		.told = {{'<', CALL_poll, MS(1), .result = 1, .notes = UNIT_NOTE(peer_fin),
			  .text = "poll([], \x1b[31m\xe2\x80\xae\xe4\xb8\xad)\t= 1 [\xe4\xb8\xad"
				  "\xcc\x88]\n\t- \x1b]0;t\x07 \xe4\xb8\xad\xff [peer-fin]\n"},
			 {'<', CALL_write, MS(2), .result = 9,
			  .text = "write(3, \" \x1b \x7f\xe4\xb8\xad\", 9)\t= 9\n"}},
	};
	struct drawn drawn;

	(void)state;
	make(&history);
	ends[0].program = "\x1b[2J\xe4\xb8\xad\xe2\x80\xae\t\n";
	ends[0].host = "h\xcc\x88\x9b";
	drawn = draw(80, true);
	assert_false(drawn.has_other);
	assert_true(drawn.longest <= 80);
	drawn = draw(80, false);
	assert_false(drawn.has_other);
	assert_null(strstr(unit_text, "\xe4\xb8\xad"));
	assert_null(strstr(unit_text, "\xcc\x88"));
}

/* The whole of a small one. */
static void test_picture(void **state)
{
	static const struct history history = {
		.told = {{'<', CALL_write, S(1), .result = 22, .state = STATE_ESTABLISHED,
			  .text = "write(3, \" k o d o s\", 22)\t= 22\n"},
			 {'>', CALL_read, S(1) + MS(1), .result = 22, .state = STATE_ESTABLISHED},
			 {'>', CALL_close, S(8), .notes = UNIT_NOTE(closed_first),
			  .state = STATE_FIN_WAIT_1},
			 {'<', CALL_read, S(8) + MS(1), .notes = UNIT_NOTE(peer_fin),
			  .state = STATE_CLOSE_WAIT,
			  .text = "read\n\t- fd 3: end of stream. [peer-fin]\n"},
			 {'<', CALL_write, S(9), .result = 3}},
	};

	(void)state;
	make(&history);
	draw(80, true);
	assert_string_equal(
		strstr(unit_text, "client, client"),
		"client, client             server, server\n"
		"                              ?                          ?\n"
		" 1.0000            write = 22 .-- 22 bytes \"kodos\" ---.  .\n"
		"                  ESTABLISHED |                       |  .\n"
		" 1.0010                       |                       '->. read = 22\n"
		"                              |                          | ESTABLISHED\n"
		"        ~~~~~~~~~~~~~~~~~~~~~~~~~~~~ 7.0 s nothing ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
		" 8.0000                       |  .--------- FIN ---------| close\n"
		"                              |  |                       : FIN_WAIT_1\n"
		" 8.0010              read = 0 |<-'                       :\n"
		"                   CLOSE_WAIT #                          :\n"
		"        - end of stream. [peer-fin]                      :\n"
		" 9.0000             write = 3 #-------- 3 bytes - - - - X:\n"
		"        !! 3 bytes lost: bytes 22 to 24.                 :\n");
}

static void test_heading(void **state)
{
	static const struct history history = {
		.told = {{'<', CALL_write, S(1), .result = 1}, {'>', CALL_read, S(1), .result = 1}},
	};

	(void)state;
	make(&history);
	draw(100, true);
	assert_null(strstr(unit_text, "clock"));
	ends[1].boot = "other";
	draw(100, true);
	assert_non_null(strstr(unit_text, "\nHow far the two clocks differ is not known"));
	picture.is_offset_known = true;
	picture.offset_ns = (int64_t)MS(1500);
	picture.offset_error_ns = MS(1);
	ends[0].host = "kang";
	draw(100, true);
	assert_non_null(strstr(unit_text,
			       "\nThe clock on the right is 1.5 s behind that on the left, to "
			       "within 1.0 ms; its times are converted.\n"));
	assert_non_null(strstr(unit_text, "client on kang, client"));
	picture.offset_ns = -picture.offset_ns;
	draw(100, true);
	assert_non_null(strstr(unit_text, "is 1.5 s ahead of that on the left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),    cmocka_unit_test(test_left_out_and_open),
		cmocka_unit_test(test_payload), cmocka_unit_test(test_calls),
		cmocka_unit_test(test_notes),   cmocka_unit_test(test_widths),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_picture),
		cmocka_unit_test(test_heading), cmocka_unit_test(test_end_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
