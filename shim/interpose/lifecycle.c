/* Calls that create, connect, copy and close descriptors. */
#include <limits.h>
#include <stdarg.h>

#include "guest/stack.h"
#include "interpose/export.h"
#include "sink/output.h"
#include "sys/raw.h"
#include "trace/connecting.h"

EXPORT int socket(int domain, int type, int protocol)
{
	struct call call;

	if (!process_is_watching)
		return real.socket(domain, type, protocol);

	call_enter(&call, CALL_socket, -1);
	call_integer(&call, domain);
	call_integer(&call, type);
	call_integer(&call, protocol);
	int fd = real.socket(domain, type, protocol);
	return (int)after_call(&call, fd);
}

EXPORT int socketpair(int domain, int type, int protocol, int pair[2])
{
	struct call call;

	if (!process_is_tracing)
		return real.socketpair(domain, type, protocol, pair);

	call_enter(&call, CALL_socketpair, -1);
	call_integer(&call, domain);
	call_integer(&call, type);
	call_integer(&call, protocol);
	call_pointer(&call, pair);
	int result = real.socketpair(domain, type, protocol, pair);
	return (int)after_call(&call, result);
}

EXPORT int pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	struct call call;

	if (!process_is_watching)
		return real.pidfd_getfd(pidfd, fd, flags);

	call_enter(&call, CALL_pidfd_getfd, -1);
	call_integer(&call, pidfd);
	call_integer(&call, fd);
	call_integer(&call, flags);
	int copy = real.pidfd_getfd(pidfd, fd, flags);
	return (int)after_call(&call, copy);
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	struct call call;

	if (!watch_is_on(fd))
		return real.bind(fd, address, size);

	call_enter(&call, CALL_bind, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_integer(&call, size);
	input_copy_all(&call);
	int result = real.bind(fd, address, size);
	return (int)after_call(&call, result);
}

