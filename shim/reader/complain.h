/*
 * complain: what the command says on standard error, one line each; and memory that is there, or
 * the command ends with a line that says so.
 */
#ifndef READER_COMPLAIN_H
#define READER_COMPLAIN_H

#include <stddef.h>

/* Exit statuses, as env(1) has them. */
enum { EXIT_USAGE = 2, EXIT_OWN_FAILURE = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* "tcpshim: …" and the line's end, as PRINTABLE_LINE. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *allocate(size_t size);
void *reallocate(void *memory, size_t size);
char *duplicate(const char *text);

#endif
