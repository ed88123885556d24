/*
 * layout: which columns of a table are written, in which order, and how wide they are.
 *
 * A table has one struct column per column: its name, its heading, how much it is needed, and a
 * function that writes one cell. A row is one line: a cell that is wider than its column moves the
 * rest of its row to the right; only a column with a limit is shortened. Widths are in bytes, and
 * without the blanks between two columns.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_LAYOUT_H
#define FORMAT_LAYOUT_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

enum { LAYOUT_COLUMNS = 24, LAYOUT_KEY_BYTES = 48, LAYOUT_CELL_BYTES = 2048 };

/* What rows are sorted by: the number, and the bytes where the numbers are equal. */
struct column_key {
	uint64_t number;
	size_t size;
	uint8_t bytes[LAYOUT_KEY_BYTES];
};

struct column {
	const char *name;    /* in options */
	const char *heading; /* above the column */
	uint8_t width;       /* where the rows are not known yet */
	uint8_t need;        /* the column with the least is left out first; no two are equal */
	bool is_right;       /* cells are aligned to the right */
	/* Appends the cell. row: of the table's own type. origin_ns: what times count from, or up
	 * to. */
	void (*cell)(struct strbuf *buf, const void *row, uint64_t origin_ns);
	/* Of a list with commas, which may be shortened: the same, the most important words first.
	 * NULL: it is no list. */
	void (*list)(struct strbuf *buf, const void *row, uint64_t origin_ns);
	/* Fills the key. Returns false if the value is not known. */
	bool (*key)(struct column_key *key, const void *row);
};

struct layout_column {
	const struct column *column;
	uint16_t width;
	uint16_t limit; /* a longer list is shortened to this; 0: none */
	uint16_t whole; /* the width before that */
};

struct layout {
	unsigned count;
	struct layout_column columns[LAYOUT_COLUMNS];
};

/* Adds a column, with its own width. */
void layout_add(struct layout *layout, const struct column *column);

/* Makes the columns as wide as their headings; then as wide as the cells of each row. */
void layout_shrink(struct layout *layout);
void layout_widen(struct layout *layout, const void *row, uint64_t origin_ns);

/* Leaves out columns, the least needed first, until a row fits into width bytes. */
void layout_fit(struct layout *layout, size_t width);

/* Append one line, with its newline. */
void layout_headings(const struct layout *layout, struct strbuf *buf);
void layout_row(const struct layout *layout, struct strbuf *buf, const void *row,
		uint64_t origin_ns);

/* --- Keys. --- */

void column_key_number(struct column_key *key, uint64_t number);
void column_key_text(struct column_key *key, const char *text);
/* By family, address and port. Returns false if the family is 0. */
bool column_key_address(struct column_key *key, const struct tcpshim_address *address);

/* Compares two rows by a column, like qsort's function. Rows whose value is not known come last,
 * also if the order is reversed. */
int column_compare(const struct column *column, bool is_reversed, const void *a, const void *b);

#endif
