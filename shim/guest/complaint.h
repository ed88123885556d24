/*
 * complaint: one line to the user on standard error, while the program owns the descriptor.
 *
 * Number 2 may stand for the program's own data by now: the line is written only if it is still the
 * file that it was at the start, is no TCP socket, and takes the line within a second. That second
 * is waited once, not once per line.
 * Context: complaint_start in the constructor; complaint_write in any thread, after fork. Locks:
 * none. Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef GUEST_COMPLAINT_H
#define GUEST_COMPLAINT_H

#include <stddef.h>

/* Remembers which file standard error is. */
void complaint_start(void);

/* Writes one line to standard error. line: without its end of line. Nothing where seccomp does not
 * allow asking what standard error is. */
void complaint_write(const char *line, size_t size);

#endif
