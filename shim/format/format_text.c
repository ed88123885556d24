/* The format "text": events in the form of truss, tables in aligned columns. */
#include "format/connection_number.h"
#include "format/facts.h"
#include "format/format.h"
#include "format/stamp.h"

static void append_base_line(struct strbuf *buf, int32_t pid, int64_t realtime_ns)
{
	if (pid != 0) {
		strbuf_integer(buf, pid);
		strbuf_string(buf, ":\t");
	}
	stamp_base_line(buf, realtime_ns);
}

/* --- The table of connections. --- */

static void append_seconds(struct strbuf *buf, uint64_t ns)
{
	strbuf_unsigned(buf, ns / 1000000000);
	strbuf_char(buf, '.');
	strbuf_padded(buf, ns % 1000000000 / 1000000, 3);
	strbuf_string(buf, " s");
}

static void append_range(struct strbuf *buf, uint64_t since_ns, uint64_t until_ns)
{
	strbuf_string(buf, "from ");
	append_seconds(buf, since_ns);
	strbuf_string(buf, " to ");
	if (until_ns == UINT64_MAX)
		strbuf_string(buf, "the end");
	else
		append_seconds(buf, until_ns);
	strbuf_string(buf, " of the recording:\n");
}

/* Appends blanks up to the column, at least one. */
static void pad(struct strbuf *buf, size_t start, size_t column)
{
	do
		strbuf_char(buf, ' ');
	while (buf->size - start < column);
}

enum column {
	COLUMN_CONN,
	COLUMN_FD,
	COLUMN_ROLE,
	COLUMN_LOCAL,
	COLUMN_PEER,
	COLUMN_OPENED,
	COLUMN_LIVED,
	COLUMN_SENT,
	COLUMN_WRITES,
	COLUMN_RECEIVED,
	COLUMN_READS,
	COLUMN_HANDSHAKE,
	COLUMN_RTT,
	COLUMN_RETRANSMITS,
	COLUMN_SILENCE,
	COLUMN_FIRST,
	COLUMN_ENDED,
	COLUMN_NOTES,
	COLUMNS
};

static const struct {
	const char *name;
	uint8_t width;
} columns[COLUMNS] = {
	[COLUMN_CONN] = {"conn", 6},        [COLUMN_FD] = {"fd", 5},
	[COLUMN_ROLE] = {"role", 9},        [COLUMN_LOCAL] = {"local", 24},
	[COLUMN_PEER] = {"peer", 24},       [COLUMN_OPENED] = {"opened", 11},
	[COLUMN_LIVED] = {"lived", 12},     [COLUMN_SENT] = {"sent", 12},
	[COLUMN_WRITES] = {"writes", 9},    [COLUMN_RECEIVED] = {"received", 12},
	[COLUMN_READS] = {"reads", 9},      [COLUMN_HANDSHAKE] = {"handshake", 11},
	[COLUMN_RTT] = {"rtt", 10},         [COLUMN_RETRANSMITS] = {"retrans", 8},
	[COLUMN_SILENCE] = {"silence", 12}, [COLUMN_FIRST] = {"closed first", 13},
	[COLUMN_ENDED] = {"ended", 22},     [COLUMN_NOTES] = {"notes", 0},
};
enum { PID_WIDTH = 8 };

static void append_headings(struct strbuf *buf, bool has_pid)
{
	size_t start = buf->size, column = 0;

	if (has_pid) {
		strbuf_string(buf, "pid");
		pad(buf, start, column += PID_WIDTH);
	}
	for (unsigned i = 0; i < COLUMNS; i++) {
		strbuf_string(buf, columns[i].name);
		if (i + 1 < COLUMNS)
			pad(buf, start, column += columns[i].width);
	}
	strbuf_char(buf, '\n');
}

/* Returns whether there is a value to append; appends all that stands before it, or "-". */
static bool append_certainty(struct strbuf *buf, struct known_number number)
{
	if (number.known == KNOWN_NOT)
		strbuf_char(buf, '-');
	else if (number.known == KNOWN_AT_LEAST)
		strbuf_string(buf, "> ");
	return number.known != KNOWN_NOT;
}

static void append_duration(struct strbuf *buf, struct known_number ns)
{
	if (append_certainty(buf, ns))
		strbuf_duration(buf, ns.value);
}

static void append_known(struct strbuf *buf, struct known_number number)
{
	if (append_certainty(buf, number))
		strbuf_unsigned(buf, number.value);
}