EXPORT int listen(int fd, int backlog)
{
	struct call call;

	if (!watch_has_conn(fd))
		return real.listen(fd, backlog);

	call_enter(&call, CALL_listen, fd);
	call_integer(&call, fd);
	call_integer(&call, backlog);
	before_call(&call);
	int result = real.listen(fd, backlog);
	return (int)after_call(&call, result);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	struct call call;

	if (!watch_has_conn(fd))
		return real.connect(fd, address, size);

	call_enter(&call, CALL_connect, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_integer(&call, size);
	before_call(&call);
	if (call.is_refused) {
		struct sockaddr_storage nowhere;

		if (call.is_refused_here) {
			errno = ECONNREFUSED;
			return (int)after_call(&call, -1);
		}
		connecting_nowhere(&call, &nowhere);
		int refused = real.connect(fd, (const struct sockaddr *)&nowhere, size);
		return (int)after_call(&call, refused);
	}
	int result = real.connect(fd, address, size);
	return (int)after_call(&call, result);
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *size)
{
	struct call call;

	if (!watch_has_conn(fd))
		return real.accept(fd, address, size);

	call_enter(&call, CALL_accept, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_pointer(&call, size);
	before_call(&call);
	int accepted = real.accept(fd, address, size);
	return (int)after_call(&call, accepted);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	struct call call;

	if (!watch_has_conn(fd))
		return real.accept4(fd, address, size, flags);

	call_enter(&call, CALL_accept4, fd);
	call_integer(&call, fd);
	call_pointer(&call, address);
	call_pointer(&call, size);
	call_integer(&call, flags);
	before_call(&call);
	int accepted = real.accept4(fd, address, size, flags);
	return (int)after_call(&call, accepted);
}

EXPORT int shutdown(int fd, int how)
{
	struct call call;

	if (!watch_is_shutting(fd))
		return real.shutdown(fd, how);

	call_enter(&call, CALL_shutdown, fd);
	call_integer(&call, fd);
	call_integer(&call, how);
	before_call(&call);
	int result = after_shutdown(&call, real.shutdown(fd, how));
	return (int)after_call(&call, result);
}

/* Closes a known descriptor. Not inlined, so that closing an unknown one is a jump to the real
 * function. */
static __attribute__((noinline)) int close_known(int fd)
{
	CLOSING_CALL call = {.closing = NULL};

	if (watch_is_own(fd)) {
		errno = EBADF;
		return -1;
	}
	if (!closing_enter(&call, CALL_close, (unsigned)fd, (unsigned)fd))
		return real.close(fd);

	call_integer(&call, fd);
	int result = real.close(fd);
	return (int)after_call(&call, result);
}

EXPORT int close(int fd)
{
	if (fdtable_load(fd) == 0)
		return real.close(fd);
	return close_known(fd);
}

/* Closes [first, last] except for our own descriptor. */
static int close_around(unsigned first, unsigned last, int flags)
{
	int ours = output_fd(), result = 0;

	if (ours < 0 || (unsigned)ours < first || (unsigned)ours > last || !watch_is_own(ours))
		return real.close_range(first, last, flags);
	if ((unsigned)ours > first)
		result = real.close_range(first, (unsigned)ours - 1, flags);
	if (result == 0 && (unsigned)ours < last)
		result = real.close_range((unsigned)ours + 1, last, flags);
	return result;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	CLOSING_CALL call = {.closing = NULL};

	/* CLOSE_RANGE_CLOEXEC closes nothing now. */
	if ((flags & (int)CLOSE_RANGE_CLOEXEC) || first > last ||
	    !closing_enter(&call, CALL_close_range, first, last))
		return close_around(first, last, flags);

	call_integer(&call, first);
	call_integer(&call, last);
	call_integer(&call, flags);
	int result = close_around(first, last, flags);
	return (int)after_call(&call, result);
}

/* Closes everything from first on except for our own descriptor. Without close_range (Linux before
 * 5.9), closes the descriptors below ours one by one, and lets libc close the rest. */
static void closefrom_around(int first)
{
	int ours = output_fd();

	if (ours < first || !watch_is_own(ours)) {
		real.closefrom(first);
		return;
	}
	if (ours > first && raw_syscall3(SYS_close_range, first, ours - 1, 0) < 0)
		for (int fd = first; fd < ours; fd++)
			raw_close(fd);
	real.closefrom(ours + 1);
}

EXPORT void closefrom(int first)
{
	CLOSING_CALL call = {.closing = NULL};

	first = first < 0 ? 0 : first;
	if (!closing_enter(&call, CALL_closefrom, (unsigned)first, INT_MAX)) {
		closefrom_around(first);
		return;
	}
	call_integer(&call, first);
	closefrom_around(first);
	after_call(&call, 0);
}

/* Reports a copy that was made by a call that is not watched. Returns it. */
static int copied(int from, int to)
{
	if (to >= 0 && to != from)
		descriptor_copied(from, to);
	return to;
}

EXPORT int dup(int fd)
{
	struct call call;

	if (!closing_enter_dup(&call, CALL_dup, fd, -1))
		return copied(fd, real.dup(fd));

	call_integer(&call, fd);
	int copy = real.dup(fd);
	return (int)after_call(&call, copy);
}

EXPORT int dup2(int fd, int to)
{
	CLOSING_CALL call = {.closing = NULL};

	if (watch_is_own(to))
		output_yield_fd(to);
	if (!closing_enter_dup(&call, CALL_dup2, fd, to))
		return copied(fd, real.dup2(fd, to));

	call_integer(&call, fd);
	call_integer(&call, to);
	int copy = real.dup2(fd, to);
	return (int)after_call(&call, copy);
}

EXPORT int dup3(int fd, int to, int flags)
{
	CLOSING_CALL call = {.closing = NULL};

	if (watch_is_own(to))
		output_yield_fd(to);
	if (!closing_enter_dup(&call, CALL_dup3, fd, to))
		return copied(fd, real.dup3(fd, to, flags));

	call_integer(&call, fd);
	call_integer(&call, to);
	call_integer(&call, flags);
	int copy = real.dup3(fd, to, flags);
	return (int)after_call(&call, copy);
}

/* Not shown. posix_spawn makes the copy inside libc, in the child. */
EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int to)
{
	if (process_is_watching)
		closing_note_copied(fd);
	return real.posix_spawn_file_actions_adddup2(actions, fd, to);
}

/* Makes a fcntl. The argument is read and passed on even if the command has none, as libc does. */
static int fcntl_call(enum tcpshim_call id, __typeof__(fcntl) *real_fcntl, int fd, int command,
		      void *value)
{
	bool is_copy = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	struct call call;

	if (is_copy ? !closing_enter_dup(&call, id, fd, -1) : !watch_is_on(fd)) {
		int result = real_fcntl(fd, command, value);

		return is_copy ? copied(fd, result) : result;
	}
	if (!is_copy)
		call_enter(&call, id, fd);
	call_integer(&call, fd);
	call_integer(&call, command);
	call_pointer(&call, value);
	int result = real_fcntl(fd, command, value);
	return (int)after_call(&call, result);
}

EXPORT int fcntl(int fd, int command, ...)
{
	va_list list;
	void *value;

	va_start(list, command);
	value = va_arg(list, void *);
	va_end(list);
	return fcntl_call(CALL_fcntl, real.fcntl, fd, command, value);
}

EXPORT int fcntl64(int fd, int command, ...)
{
	va_list list;
	void *value;

	va_start(list, command);
	value = va_arg(list, void *);
	va_end(list);
	return fcntl_call(CALL_fcntl64, real.fcntl64, fd, command, value);
}

#if __SIZEOF_LONG__ == 4
EXPORT int __fcntl_time64(int fd, int command, ...)
{
	va_list list;
	void *value;

	va_start(list, command);
	value = va_arg(list, void *);
	va_end(list);
	return fcntl_call(CALL_fcntl64, real.__fcntl_time64, fd, command, value);
}
#endif

EXPORT int pipe2(int fds[2], int flags)
{
	int result = real.pipe2(fds, flags);

	if (result == 0)
		stack_made_pipe(fds);
	return result;
}

EXPORT int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **found)
{
	uint64_t start_ns;
	int result;

	if (!process_is_tracing)
		return real.getaddrinfo(node, service, hints, found);
	start_ns = process_now_ns();
	result = real.getaddrinfo(node, service, hints, found);
	after_lookup(start_ns);
	return result;
}
