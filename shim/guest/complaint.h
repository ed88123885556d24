/*
 * complaint: writes one line to the user on standard error, a descriptor that belongs to the
 * program.
 *
 * Descriptor 2 may refer to the program's own data by now. So the line is written only if the
 * descriptor still refers to the same file as at the start, is not a TCP socket, and has room for
 * the line within one second. That second is waited once, not once per line.
 * Context: complaint_start in the constructor; complaint_write in any thread, after fork. Locks:
 * none. Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef GUEST_COMPLAINT_H
#define GUEST_COMPLAINT_H

#include <stddef.h>

/* Remembers which file standard error is. */
void complaint_start(void);

/* Writes one line to standard error. line has no newline at its end. Writes nothing where seccomp
 * does not allow asking what standard error is. */
void complaint_write(const char *line, size_t size);

#endif
