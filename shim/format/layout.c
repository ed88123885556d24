#include "format/layout.h"

/* GAP: blanks between two columns. Columns with less than LONG_NEED are left out before a list is
 * shortened below its whole length, those with less than SHORT_NEED before it is shortened below
 * SHORT_LIST; LEAST_LIST is the least. */
enum { GAP = 2, LONG_NEED = 60, SHORT_NEED = 90, SHORT_LIST = 24, LEAST_LIST = 12 };

void layout_add(struct layout *layout, const struct column *column)
{
	if (layout->count < LAYOUT_COLUMNS)
		layout->columns[layout->count++] = (struct layout_column){
			.column = column,
			.width = column->width,
		};
}

void layout_shrink(struct layout *layout)
{
	for (unsigned i = 0; i < layout->count; i++)
		layout->columns[i].width = (uint16_t)strlen(layout->columns[i].column->heading);
}

void layout_widen(struct layout *layout, const void *row, uint64_t origin_ns)
{
	char text[LAYOUT_CELL_BYTES];

	for (unsigned i = 0; i < layout->count; i++) {
		struct layout_column *at = &layout->columns[i];
		struct strbuf buf;

		strbuf_init(&buf, text, sizeof(text));
		at->column->cell(&buf, row, origin_ns);
		if (buf.size > at->width)
			at->width = (uint16_t)buf.size;
	}
}

/* --- Fitting. --- */

static size_t width_of(const struct layout *layout)
{
	size_t width = 0;

	for (unsigned i = 0; i < layout->count; i++)
		width += layout->columns[i].width + (i > 0 ? GAP : 0U);
	return width;
}

/* Returns the number of the column that is needed least. */
static unsigned find_least(const struct layout *layout)
{
	unsigned least = 0;

	for (unsigned i = 1; i < layout->count; i++)
		if (layout->columns[i].column->need < layout->columns[least].column->need)
			least = i;
	return least;
}

static void leave_out(struct layout *layout, unsigned number)
{
	layout->count--;
	memmove(&layout->columns[number], &layout->columns[number + 1],
		(layout->count - number) * sizeof(layout->columns[0]));
}

/* Shortens lists so that a row fits, but not below least bytes each. */
static void shorten_lists(struct layout *layout, size_t width, size_t least)
{
	for (unsigned i = 0; i < layout->count; i++) {
		struct layout_column *at = &layout->columns[i];
		size_t all = width_of(layout), excess = all > width ? all - width : 0;

		if (!at->column->list || excess == 0 || at->width <= least)
			continue;
		if (at->limit == 0)
			at->whole = at->width;
		at->width = (uint16_t)(at->width - least > excess ? at->width - excess : least);
		at->limit = at->width;
	}
}

/* Gives the room that is left to the lists that were shortened. */
static void lengthen_lists(struct layout *layout, size_t width)
{
	for (unsigned i = 0; i < layout->count; i++) {
		struct layout_column *at = &layout->columns[i];
		size_t all = width_of(layout), room = width > all ? width - all : 0;

		if (at->limit == 0)
			continue;
		if (at->width + room >= at->whole)
			at->width = at->whole;
		else
			at->width = (uint16_t)(at->width + room);
		at->limit = at->width;
	}
}

/* Leaves out columns that are needed less than need. */
static void leave_out_below(struct layout *layout, size_t width, unsigned need)
{
	while (width_of(layout) > width && layout->count > 1) {
		unsigned least = find_least(layout);

		if (layout->columns[least].column->need >= need)
			return;
		leave_out(layout, least);
	}
}

void layout_fit(struct layout *layout, size_t width)
{
	leave_out_below(layout, width, LONG_NEED);
	shorten_lists(layout, width, SHORT_LIST);
	leave_out_below(layout, width, SHORT_NEED);
	shorten_lists(layout, width, LEAST_LIST);
	leave_out_below(layout, width, UINT8_MAX);
	lengthen_lists(layout, width);
}

/* --- Lines. --- */

