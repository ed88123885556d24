/*
 * big_fd: connections at descriptor 15000, and a limit that is lowered below what is open.
 *
 * Hazard: huge descriptors (I7).  FD_SET beyond 1024 aborts in a fortified library.  A table of a
 * fixed size does not cover the number.  A library that must move its own descriptor finds no room
 * under a low limit.  The calls must be traced all the same.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>

enum { BIG = 15000 };

static uint64_t readable[BIG / 64 + 1];

int main(void)
{
	struct rlimit limit;
	struct epoll_event event = {.events = EPOLLIN};
	char bytes[16];
	int ends[2];

	deadline_set(30);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur <= BIG + 10) {
		limit.rlim_cur = limit.rlim_max;
		CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	CHECK(limit.rlim_cur > BIG + 10);

	tcp_pair(ends);
	CHECK(dup2(ends[1], BIG) == BIG);
	CHECK(fcntl(ends[0], F_DUPFD_CLOEXEC, BIG) == BIG + 1);
	struct pollfd waited = {BIG, POLLIN, 0};
	CHECK(poll(&waited, 1, 0) == 0);
	CHECK(write(BIG + 1, "fifteen", 7) == 7);
	CHECK(poll(&waited, 1, 1000) == 1);
	readable[BIG / 64] = 1ULL << BIG % 64;
	CHECK(select(BIG + 1, (fd_set *)readable, NULL, NULL, NULL) == 1);
	CHECK(readable[BIG / 64] == 1ULL << BIG % 64);
	CHECK(select(BIG + 1, (fd_set *)readable, NULL, NULL, &(struct timeval){1, 1000}) == 1);
	int epoll_fd = epoll_create1(0);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, BIG, &event) == 0);
	CHECK(epoll_wait(epoll_fd, &event, 1, 0) == 1);
	CHECK(recv(BIG, bytes, 7, 0) == 7);
	expect("=", 1, "^poll\\(\\[%d:POLLIN\\], 1, 0\\)[[:blank:]]+= 0$", BIG);
	expect("=", 1, "^write\\(%d, \" f i f t e e n\", 7\\)[[:blank:]]+= 7$", BIG + 1);
	expect("=", 2, "^select\\(%d, .*[[:blank:]]= 1 \\[%d:read\\]$", BIG + 1, BIG);
	expect("=", 1, "^recv\\(%d, \" f i f t e e n\", 7, 0\\)[[:blank:]]+= 7$", BIG);

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 24;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	marks_write(BIG + 1, 601, 1);
	marks_expect(getpid(), 601, 1);
	CHECK(close(BIG) == 0);
	CHECK(close(BIG + 1) == 0);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	for (int fd = 3; fd < 24; fd++)
		CHECK(dup2(STDOUT_FILENO, fd) == fd);
	CHECK(dup(STDOUT_FILENO) == -1 && errno == EMFILE);
	closefrom(3);
	tcp_pair(ends);
	four_marks(ends[0], 511);
	pid_t pid = fork();
	if (pid == 0) {
		marks_write(ends[0], 521, 1);
		_exit(0);
	}
	child_succeeds(pid);
	marks_expect(pid, 521, 1);
	return 0;
}
