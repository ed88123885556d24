#include "cli/tables.h"

#include <stdlib.h>
#include <string.h>

#include "format/connection_columns.h"
#include "format/facts.h"
#include "reader/complain.h"
#include "reader/printable.h"

/* --- Connections. --- */

enum { MOST_KEPT = 10000 }; /* rows, if they are not sorted */

static void write_buf(const struct strbuf *buf, FILE *to, const struct format *format)
{
	printable_write(to, buf->text, buf->size, printable_of(format, false));
}

void range_write(const struct filter *filter, FILE *to, const struct format *format)
{
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;

	if (!format->range || (filter->since_ns == 0 && filter->until_ns == UINT64_MAX))
		return;
	strbuf_init(&buf, text, sizeof(text));
	format->range(&buf, filter->since_ns, filter->until_ns);
	write_buf(&buf, to, format);
}

static void put_row(struct connections_table *table, const struct connection_row *row)
{
	char text[2 * FORMAT_TABLE_BYTES];
	struct strbuf buf;

	if (!table->has_headings)
		range_write(table->rows.filter, table->to, table->format);
	strbuf_init(&buf, text, sizeof(text));
	if (table->format->headings && !table->has_headings)
		table->format->headings(&buf, &table->layout);
	table->has_headings = true;
	table->format->row(&buf, row, &table->layout, table->base_ns);
	write_buf(&buf, table->to, table->format);
}

/* Fits the columns into the width, by the rows that are kept. */
static void lay_out(struct connections_table *table)
{
	const struct columns *columns = table->columns;

	table->is_laid_out = true;
	if (columns->width == 0 || !table->format->headings)
		return;
	if (table->kept.count > 0)
		layout_shrink(&table->layout);
	for (size_t i = 0; i < table->kept.count; i++)
		layout_widen(&table->layout, table->kept.entries[i].row, table->base_ns);
	if (columns->chosen.count == 0)
		layout_fit(&table->layout, columns->width);
}

static void put_kept(struct connections_table *table)
{
	if (!table->is_laid_out)
		lay_out(table);
	row_list_sort(&table->kept, table->columns->orders, table->columns->order_count);
	for (size_t i = 0; i < table->kept.count; i++)
		put_row(table, table->kept.entries[i].row);
	row_list_clear(&table->kept);
}

static void write_row(struct connections_table *table, const struct connection_row *row)
{
	bool is_sorted = table->columns->order_count > 0;

	table->written++;
	if (!is_sorted && table->is_laid_out) {
		put_row(table, row);
		return;
	}
	row_list_add(&table->kept, row, sizeof(*row));
	if (!is_sorted && table->kept.count == MOST_KEPT)
		put_kept(table);
}

void connections_start(struct connections_table *table)
{
	const struct columns *columns = table->columns;

	table->rows.is_joined = table->has_pid; /* several processes */
	connection_columns_all(&table->layout, table->has_pid);
	if (columns->chosen.count > 0)
		table->layout = columns->chosen;
	if (columns->width == 0 || table->is_following || !table->format->headings)
		lay_out(table);
}

static void close_row(struct open_row *row, void *data)
{
	struct connections_table *const table = data;

	table->seen++;
	if (row->is_chosen &&
	    filter_matches(table->rows.filter, &row->row.local, &row->row.peer, row->row.role))
		write_row(table, &row->row);
}

static uint64_t range_end_ns(const struct connections_table *table)
{
	uint64_t until_ns = table->rows.filter->until_ns;

	return until_ns < UINT64_MAX - table->base_ns ? table->base_ns + until_ns : UINT64_MAX;
}

static void leave_row(struct open_row *row, void *table)
{
	open_row_find_gaps(row);
	if (connection_row_is_leftover(&row->row))
		return;
	open_row_leave(row, range_end_ns(table));
	close_row(row, table);
}

static void restart_row(struct open_row *row, void *data)
{
	const struct connections_table *table = data;

	connection_row_restart(&row->row, table->base_ns + table->rows.filter->since_ns);
}

void connections_take(struct connections_table *table, const struct item *item)
{
	const struct filter *filter = table->rows.filter;

	if (filter_is_after(filter, item->event))
		return;
	if (!table->is_begun && !filter_is_before(filter, item->event)) {
		table->is_begun = true;
		open_rows_visit(&table->rows, restart_row, table);
	}
	open_rows_take(&table->rows, item, close_row, table);
}

void connections_end(struct connections_table *table)
{
	open_rows_visit(&table->rows, leave_row, table);
	put_kept(table);
	open_rows_clear(&table->rows);
}

/* --- Calls. --- */

/* Durations are counted by powers of two, each in 32 parts, so a quantile is exact within 3 %. */
enum { PARTS_BITS = 5, PARTS = 1 << PARTS_BITS, BUCKETS = 64 * PARTS };

struct call_sum {
	uint64_t calls, errors, would_block, total_ns, least_ns, most_ns;
	uint64_t *buckets;
};

struct summary_table {
	struct call_sum sums[CALL_COUNT];
	uint64_t first_ns, last_ns;
	int64_t first_realtime_ns;
	/* Of the processes so far: the program and the number of the first one, what all have in
	 * common, and the attributes that were looked at last. */
	const char *program, *last_attributes;
	int32_t pid;
	bool has_many_processes;
	char attributes[ATTRIBUTES_BYTES];
};

struct summary_table *summary_start(void)
{
	struct summary_table *table = allocate(sizeof(*table));

