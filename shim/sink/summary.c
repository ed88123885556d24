#include "sink/summary.h"

#include <string.h>

#include "format/connection_row.h"
#include "format/facts.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/text.h"
#include "sys/raw.h"

enum { MOST_ROWS = 4096 };

static struct connection_row *rows;
static _Atomic uint64_t replaced; /* rows lost to a newer connection */

bool summary_start(void)
{
	rows = raw_map(MOST_ROWS * sizeof(*rows));
	return rows != NULL;
}

void summary_start_over(void)
{
	memset(rows, 0, MOST_ROWS * sizeof(*rows));
	atomic_store(&replaced, 0);
	thread_clear_sums();
}

static struct connection_row *row_of(const struct tcpshim_event *event, uint32_t serial)
{
	struct connection_row *row = &rows[serial % MOST_ROWS];

	if (row->serial == serial)
		return row;
	if (row->serial > serial) /* a newer connection has its place */
		return NULL;
	if (row->serial != 0)
		atomic_fetch_add(&replaced, 1);
	connection_row_start(row, event, serial);
	return row;
}

void summary_event(struct area *area)
{
	const struct tcpshim_event *event = &area->event;
	struct area_sum *sum = &area->sums[event->call];
	struct connection_row *row;

	if (event->connection.serial != 0 && (row = row_of(event, event->connection.serial)))
		connection_row_call(row, event);
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];

		if (subject->facts.serial != 0 && (row = row_of(event, subject->facts.serial)))
			connection_row_subject(row, event, subject);
	}
	if (event->flags & EVENT_SLEEPING)
		return;
	sum->calls++;
	sum->errors += event->error != 0;
	if (event->time_ns > event->start_ns)
		sum->total_ns += event->time_ns - event->start_ns;
}

/* --- Text. --- */

static void write_buf(struct strbuf *buf)
{
	text_bytes(buf->text, buf->size);
	buf->size = 0;
}

static void append_right(struct strbuf *buf, uint64_t value, unsigned width)
{
	unsigned digits = 1;

	for (uint64_t rest = value; rest >= 10; rest /= 10)
		digits++;
	for (; digits < width; digits++)
		strbuf_char(buf, ' ');
	strbuf_unsigned(buf, value);
}

static void append_seconds(struct strbuf *buf, uint64_t ns)
{
	append_right(buf, ns / 1000000000, 8);
	strbuf_char(buf, '.');
	strbuf_padded(buf, ns % 1000000000 / 1000, 6);
}

static void append_left(struct strbuf *buf, const char *text, size_t width)
{
	size_t start = buf->size;

	strbuf_string(buf, text);
	while (buf->size - start < width)
		strbuf_char(buf, ' ');
}

static void write_sum(struct strbuf *buf, const char *name, const struct area_sum *sum)
{
	if (config.is_json) {
		strbuf_string(buf, "{\"call\":\"");
		strbuf_string(buf, name);
		strbuf_string(buf, "\",\"calls\":");
		strbuf_unsigned(buf, sum->calls);
		strbuf_string(buf, ",\"errors\":");
		strbuf_unsigned(buf, sum->errors);
		strbuf_string(buf, ",\"total_ns\":");
		strbuf_unsigned(buf, sum->total_ns);
		strbuf_string(buf, "}\n");
	} else {
		append_left(buf, name, 16);
		append_seconds(buf, sum->total_ns);
		append_right(buf, sum->calls, 10);
		append_right(buf, sum->errors, 8);
		strbuf_char(buf, '\n');
	}
	write_buf(buf);
}

static void add(struct area_sum *to, const struct area_sum *sum)
{
	to->calls += sum->calls;
	to->errors += sum->errors;
	to->total_ns += sum->total_ns;
}

/* Adds up all rows of calls.def with the same name. */
static struct area_sum sum_of(unsigned call)
{
	struct area_sum sum = {0};

	for (const struct area *area = thread_next_area(NULL); area; area = thread_next_area(area))
		for (unsigned i = 0; i < CALL_COUNT; i++)
			if (facts_first_call(i) == call)
				add(&sum, &area->sums[i]);
	return sum;
}

static void write_sums(struct strbuf *buf)
{
	struct area_sum total = {0};

	for (unsigned call = 0; call < CALL_COUNT; call++) {
		struct area_sum sum;

		if (call == CALL_exit || facts_first_call(call) != call)
			continue;
		sum = sum_of(call);
		if (sum.calls == 0)
			continue;
		add(&total, &sum);
		write_sum(buf, call_rows[call].shown, &sum);
	}
	if (config.is_json)
		return;
	strbuf_string(buf, "                --------------- --------- -------\n");
	write_sum(buf, "total", &total);
}

static void write_rows(struct strbuf *buf)
{
	bool has_headings = config.is_json;

	for (unsigned i = 0; i < MOST_ROWS; i++) {
		if (rows[i].serial == 0)
			continue;
		if (!has_headings) {
			strbuf_char(buf, '\n');
			connection_row_headings(buf, false);
			has_headings = true;
		}
		if (config.is_json)
			connection_row_json(buf, &rows[i], process_base_ns());
		else
			connection_row_line(buf, &rows[i], false, process_base_ns());
		write_buf(buf);
	}
}

static void write_heading(struct strbuf *buf, uint64_t now_ns)
{
	if (config.is_json)
		return;
	strbuf_string(buf, "\nSummary of ");
	strbuf_string(buf, config.program);
	strbuf_string(buf, ", process ");
	strbuf_integer(buf, process_pid());
	strbuf_string(buf, ", traced for ");
	strbuf_duration(buf, now_ns - process_base_ns());
	strbuf_string(buf, ". The times are wall time inside the calls, in seconds; a call that "
			   "waits uses no processor time.\n");
	append_left(buf, "call", 16);
	strbuf_string(buf, "        seconds     calls  errors\n");
	write_buf(buf);
}

void summary_end(uint64_t now_ns)
{
	char text[CONNECTION_ROW_BYTES];
	struct strbuf buf;
	uint64_t count = atomic_load(&replaced);

	strbuf_init(&buf, text, sizeof(text));
	write_heading(&buf, now_ns);
	write_sums(&buf);
	write_rows(&buf);
	if (count > 0 && !config.is_json) {
		strbuf_string(&buf, "and ");
		strbuf_count(&buf, count, "earlier connection");
		strbuf_string(&buf, ", not shown\n");
		write_buf(&buf);
	}
}
