/*
 * page_text: JSON as it stands in a page: what came from the traced program stays text.
 *
 * Beside what JSON asks for, '<' is escaped, so that no text ends the element that it is in, and
 * U+2028 and U+2029, which older scripts take for the end of a line. What cannot be seen or turns
 * the text around it was replaced before, or is here (reader/printable.h).
 * Context: the command. Look at ferror(to) for success.
 */
#ifndef PICTURE_PAGE_TEXT_H
#define PICTURE_PAGE_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "tcpshim/event.h"

/* Writes text between quotes. It was made printable. */
void page_text(FILE *to, const char *text, size_t size);

/* Writes any bytes between quotes, made printable as one line. */
void page_raw(FILE *to, const char *text);

/* Writes "192.0.2.1:80" between quotes. */
void page_address(FILE *to, const struct tcpshim_address *address);

/* Writes a time of the report as microseconds since base_ns, to the tenth; it may be before it. */
void page_time(FILE *to, uint64_t time_ns, uint64_t base_ns);

#endif