	memset(table, 0, sizeof(*table));
	return table;
}

static unsigned bucket_of(uint64_t ns)
{
	unsigned power = ns < PARTS ? 0 : 63 - (unsigned)__builtin_clzll(ns) - PARTS_BITS + 1;

	return power == 0 ? (unsigned)ns
			  : power * PARTS + (unsigned)((ns >> (power - 1)) & (PARTS - 1));
}

/* Returns the middle of the bucket. */
static uint64_t value_of(unsigned bucket)
{
	unsigned power = bucket / PARTS;
	uint64_t part = bucket % PARTS;

	if (power == 0)
		return part;
	return ((part | PARTS) << (power - 1)) + ((UINT64_C(1) << (power - 1)) >> 1);
}

static void take_process(struct summary_table *table, const struct tcpshim_event *event)
{
	if (event->attributes == table->last_attributes && table->program)
		return;
	if (!table->program) {
		table->program = event->program;
		table->pid = event->pid;
		attributes_copy(table->attributes, event->attributes);
	} else {
		table->has_many_processes = true;
		attributes_keep_common(table->attributes, event->attributes);
	}
	table->last_attributes = event->attributes;
}

void summary_take(struct summary_table *table, const struct tcpshim_event *event)
{
	struct call_sum *sum;
	uint64_t ns = event->time_ns > event->start_ns ? event->time_ns - event->start_ns : 0;

	if ((event->flags & EVENT_SLEEPING) || event->call >= CALL_rehearse)
		return;
	take_process(table, event);
	sum = &table->sums[facts_first_call(event->call)];
	if (!sum->buckets) {
		sum->buckets = allocate(BUCKETS * sizeof(sum->buckets[0]));
		memset(sum->buckets, 0, BUCKETS * sizeof(sum->buckets[0]));
	}
	if (table->first_ns == 0 || event->start_ns < table->first_ns) {
		table->first_ns = event->start_ns;
		table->first_realtime_ns = (int64_t)((uint64_t)event->realtime_ns -
						     (event->time_ns - event->start_ns));
	}
	if (event->time_ns > table->last_ns)
		table->last_ns = event->time_ns;
	sum->least_ns = sum->calls == 0 || ns < sum->least_ns ? ns : sum->least_ns;
	sum->most_ns = ns > sum->most_ns ? ns : sum->most_ns;
	sum->total_ns += ns;
	sum->calls++;
	sum->would_block += facts_is_would_block(event->error);
	sum->errors += event->error != 0 && !facts_is_would_block(event->error);
	sum->buckets[bucket_of(ns)]++;
}

static uint64_t quantile(const struct call_sum *sum, double part)
{
	uint64_t rank = (uint64_t)(part * (double)sum->calls), seen = 0;
	unsigned bucket = 0;
	uint64_t value;

	while (bucket < BUCKETS - 1 && (seen += sum->buckets[bucket]) <= rank)
		bucket++;
	value = value_of(bucket);
	if (value < sum->least_ns)
		return sum->least_ns;
	return value > sum->most_ns ? sum->most_ns : value;
}

static int compare_sums(const void *a, const void *b)
{
	const struct call_sum *const *x = a, *const *y = b;

	return ((*x)->total_ns < (*y)->total_ns) - ((*x)->total_ns > (*y)->total_ns);
}

static void write_sum(FILE *to, const struct format *format, const struct format_sums *sums,
		      const char *name, const struct call_sum *sum)
{
	const struct format_sum row = {
		.calls = sum->calls,
		.errors = sum->errors,
		.would_block = sum->would_block,
		.total_ns = sum->total_ns,
		.least_ns = sum->least_ns,
		.median_ns = quantile(sum, 0.5),
		.p99_ns = quantile(sum, 0.99),
		.most_ns = sum->most_ns,
	};
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	format->sum(&buf, sums, name, &row);
	write_buf(&buf, to, format);
}

static void write_sums(struct call_sum *const *order, unsigned count,
		       const struct summary_table *table, FILE *to, const struct format *format)
{
	const struct format_sums sums = {
		.program = table->has_many_processes ? NULL : table->program,
		.pid = table->pid,
		.attributes = table->attributes,
		.first_realtime_ns = table->first_realtime_ns,
		.elapsed_ns = table->last_ns > table->first_ns ? table->last_ns - table->first_ns
							       : 0,
		.has_spread = true,
	};
	struct format_sum total = {0};
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	if (format->sums_begin)
		format->sums_begin(&buf, &sums);
	write_buf(&buf, to, format);
	for (unsigned i = 0; i < count; i++) {
		write_sum(to, format, &sums, call_rows[order[i] - table->sums].shown, order[i]);
		total.calls += order[i]->calls;
		total.errors += order[i]->errors;
		total.would_block += order[i]->would_block;
		total.total_ns += order[i]->total_ns;
	}
	buf.size = 0;
	if (format->sums_end)
		format->sums_end(&buf, &sums, &total);
	write_buf(&buf, to, format);
}

void summary_end(struct summary_table *table, FILE *to, const struct format *format)
{
	struct call_sum *order[CALL_COUNT];
	unsigned count = 0;

	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (table->sums[call].calls > 0)
			order[count++] = &table->sums[call];
	qsort(order, count, sizeof(order[0]), compare_sums);
	write_sums(order, count, table, to, format);
	for (unsigned call = 0; call < CALL_COUNT; call++)
		free(table->sums[call].buckets);
	free(table);
}
