/*
 * own_names: defines some of libc's functions itself, and makes the calls by number.
 *
 * Hazard: the program's definition comes before the library's.  A library that calls its own
 * function by name calls the program's, which calls syscall(), which is the library's again, until
 * the stack is used up.
 */
#include "hostile.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

static unsigned long counts[16];

#define COUNTED(index, ...) (counts[index]++, __VA_ARGS__)

ssize_t read(int fd, void *bytes, size_t size)
{
	return COUNTED(0, syscall(SYS_read, fd, bytes, size));
}

ssize_t write(int fd, const void *bytes, size_t size)
{
	return COUNTED(1, syscall(SYS_write, fd, bytes, size));
}

int close(int fd)
{
	return (int)COUNTED(2, syscall(SYS_close, fd));
}

int close_range(unsigned first, unsigned last, int flags)
{
	return (int)COUNTED(3, syscall(SYS_close_range, first, last, flags));
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};

	return (int)COUNTED(4,
			    syscall(SYS_ppoll, fds, count, timeout < 0 ? NULL : &limit, NULL, 8));
}

int dup(int fd)
{
	return (int)COUNTED(5, syscall(SYS_dup, fd));
}

int dup2(int fd, int to)
{
	return (int)COUNTED(6, syscall(SYS_dup3, fd, to, 0));
}

int dup3(int fd, int to, int flags)
{
	return (int)COUNTED(7, syscall(SYS_dup3, fd, to, flags));
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	long value;

	va_start(list, command);
	value = va_arg(list, long);
	va_end(list);
	return (int)COUNTED(8, syscall(SYS_fcntl, fd, command, value));
}

int socket(int domain, int type, int protocol)
{
	return (int)COUNTED(9, syscall(SYS_socket, domain, type, protocol));
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
	return (int)COUNTED(10, syscall(SYS_socketpair, domain, type, protocol, pair));
}

int prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list list;

	va_start(list, option);
	a = va_arg(list, unsigned long);
	b = va_arg(list, unsigned long);
	c = va_arg(list, unsigned long);
	d = va_arg(list, unsigned long);
	va_end(list);
	return (int)COUNTED(11, syscall(SYS_prctl, option, a, b, c, d));
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return (int)COUNTED(12, syscall(SYS_setsockopt, fd, level, name, value, size));
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	return COUNTED(13, syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0));
}

int main(void)
{
	struct pollfd waited;
	char name[16] = "", bytes[64];
	int ends[2], pair[2], copy, one = 1;

	deadline_set(30);
	tcp_pair(ends);
	CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	CHECK(write(ends[0], "written", 7) == 7);
	waited = (struct pollfd){ends[1], POLLIN, 0};
	CHECK(poll(&waited, 1, 5000) == 1);
	CHECK(read(ends[1], bytes, sizeof(bytes)) == 7);
	CHECK(send(ends[1], "sent", 4, 0) == 4);
	CHECK(recv(ends[0], bytes, sizeof(bytes), 0) == 4);
	CHECK((copy = dup(ends[0])) >= 0);
	CHECK(dup2(ends[0], 50) == 50);
	CHECK(dup2(50, 50) < 0 && errno == EINVAL); /* by dup3, which refuses it */
	CHECK(dup3(ends[0], 51, O_CLOEXEC) == 51);
	CHECK(fcntl(51, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(ends[0], F_DUPFD, 60) == 60);
	CHECK(write(60, "by a copy", 9) == 9);
	CHECK(read(ends[1], bytes, sizeof(bytes)) == 9);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(prctl(PR_SET_NAME, "own_names") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "own_names") == 0);
	CHECK(close(copy) == 0);
	CHECK(close_range(50, 60, 0) == 0);
	CHECK(fcntl(60, F_GETFD) < 0 && errno == EBADF);
	CHECK(close(ends[1]) == 0);
	CHECK(close_range(3, ~0U, 0) == 0);
	for (size_t i = 0; i < 14; i++) {
		CHECK(counts[i] > 0);
		dprintf(STDOUT_FILENO, "function %zu: %lu calls\n", i, counts[i]);
	}
	expect("=", 1, "^write\\(.* w r i t t e n");
	expect("=", 1, "^write\\(.* b y   a   c o p y");
	expect(">=", 1, "^close\\(");
	expect("=", 2, "\\[closed-shared\\]$");
	expect("=", 2, "\\[closed-(first|after-peer)\\]$");
	return 0;
}
