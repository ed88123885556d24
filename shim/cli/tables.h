/*
 * tables: the tables of a report: one row per connection, one row per call.
 *
 * Memory: that of the connections that are open at one time, and a fixed part for each call.
 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <stdio.h>

#include "cli/open_rows.h"
#include "format/format.h"
#include "reader/merge.h"

struct connections_table {
	struct open_rows rows;
	const struct format *format;
	bool has_pid;
	uint64_t written; /* rows */
	uint64_t base_ns;
	FILE *to;
};

/* Takes an event. Writes the row of a connection when it has ended. */
void connections_take(struct connections_table *table, const struct item *item);
/* Writes the rows of the connections that are still open. */
void connections_end(struct connections_table *table);

struct summary_table;
struct summary_table *summary_start(void);
void summary_take(struct summary_table *table, const struct tcpshim_event *event);
/* elapsed_ns: between the first event and the last. */
void summary_end(struct summary_table *table, FILE *to, const struct format *format);

#endif
