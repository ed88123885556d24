/*
 * printable: the one place through which text that a file or another process chose gets out.
 *
 * A recording can be made by anyone: its names, paths, lines and payloads are any bytes. What a
 * terminal would obey, what cannot be seen, and what changes the order of the text around it is
 * replaced: the C0 and C1 controls (also as UTF-8), zero-width and bidirectional controls, tags,
 * and bytes that are no UTF-8. Other UTF-8 stays.
 */
#ifndef READER_PRINTABLE_H
#define READER_PRINTABLE_H

#include <stdio.h>

#include "format/format.h"

enum printable_as {
	PRINTABLE_LINE,     /* '?' for each such character, the line's end and the tab too */
	PRINTABLE_TEXT,     /* lines of text: '\n' and '\t' stay */
	PRINTABLE_COLOURED, /* the same, and the sequences that set a colour stay */
	PRINTABLE_JSON,     /* lines of JSON: an escape for each, which means the same */
};

/* Returns how what this format has written gets out. */
enum printable_as printable_of(const struct format *format, bool has_colour);

/* Writes text of so many bytes. Look at ferror(to) for success. */
void printable_write(FILE *to, const char *text, size_t size, enum printable_as as);

/* Appends text as PRINTABLE_LINE: it stays a part of one line. */
void printable_append(struct strbuf *buf, const char *text, size_t size);

/* Appends text as PRINTABLE_TEXT. */
void printable_append_text(struct strbuf *buf, const char *text, size_t size);

#endif