static void pad(struct strbuf *buf, size_t start, size_t column)
{
	do
		strbuf_char(buf, ' ');
	while (buf->size - start < column && !buf->is_cut);
}

/* Shortens a list that begins at start: as many of its words as there is room for, and how many
 * more there are: "peer-silent,+3". */
static void shorten(struct strbuf *buf, size_t start, size_t limit)
{
	size_t left = 1, kept = start;

	for (size_t i = start; i < buf->size; i++)
		left += buf->text[i] == ',';
	for (size_t i = start, words = left; i < buf->size; i++) {
		if (buf->text[i] != ',')
			continue;
		words--;
		/* ",+N" follows, with two digits at most */
		if (i - start + 3 + (words > 9) > limit)
			break;
		kept = i;
		left = words;
	}
	buf->size = kept;
	if (kept > start)
		strbuf_char(buf, ',');
	strbuf_char(buf, '+');
	strbuf_unsigned(buf, left);
}

/* Moves a cell that begins at start to the right of its column. */
static void align(struct strbuf *buf, size_t start, const struct layout_column *at)
{
	size_t size = buf->size - start, blanks = at->width > size ? at->width - size : 0;

	if (!at->column->is_right || blanks > buf->capacity - buf->size)
		return;
	memmove(buf->text + start + blanks, buf->text + start, size);
	memset(buf->text + start, ' ', blanks);
	buf->size += blanks;
}

void layout_headings(const struct layout *layout, struct strbuf *buf)
{
	size_t start = buf->size, column = 0;

	for (unsigned i = 0; i < layout->count; i++) {
		size_t cell = buf->size;

		strbuf_string(buf, layout->columns[i].column->heading);
		align(buf, cell, &layout->columns[i]);
		if (i + 1 < layout->count)
			pad(buf, start, column += layout->columns[i].width + GAP);
	}
	strbuf_char(buf, '\n');
}

void layout_row(const struct layout *layout, struct strbuf *buf, const void *row,
		uint64_t origin_ns)
{
	size_t start = buf->size, column = 0;

	for (unsigned i = 0; i < layout->count; i++) {
		const struct layout_column *at = &layout->columns[i];
		size_t cell = buf->size;

		if (at->limit > 0)
			at->column->list(buf, row, origin_ns);
		else
			at->column->cell(buf, row, origin_ns);
		if (at->limit > 0 && buf->size - cell > at->limit)
			shorten(buf, cell, at->limit);
		align(buf, cell, at);
		if (i + 1 < layout->count)
			pad(buf, start, column += at->width + GAP);
	}
	while (buf->size > start && buf->text[buf->size - 1] == ' ')
		buf->size--;
	strbuf_char(buf, '\n');
}

/* --- Keys. --- */

void column_key_number(struct column_key *key, uint64_t number)
{
	*key = (struct column_key){.number = number};
}

void column_key_text(struct column_key *key, const char *text)
{
	size_t size = strnlen(text, LAYOUT_KEY_BYTES);

	*key = (struct column_key){.size = size};
	memcpy(key->bytes, text, size);
}

bool column_key_address(struct column_key *key, const struct tcpshim_address *address)
{
	const size_t size = sizeof(address->bytes);

	*key = (struct column_key){.number = address->family, .size = size + 2};
	memcpy(key->bytes, address->bytes, size);
	key->bytes[size] = (uint8_t)(address->port >> 8);
	key->bytes[size + 1] = (uint8_t)address->port;
	return address->family != 0;
}

static int compare_keys(const struct column_key *a, const struct column_key *b)
{
	size_t size = a->size < b->size ? a->size : b->size;
	int order;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	order = memcmp(a->bytes, b->bytes, size);
	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

int column_compare(const struct column *column, bool is_reversed, const void *a, const void *b)
{
	struct column_key x, y;
	bool has_x = column->key(&x, a), has_y = column->key(&y, b);

	if (!has_x || !has_y)
		return has_y - has_x;
	return is_reversed ? compare_keys(&y, &x) : compare_keys(&x, &y);
}
