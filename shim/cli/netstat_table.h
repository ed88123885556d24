/*
 * netstat_table: what netstat writes: a title, headings, one line per connection and per call that
 * a thread is in; or one JSON object per connection.
 */
#ifndef CLI_NETSTAT_TABLE_H
#define CLI_NETSTAT_TABLE_H

#include <stdio.h>

#include "cli/columns.h"
#include "cli/netstat_rows.h"

struct netstat_table {
	const struct columns *columns;
	bool is_watched; /* it fits the terminal's height too */
	struct row_list rows;
	struct netstat_calls calls;
	struct netstat_head head;
};

void netstat_table_print(FILE *to, const struct netstat_table *table);
void netstat_table_json(FILE *to, const struct netstat_table *table);

#endif
