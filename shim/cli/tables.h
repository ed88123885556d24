/*
 * tables: the tables of a report: one row per connection, one row per call.
 *
 * Memory: that of the connections that are open at one time, and a fixed part for each call. Rows
 * that are sorted are kept until the end; of a table that has to fit into a width, the first
 * thousands, so that they decide on the widths of columns.
 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <stdio.h>

#include "cli/columns.h"
#include "cli/open_rows.h"
#include "format/format.h"
#include "reader/merge.h"

struct connections_table {
	struct open_rows rows; /* with its filter: only what it chooses is written */
	const struct format *format;
	bool has_pid;
	bool is_following; /* rows are wanted at once */
	bool is_begun;     /* the range of time has */
	const struct columns *columns;
	struct layout layout;
	bool is_laid_out; /* the widths of columns are decided */
	bool has_headings;
	struct row_list kept;
	uint64_t seen, written; /* rows */
	uint64_t base_ns;
	FILE *to;
};

/* Decides on the columns, once the other fields are set. */
void connections_start(struct connections_table *table);
/* Takes an event, whether the filter shows it or not. Writes the row of a connection when it has
 * ended. */
void connections_take(struct connections_table *table, const struct item *item);
/* Writes the rows of the connections that are still open, after reader_find_end for each reader. */
void connections_end(struct connections_table *table);

/* Writes the line that names the filter's range of time, if it has one and the format such a line.
 */
void range_write(const struct filter *filter, FILE *to, const struct format *format);

struct summary_table;
struct summary_table *summary_start(void);
void summary_take(struct summary_table *table, const struct tcpshim_event *event);
/* elapsed_ns: between the first event and the last. */
void summary_end(struct summary_table *table, FILE *to, const struct format *format);

#endif
