#include "cli/row_list.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"

void row_list_add(struct row_list *list, const void *row, size_t size)
{
	void *copy = allocate(size);

	if (list->count == list->capacity) {
		list->capacity = 2 * list->capacity + 16;
		list->entries =
			reallocate(list->entries, list->capacity * sizeof(list->entries[0]));
	}
	list->entries[list->count] = (struct row_list_entry){memcpy(copy, row, size), list->count};
	list->count++;
}

struct orders {
	const struct row_order *orders;
	unsigned count;
};

static int compare(const void *a, const void *b, void *data)
{
	const struct row_list_entry *x = a, *y = b;
	const struct orders *orders = data;
	int order = 0;

	for (unsigned i = 0; order == 0 && i < orders->count; i++)
		order = column_compare(orders->orders[i].column, orders->orders[i].is_reversed,
				       x->row, y->row);
	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

void row_list_sort(struct row_list *list, const struct row_order *orders, unsigned count)
{
	struct orders all = {orders, count};

	if (count > 0 && list->count > 0)
		qsort_r(list->entries, list->count, sizeof(list->entries[0]), compare, &all);
}

void row_list_clear(struct row_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].row);
	free(list->entries);
	*list = (struct row_list){0};
}
