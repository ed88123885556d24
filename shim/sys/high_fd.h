/*
 * high_fd: descriptors of the library's own, out of the program's way.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5, I7.
 */
#ifndef SYS_HIGH_FD_H
#define SYS_HIGH_FD_H

#include <stdbool.h>

/* Copies fd, close-on-exec, to a number as high as can be had. may_raise: the first number above
 * the program's limit is tried, for which the limit is raised for a moment; in the constructor
 * only, since another thread could read the limit meanwhile. Returns the number, or -errno. */
int high_fd_duplicate(int fd, bool may_raise);

#endif
