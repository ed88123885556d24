/*
 * early_life: TCP before main: in the program's own start, and in the constructor of a library.
 *
 * Hazard: early calls (I5).  The resolver of an indirect function runs while the program is being
 * loaded, before any constructor, this library's included: its calls must work, untraced.  Calls
 * from .preinit_array, and from constructors of libraries that are preloaded after this one, also
 * come before this library's constructor, unless the linker was told otherwise (-z initfirst): they
 * must be traced.  This source is also built as a shared object: such a library.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

#if !defined(EARLY_LIBRARY)

static int early[2];

/* Makes each call that has to work before the constructor. */
static void use_early(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct timeval limit = {0, 1000};
	char bytes[16];
	fd_set readable;

	tcp_pair(early);
	struct pollfd waited = {early[1], POLLIN, 0};
	CHECK(write(early[0], "before", 6) == 6);
	CHECK(poll(&waited, 1, 1000) == 1);
	FD_ZERO(&readable);
	FD_SET(early[1], &readable);
	CHECK(select(early[1] + 1, &readable, NULL, NULL, &limit) == 1);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, early[1], &event) == 0);
	CHECK(epoll_wait(epoll_fd, &event, 1, 1000) == 1);
	CHECK(syscall(SYS_close, epoll_fd) == 0);
	CHECK(recv(early[1], bytes, sizeof(bytes), 0) == 6);
	CHECK(recv(early[1], bytes, sizeof(bytes), MSG_DONTWAIT) == -1 && errno == EAGAIN);
	int copy = fcntl(early[0], F_DUPFD_CLOEXEC, 50);
	CHECK(copy >= 50);
	CHECK(dup2(copy, copy) == copy);
	CHECK(close(copy) == 0);
	CHECK(dup2(copy, copy) == -1 && errno == EBADF);
}

/* musl has neither indirect functions nor .preinit_array. */
#ifdef __GLIBC__

/* The resolver does no more than is possible before libc itself is ready. */
static int resolved_socket = -1;

static int answer(void)
{
	return 42;
}

static int (*resolve(void))(void)
{
	resolved_socket = socket(AF_INET, SOCK_STREAM, 0);
	if (resolved_socket >= 0 && close(resolved_socket) < 0)
		resolved_socket = -2;
	return answer;
}

static int indirect(void) __attribute__((ifunc("resolve")));

__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = use_early;

#else

enum { resolved_socket = 0 };

static int indirect(void)
{
	return 42;
}

__attribute__((constructor(102))) static void second(void)
{
	use_early();
}

#endif

__attribute__((constructor(101))) static void start(void)
{
	int ends[2];

	tcp_pair(ends);
	four_marks(ends[0], 601);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
}

int main(void)
{
	deadline_set(30);
	CHECK(indirect() == 42);
	CHECK(resolved_socket >= 0);
	four_marks(early[0], 501);
	expect("=", 1, "^write\\(.*\" b e f o r e\"");
	expect("=", 0, "\\[(adopted|closed-unseen)\\]$");
	CHECK(close(early[0]) == 0);
	return 0;
}

#else

__attribute__((constructor)) static void start(void)
{
	int ends[2];

	tcp_pair(ends);
	four_marks(ends[0], 701);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
	expect("=", 1, "[^0-9]2810[^0-9].*\\[closed-(first|after-peer)\\]$");
}

#endif
