#include "sink/summary.h"

#include <string.h>

#include "format/connection_columns.h"
#include "format/facts.h"
#include "format/format.h"
#include "guest/identity.h"
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
	sum->would_block += facts_is_would_block(event->error);
	sum->errors += event->error != 0 && !facts_is_would_block(event->error);
	if (event->time_ns > event->start_ns)
		sum->total_ns += event->time_ns - event->start_ns;
}

/* --- Writing. --- */

static void write_buf(struct strbuf *buf)
{
	if (buf->size > 0)
		text_bytes(buf->text, buf->size);
	buf->size = 0;
}

static void add(struct format_sum *to, const struct area_sum *sum)
{
	to->calls += sum->calls;
	to->errors += sum->errors;
	to->would_block += sum->would_block;
	to->total_ns += sum->total_ns;
}

/* Adds up all rows of calls.def with the same name. */
static struct format_sum sum_of(unsigned call)
{
	struct format_sum sum = {0};

	for (const struct area *area = thread_next_area(NULL); area; area = thread_next_area(area))
		for (unsigned i = 0; i < CALL_COUNT; i++)
			if (facts_first_call(i) == call)
				add(&sum, &area->sums[i]);
	return sum;
}

static void write_sums(struct strbuf *buf, uint64_t now_ns)
{
	const struct format_sums sums = {
		.is_at_exit = true,
		.program = config.program,
		.pid = process_pid(),
		.attributes = identity_attributes(),
		.first_realtime_ns = process_base_realtime_ns(),
		.elapsed_ns = now_ns - process_base_ns(),
	};
	struct format_sum total = {0};

	if (config.format->sums_begin)
		config.format->sums_begin(buf, &sums);
	write_buf(buf);
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		struct format_sum sum;

		if (call >= CALL_rehearse || facts_first_call(call) != call)
			continue;
		sum = sum_of(call);
		if (sum.calls == 0)
			continue;
		total.calls += sum.calls;
		total.errors += sum.errors;
		total.would_block += sum.would_block;
		total.total_ns += sum.total_ns;
		config.format->sum(buf, &sums, call_rows[call].shown, &sum);
		write_buf(buf);
	}
	if (config.format->sums_end)
		config.format->sums_end(buf, &sums, &total);
	write_buf(buf);
}

static void write_rows(struct strbuf *buf, uint64_t now_ns)
{
	bool has_headings = !config.format->headings;
	struct layout layout;

	connection_columns_all(&layout, false);
	for (unsigned i = 0; i < MOST_ROWS; i++) {
		if (rows[i].serial == 0 || connection_row_is_leftover(&rows[i]))
			continue;
		if (!has_headings) {
			strbuf_string(buf, config.format->gap);
			config.format->headings(buf, &layout);
			has_headings = true;
		}
		connection_row_leave(&rows[i], now_ns, true);
		config.format->row(buf, &rows[i], &layout, process_base_ns());
		write_buf(buf);
	}
}

void summary_end(uint64_t now_ns)
{
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;
	uint64_t count = atomic_load(&replaced);

	strbuf_init(&buf, text, sizeof(text));
	write_sums(&buf, now_ns);
	write_rows(&buf, now_ns);
	if (count > 0 && config.format->rows_left_out)
		config.format->rows_left_out(&buf, count);
	write_buf(&buf);
}
