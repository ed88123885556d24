/*
 * libc: includes the headers that declare the functions that the library replaces, and declares the
 * functions that libc exports without declaring them.
 *
 * Context: declarations only, no code.
 */
#ifndef SYS_LIBC_H
#define SYS_LIBC_H

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The fortified variants (_FORTIFY_SOURCE). The last size is the size of the whole buffer; libc's
 * function checks it. */
ssize_t __read_chk(int fd, void *buf, size_t size, size_t buf_size);
ssize_t __recv_chk(int fd, void *buf, size_t size, size_t buf_size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t size, size_t buf_size, int flags,
		       struct sockaddr *address, socklen_t *address_size);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t fds_size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t fds_size);

/* In glibc since 2.34, 2.35 and 2.36; declared here for older headers. */
#if !__GLIBC_PREREQ(2, 35)
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int epoll_pwait2(int epoll, struct epoll_event *events, int most, const struct timespec *timeout,
		 const sigset_t *mask);
#endif
int pidfd_getfd(int pidfd, int fd, unsigned flags);

/* On a 32-bit machine, what programs with a time_t of 64 bits call (glibc since 2.34). */
#if __SIZEOF_LONG__ == 4
struct timespec64 {
	int64_t tv_sec;
	int32_t tv_nsec, unused;
};
struct timeval64 {
	int64_t tv_sec, tv_usec;
};
int __ppoll64(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
	      const sigset_t *mask);
int __ppoll64_chk(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
		  const sigset_t *mask, size_t fds_size);
int __select64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
	       struct timeval64 *timeout);
int __pselect64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
		const struct timespec64 *timeout, const sigset_t *mask);
int __epoll_pwait2_time64(int epoll, struct epoll_event *events, int most,
			  const struct timespec64 *timeout, const sigset_t *mask);
int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags,
		 struct timespec64 *timeout);
ssize_t __recvmsg64(int fd, struct msghdr *message, int flags);
ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags);
int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __getsockopt64(int fd, int level, int name, void *value, socklen_t *size);
int __setsockopt64(int fd, int level, int name, const void *value, socklen_t size);
int __fcntl_time64(int fd, int command, ...);
int __ioctl_time64(int fd, unsigned long request, ...);
int __prctl_time64(int option, ...);
#endif

#endif
