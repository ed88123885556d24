/*
 * complain: messages on standard error, and memory.
 *
 * Each message is one line. If there is not enough memory, the command exits with a message.
 * Context: the command. Locks: none.
 */
#ifndef READER_COMPLAIN_H
#define READER_COMPLAIN_H

#include <stddef.h>

/* Exit statuses, as env(1) has them. */
enum { EXIT_USAGE = 2, EXIT_OWN_FAILURE = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* Prints "tcpshim: ", the message and a newline, made printable as PRINTABLE_LINE. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets what is before the colon from now on: "tcpshim report" while its options are read. The name
 * is kept, not copied. */
void complain_as(const char *name);

/* Complains about what was typed, and exits with EXIT_USAGE. */
void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Like malloc, realloc and strdup, but never return NULL for a size above 0. */
void *allocate(size_t size);
void *reallocate(void *memory, size_t size);
char *duplicate(const char *text);

#endif
