/*
 * columns: --columns and --sort of a table, and the width that there is for it.
 */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "cli/row_list.h"

enum { COLUMNS_ORDERS = 8 };

struct columns {
	struct layout chosen; /* by --columns; count is 0 without it */
	struct row_order orders[COLUMNS_ORDERS];
	unsigned order_count;
	size_t width, height; /* that the table should fit into; 0: any */
};

/* Read the value of --columns or --sort. all: the table's columns, ended by one without a name.
 * typed: as options_typed returns it. Exit if a name is none of them. */
void columns_read(struct columns *columns, const struct column *all, const char *typed,
		  const char *value);
void columns_read_orders(struct columns *columns, const struct column *all, const char *typed,
			 const char *value);

/* Finds out what a table on standard output should fit into: a terminal, or COLUMNS of the
 * environment. */
void columns_measure(struct columns *columns);

#endif
