/* The format "text": events in the form of truss, tables in aligned columns. */
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

static void append_headings(struct strbuf *buf, const struct layout *layout)
{
	layout_headings(layout, buf);
}

static void append_row(struct strbuf *buf, const struct connection_row *row,
		       const struct layout *layout, uint64_t base_ns)
{
	layout_row(layout, buf, row, base_ns);
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
	if (sums->is_at_exit)
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

static void append_line(struct strbuf *buf, const char *line, size_t size,
			const struct format_process *of)
{
	(void)of;
	strbuf_bytes(buf, line, size);
}

const struct format format_text = {
	.name = "text",
	.event = truss_event,
	.event_bound = truss_event_bound,
	.base_line = append_base_line,
	.line = append_line,
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
