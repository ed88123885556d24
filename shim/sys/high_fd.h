/*
 * high_fd: copies the library's own descriptors to high numbers, where they are not in the
 * program's way.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5, I7.
 */
#ifndef SYS_HIGH_FD_H
#define SYS_HIGH_FD_H

#include <stdbool.h>

/* Copies fd, close-on-exec, to a high number. may_raise: the limit on descriptors is raised for a
 * moment, to get the first number above it; in the constructor only, because another thread could
 * read the limit meanwhile. Returns the number, or -errno. */
int high_fd_duplicate(int fd, bool may_raise);

#endif
