/*
 * older.h: what libcs before glibc 2.36, and musl, do not have, and the programs of the tests use.
 * scripts/matrix includes it before each source that it builds in a root; older.c defines the
 * functions.
 */
#ifndef OLDER_H
#define OLDER_H

#include <features.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>

#ifndef __GLIBC_PREREQ
#define __GLIBC_PREREQ(major, minor) 0
#endif

struct epoll_event;

#if !__GLIBC_PREREQ(2, 36)
const char *strerrorname_np(int error);
const char *sigabbrev_np(int number);
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int epoll_pwait2(int epoll, struct epoll_event *events, int room, const struct timespec *limit,
		 const sigset_t *mask);
int pidfd_getfd(int pidfd, int fd, unsigned flags);
pid_t _Fork(void);
#endif

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 32)
#define IPPROTO_MPTCP 262
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#endif