static void append_opened(struct strbuf *buf, const struct connection_row *row, uint64_t base_ns)
{
	if (row->opened_ns != 0)
		strbuf_stamp(buf, row->opened_ns > base_ns ? row->opened_ns - base_ns : 0);
	else
		strbuf_char(buf, '-');
}

static void append_notes(struct strbuf *buf, const struct connection_row *row)
{
	const char *separator = "";

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!connection_row_shows_note(row, note))
			continue;
		strbuf_string(buf, separator);
		strbuf_string(buf, note_rows[note].id);
		separator = ",";
	}
	if (!*separator)
		strbuf_char(buf, '-');
}

/* Appends a column that is a number; false if the column is none. */
static bool append_number(struct strbuf *buf, const struct connection_row *row, enum column column)
{
	switch (column) {
	case COLUMN_CONN:
		strbuf_unsigned(buf, row->serial);
		return true;
	case COLUMN_FD:
		strbuf_integer(buf, row->fd);
		return true;
	case COLUMN_SENT:
		append_known(buf, connection_number_sent(row));
		return true;
	case COLUMN_WRITES:
		append_known(buf, connection_number_writes(row));
		return true;
	case COLUMN_RECEIVED:
		append_known(buf, connection_number_received(row));
		return true;
	case COLUMN_READS:
		append_known(buf, connection_number_reads(row));
		return true;
	case COLUMN_RETRANSMITS:
		append_known(buf, connection_number_retransmits(row));
		return true;
	default:
		return false;
	}
}

static void append_column(struct strbuf *buf, const struct connection_row *row, enum column column,
			  uint64_t base_ns)
{
	if (append_number(buf, row, column))
		return;
	switch (column) {
	case COLUMN_ROLE:
		strbuf_string(buf, connection_row_role(row));
		break;
	case COLUMN_LOCAL:
		facts_address(buf, &row->local);
		break;
	case COLUMN_PEER:
		facts_address(buf, &row->peer);
		break;
	case COLUMN_OPENED:
		append_opened(buf, row, base_ns);
		break;
	case COLUMN_LIVED:
		append_duration(buf, connection_number_lived_ns(row));
		break;
	case COLUMN_HANDSHAKE:
		append_duration(buf, connection_number_handshake_ns(row));
		break;
	case COLUMN_RTT:
		append_duration(buf, connection_number_rtt_ns(row));
		break;
	case COLUMN_SILENCE:
		append_duration(buf, connection_number_silence_ns(row));
		break;
	case COLUMN_FIRST:
		strbuf_string(buf, connection_row_first(row));
		break;
	case COLUMN_ENDED:
		strbuf_string(buf, connection_row_ended(row));
		break;
	default:
		append_notes(buf, row);
	}
}

static void append_row(struct strbuf *buf, const struct connection_row *row, bool has_pid,
		       uint64_t base_ns)
{
	size_t start = buf->size, column = 0;

	if (has_pid) {
		strbuf_integer(buf, row->pid);
		pad(buf, start, column += PID_WIDTH);
	}
	for (unsigned i = 0; i < COLUMNS; i++) {
		append_column(buf, row, (enum column)i, base_ns);
		if (i + 1 < COLUMNS)
			pad(buf, start, column += columns[i].width);
	}
	strbuf_char(buf, '\n');
}

static void append_rows_left_out(struct strbuf *buf, uint64_t count)
{
	strbuf_string(buf, "and ");
	strbuf_count(buf, count, "earlier connection");
	strbuf_string(buf, ", not shown\n");
}

/* --- The table of calls. --- */

enum {
	NAME_WIDTH = 16,
	SECONDS_WIDTH = 12,
	CALLS_WIDTH = 9,
	ERRORS_WIDTH = 7,
	WOULD_BLOCK_WIDTH = 11,
	SPREAD_WIDTH = 11
};

#define WALL_TIME \
	"The times are wall time inside the calls, in seconds; a call that waits uses no processor time.\n"

static void append_blanks(struct strbuf *buf, size_t size, size_t width)
{
	for (; size < width; size++)
		strbuf_char(buf, ' ');
}

static void append_left(struct strbuf *buf, const char *text)
{
	strbuf_string(buf, text);
	append_blanks(buf, strlen(text), NAME_WIDTH);
}

/* Each of these appends a blank and a column that is aligned to the right. */

static void append_right(struct strbuf *buf, const char *text, size_t width)
{
	strbuf_char(buf, ' ');
	append_blanks(buf, strlen(text), width);
	strbuf_string(buf, text);
}

