/*
 * older.c: the functions of older.h. Each is libc's or the library's own where one of them has it,
 * so that the library traces it under its name; else the system call is made. A program may define
 * the name itself.
 */
#include "older.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAY_BE_ITS_OWN __attribute__((weak))

static struct {
	int (*close_range)(unsigned, unsigned, int);
	void (*closefrom)(int);
	int (*epoll_pwait2)(int, struct epoll_event *, int, const struct timespec *,
			    const sigset_t *);
	int (*pidfd_getfd)(int, int, unsigned);
	pid_t (*fork)(void);
} found;

/* Not at the call, which may be one in a child of vfork. */
__attribute__((constructor)) static void look_up(void)
{
	*(void **)&found.close_range = dlsym(RTLD_NEXT, "close_range");
	*(void **)&found.closefrom = dlsym(RTLD_NEXT, "closefrom");
	*(void **)&found.epoll_pwait2 = dlsym(RTLD_NEXT, "epoll_pwait2");
	*(void **)&found.pidfd_getfd = dlsym(RTLD_NEXT, "pidfd_getfd");
	*(void **)&found.fork = dlsym(RTLD_NEXT, "_Fork");
}

MAY_BE_ITS_OWN int close_range(unsigned first, unsigned last, int flags)
{
	if (found.close_range)
		return found.close_range(first, last, flags);
	return (int)syscall(SYS_close_range, first, last, flags);
}

MAY_BE_ITS_OWN void closefrom(int first)
{
	if (found.closefrom)
		found.closefrom(first);
	else
		close_range((unsigned)first, ~0U, 0);
}

MAY_BE_ITS_OWN int epoll_pwait2(int epoll, struct epoll_event *events, int room,
				const struct timespec *limit, const sigset_t *mask)
{
	if (found.epoll_pwait2)
		return found.epoll_pwait2(epoll, events, room, limit, mask);
	return (int)syscall(SYS_epoll_pwait2, epoll, events, room, limit, mask, (size_t)_NSIG / 8);
}

MAY_BE_ITS_OWN int pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	if (found.pidfd_getfd)
		return found.pidfd_getfd(pidfd, fd, flags);
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, flags);
}

MAY_BE_ITS_OWN pid_t _Fork(void)
{
	return found.fork ? found.fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* The checked forms, which a program built for glibc would call. */
#ifndef __GLIBC__
#define CHECKED(name, otherwise, ...)                                            \
	__typeof__(name) *checked = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
	return checked ? checked(__VA_ARGS__) : otherwise

ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	CHECKED(__read_chk, read(fd, buffer, size), fd, buffer, size, room);
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	CHECKED(__recv_chk, recv(fd, buffer, size, flags), fd, buffer, size, room, flags);
}

ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room, int flags,
		       struct sockaddr *address, socklen_t *length)
{
	CHECKED(__recvfrom_chk, recvfrom(fd, buffer, size, flags, address, length), fd, buffer,
		size, room, flags, address, length);
}

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	CHECKED(__poll_chk, poll(fds, count, timeout), fds, count, timeout, room);
}

int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *limit,
		const sigset_t *mask, size_t room)
{
	CHECKED(__ppoll_chk, ppoll(fds, count, limit, mask), fds, count, limit, mask, room);
}
#endif

#define NAME(error) \
	case error: \
		return #error

/* The errors that the tests meet. */
MAY_BE_ITS_OWN const char *strerrorname_np(int error)
{
	switch (error) {
		NAME(EACCES);
		NAME(EADDRINUSE);
		NAME(EADDRNOTAVAIL);
		NAME(EAFNOSUPPORT);
		NAME(EAGAIN);
		NAME(EALREADY);
		NAME(EBADF);
		NAME(ECHILD);
		NAME(ECONNABORTED);
		NAME(ECONNREFUSED);
		NAME(ECONNRESET);
		NAME(EDESTADDRREQ);
		NAME(EDOM);
		NAME(EEXIST);
		NAME(EFAULT);
		NAME(EFBIG);
		NAME(EHOSTUNREACH);
		NAME(EINPROGRESS);
		NAME(EINTR);
		NAME(EINVAL);
		NAME(EIO);
		NAME(EISCONN);
		NAME(EMFILE);
		NAME(EMSGSIZE);
		NAME(ENETUNREACH);
		NAME(ENFILE);
		NAME(ENOBUFS);
		NAME(ENODEV);
		NAME(ENOENT);
		NAME(ENOMEM);
		NAME(ENOPROTOOPT);
		NAME(ENOSPC);
		NAME(ENOSYS);
		NAME(ENOTCONN);
		NAME(ENOTSOCK);
		NAME(ENOTTY);
		NAME(ENXIO);
		NAME(EOPNOTSUPP);
		NAME(EPERM);
		NAME(EPIPE);
		NAME(EPROTONOSUPPORT);
		NAME(EPROTOTYPE);
		NAME(ERANGE);
		NAME(ESPIPE);
		NAME(ESRCH);
		NAME(ETIMEDOUT);
	default:
		return error == 0 ? "0" : "another error";
	}
}

#undef NAME
#define NAME(signal)      \
	case SIG##signal: \
		return #signal

MAY_BE_ITS_OWN const char *sigabbrev_np(int number)
{
	switch (number) {
		NAME(ABRT);
		NAME(ALRM);
		NAME(BUS);
		NAME(FPE);
		NAME(HUP);
		NAME(ILL);
		NAME(INT);
		NAME(KILL);
		NAME(PIPE);
		NAME(QUIT);
		NAME(SEGV);
		NAME(SYS);
		NAME(TERM);
		NAME(TRAP);
		NAME(USR1);
		NAME(USR2);
	default:
		return NULL;
	}
}
