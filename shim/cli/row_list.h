/*
 * row_list: rows of a table that are kept until it is written, and sorted.
 *
 * Context: the command; exits if there is not enough memory.
 */
#ifndef CLI_ROW_LIST_H
#define CLI_ROW_LIST_H

#include "format/layout.h"

/* One column that rows are sorted by. */
struct row_order {
	const struct column *column;
	bool is_reversed;
};

struct row_list {
	struct row_list_entry {
		void *row;
		size_t number; /* in the order in which they were added */
	} * entries;
	size_t count, capacity;
};

/* Adds a copy of the row. */
void row_list_add(struct row_list *list, const void *row, size_t size);

/* Sorts by the first of the orders, then by the second, and so on. Rows that are equal in all of
 * them stay in the order in which they were added. */
void row_list_sort(struct row_list *list, const struct row_order *orders, unsigned count);

/* Removes all rows. */
void row_list_clear(struct row_list *list);

#endif
