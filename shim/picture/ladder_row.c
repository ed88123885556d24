#include "picture/ladder_row.h"

#include <stdlib.h>

#include "reader/complain.h"

struct ladder_row *ladder_rows_add(struct ladder_rows *rows, const struct ladder_row *row)
{
	if (rows->count == rows->capacity) {
		rows->capacity = 2 * rows->capacity + 64;
		rows->list = reallocate(rows->list, rows->capacity * sizeof(rows->list[0]));
	}
	rows->list[rows->count] = *row;
	return &rows->list[rows->count++];
}

void ladder_rows_free(struct ladder_rows *rows)
{
	free(rows->list);
	*rows = (struct ladder_rows){0};
}
