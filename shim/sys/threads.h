/*
 * threads: whether libc has made a second thread in this process.
 *
 * glibc has told it since 2.32 (__libc_single_threaded). Where that is missing, the process counts
 * as one with threads.
 * Context: threads_start in the constructor; the rest anywhere. Locks: none. Errno: untouched.
 * Keeps I5.
 */
#ifndef SYS_THREADS_H
#define SYS_THREADS_H

#include <stdbool.h>

extern const char *threads_single; /* what it points to is 0 once there are threads */
extern bool threads_are_known;     /* libc tells it */

void threads_start(void);

static inline bool threads_are_none(void)
{
	return *threads_single != 0;
}

#endif
