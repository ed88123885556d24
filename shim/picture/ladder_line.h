/*
 * ladder_line: one line of a ladder, a character in each of its columns.
 *
 * Every character takes one column: what does not is replaced by a dot. Line drawing is Unicode, or
 * ASCII where the terminal has nothing else.
 * Pure. Context: any. Locks: none. Errno: untouched.
 */
#ifndef PICTURE_LADDER_LINE_H
#define PICTURE_LADDER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/strbuf.h"

enum {
	LADDER_LINE_MOST = 160,                        /* columns */
	LADDER_LINE_BYTES = 4 * LADDER_LINE_MOST + 32, /* at most, with colours and newline */
};

/* What is drawn. */
enum ladder_glyph {
	GLYPH_LINE = 0x2500,           /* ─ seen */
	GLYPH_DASH = 0x254c,           /* ╌ inferred */
	GLYPH_BAR = 0x2502,            /* │ ESTABLISHED; an arrow on its way */
	GLYPH_HEAVY = 0x2503,          /* ┃ CLOSE_WAIT */
	GLYPH_OPENING = 0x254e,        /* ╎ opening or closing */
	GLYPH_INFERRED = 0x250a,       /* ┊ an end that was not recorded */
	GLYPH_DOT = 0x00b7,            /* · no connection */
	GLYPH_CROSS = 0x253c,          /* ┼ */
	GLYPH_DOWN_LEFT = 0x256e,      /* ╮ */
	GLYPH_DOWN_RIGHT = 0x256d,     /* ╭ */
	GLYPH_UP_RIGHT = 0x2570,       /* ╰ */
	GLYPH_UP_LEFT = 0x256f,        /* ╯ */
	GLYPH_UP = 0x2534,             /* ┴ */
	GLYPH_RIGHT = 0x25ba,          /* ► */
	GLYPH_LEFT = 0x25c4,           /* ◄ */
	GLYPH_RIGHT_INFERRED = 0x25b7, /* ▷ */
	GLYPH_LEFT_INFERRED = 0x25c1,  /* ◁ */
	GLYPH_LOST = 0x2717,           /* ✗ */
};

struct ladder_line {
	uint32_t cells[LADDER_LINE_MOST];
	const char *colour; /* NULL: none */
	size_t colour_from, colour_to;
};

/* Makes it blank. */
void ladder_line_clear(struct ladder_line *line);

/* Puts a character into a column; outside of the line, nothing. */
void ladder_line_put(struct ladder_line *line, size_t column, uint32_t character);

/* Puts text from this column on, as far as to. Returns the column after it. */
size_t ladder_line_text(struct ladder_line *line, size_t column, size_t to, const char *text,
			size_t size);

/* Returns how many columns the text takes. */
size_t ladder_line_columns(const char *text, size_t size);

/* Appends the line, without blanks at its end, and a newline. */
void ladder_line_append(const struct ladder_line *line, struct strbuf *buf, bool is_ascii);

#endif