static void append_count(struct strbuf *buf, uint64_t value, size_t width)
{
	size_t digits = 1;

	for (uint64_t rest = value; rest >= 10; rest /= 10)
		digits++;
	strbuf_char(buf, ' ');
	append_blanks(buf, digits, width);
	strbuf_unsigned(buf, value);
}

static void append_microseconds(struct strbuf *buf, uint64_t us, size_t width)
{
	enum { DECIMALS = 6 };

	append_count(buf, us / 1000000, width - DECIMALS - 1);
	strbuf_char(buf, '.');
	strbuf_padded(buf, us % 1000000, DECIMALS);
}

static uint64_t rounded_us(uint64_t ns)
{
	return ns / 1000 + (ns % 1000 >= 500);
}

static void append_head_of_program(struct strbuf *buf, const struct format_sums *sums)
{
	strbuf_string(buf, "\nSummary of ");
	strbuf_string(buf, sums->program);
	strbuf_string(buf, ", process ");
	strbuf_integer(buf, sums->pid);
	strbuf_string(buf, ", traced for ");
	strbuf_duration(buf, sums->elapsed_ns);
	strbuf_string(buf, ". " WALL_TIME);
}

static void append_sums_begin(struct strbuf *buf, const struct format_sums *sums)
{
	if (sums->program)
		append_head_of_program(buf, sums);
	else
		strbuf_string(buf, WALL_TIME);
	append_left(buf, "call");
	append_right(buf, "seconds", sums->has_spread ? SECONDS_WIDTH : SECONDS_WIDTH + 2);
	append_right(buf, "calls", CALLS_WIDTH);
	append_right(buf, "errors", ERRORS_WIDTH);
	append_right(buf, "would block", WOULD_BLOCK_WIDTH);
	if (sums->has_spread) {
		append_right(buf, "min", SPREAD_WIDTH);
		append_right(buf, "median", SPREAD_WIDTH);
		append_right(buf, "p99", SPREAD_WIDTH);
		append_right(buf, "max", SPREAD_WIDTH);
	}
	strbuf_char(buf, '\n');
}

/* Appends a row without its newline. Live sums are cut to whole microseconds, others rounded. */
static void append_sum_columns(struct strbuf *buf, const struct format_sums *sums, const char *name,
			       const struct format_sum *sum)
{
	append_left(buf, name);
	if (sums->has_spread)
		append_microseconds(buf, rounded_us(sum->total_ns), SECONDS_WIDTH);
	else
		append_microseconds(buf, sum->total_ns / 1000, SECONDS_WIDTH + 2);
	append_count(buf, sum->calls, CALLS_WIDTH);
	append_count(buf, sum->errors, ERRORS_WIDTH);
	append_count(buf, sum->would_block, WOULD_BLOCK_WIDTH);
}

static void append_sum(struct strbuf *buf, const struct format_sums *sums, const char *name,
		       const struct format_sum *sum)
{
	append_sum_columns(buf, sums, name, sum);
	if (sums->has_spread) {
		append_microseconds(buf, rounded_us(sum->least_ns), SPREAD_WIDTH);
		append_microseconds(buf, rounded_us(sum->median_ns), SPREAD_WIDTH);
		append_microseconds(buf, rounded_us(sum->p99_ns), SPREAD_WIDTH);
		append_microseconds(buf, rounded_us(sum->most_ns), SPREAD_WIDTH);
	}
	strbuf_char(buf, '\n');
}

static void append_sums_end(struct strbuf *buf, const struct format_sums *sums,
			    const struct format_sum *total)
{
	append_left(buf, "");
	strbuf_string(buf, sums->has_spread ? " ------------" : "---------------");
	strbuf_string(buf, " --------- ------- -----------\n");
	append_sum_columns(buf, sums, "total", total);
	strbuf_char(buf, '\n');
	if (sums->has_spread) {
		append_left(buf, "elapsed");
		append_microseconds(buf, rounded_us(sums->elapsed_ns), SECONDS_WIDTH);
		strbuf_char(buf, '\n');
	}
}

const struct format format_text = {
	.name = "text",
	.event = truss_event,
	.event_bound = truss_event_bound,
	.base_line = append_base_line,
	.line = strbuf_bytes,
	.range = append_range,
	.headings = append_headings,
	.row = append_row,
	.rows_left_out = append_rows_left_out,
	.sums_begin = append_sums_begin,
	.sum = append_sum,
	.sums_end = append_sums_end,
	.gap = "\n",
	.has_colour = true,
};
