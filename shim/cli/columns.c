#include "cli/columns.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "format/nearest.h"
#include "format/words.h"
#include "reader/complain.h"

enum { DEFAULT_WIDTH = 80, DEFAULT_HEIGHT = 24, MOST_WIDTH = 10000 };

static const struct column *find(const struct column *all, struct word name)
{
	for (; all->name; all++)
		if (word_is(name, all->name))
			return all;
	return NULL;
}

/* Returns the column of this name, or refuses the value and names the nearest one. */
static const struct column *demand(const struct column *all, struct word name, const char *typed,
				   const char *value)
{
	const struct column *column = find(all, name);
	struct nearest nearest;

	if (column)
		return column;
	nearest_start(&nearest, name.text, name.size);
	for (; all->name; all++)
		nearest_offer(&nearest, all->name);
	refuse("%s%s: there is no column \"%.*s\"; did you mean %s?", typed, value, (int)name.size,
	       name.text, nearest.found);
}

void columns_read(struct columns *columns, const struct column *all, const char *typed,
		  const char *value)
{
	const char *rest = value;
	struct word name;

	columns->chosen.count = 0;
	while (word_next(&rest, ',', &name)) {
		const struct column *column = demand(all, name, typed, value);

		if (columns->chosen.count == LAYOUT_COLUMNS)
			refuse("%s%s: it takes %d names at most", typed, value, LAYOUT_COLUMNS);
		layout_add(&columns->chosen, column);
	}
}

void columns_read_orders(struct columns *columns, const struct column *all, const char *typed,
			 const char *value)
{
	const char *rest = value;
	struct word name;

	columns->order_count = 0;
	while (word_next(&rest, ',', &name)) {
		bool is_reversed = name.size > 0 && name.text[0] == '-';

		if (is_reversed)
			name = (struct word){name.text + 1, name.size - 1};
		if (columns->order_count == COLUMNS_ORDERS)
			refuse("%s%s: it takes %d names at most", typed, value, COLUMNS_ORDERS);
		columns->orders[columns->order_count++] =
			(struct row_order){demand(all, name, typed, value), is_reversed};
	}
}

static size_t read_size(const char *name)
{
	const char *value = getenv(name);
	uint64_t size;

	return value && word_number(word_of(value), &size) && size <= MOST_WIDTH ? size : 0;
}

void columns_measure(struct columns *columns)
{
	bool is_terminal = isatty(STDOUT_FILENO);
	struct winsize size = {0};

	if (is_terminal)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	columns->width = read_size("COLUMNS");
	if (columns->width == 0 && is_terminal)
		columns->width = size.ws_col > 0 ? size.ws_col : DEFAULT_WIDTH;
	columns->height = 0;
	if (is_terminal)
		columns->height = size.ws_row > 0 ? size.ws_row : DEFAULT_HEIGHT;
}
