/*
 * linux: constants of Linux that are newer than the headers of some libcs: glibc 2.31 and later is
 * supported for building. The system calls' numbers are those of every architecture.
 */
#ifndef TCPSHIM_LINUX_H
#define TCPSHIM_LINUX_H

#include <linux/close_range.h>
#include <netinet/in.h>
#include <sys/syscall.h>

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
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#endif
