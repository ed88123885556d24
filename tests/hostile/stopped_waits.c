/*
 * stopped_waits STOP_MS CONTINUE_MS: waits that are stopped and continued (job control).
 *
 * Hazard: a wait made in parts.  For a stopped poll the kernel keeps the first instant as the
 * limit. For ppoll, select and pselect it keeps the time that was left when they were stopped.
 * epoll_wait fails with EINTR.  A poll that becomes a ppoll, or a second part whose time is counted
 * from the beginning, behaves differently.
 *
 * Prints one line per wait on standard error: its name, how long it took in ms, result, errno, and
 * what is left of the time limit in ms, for the runner to compare with the bare run's.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/select.h>

enum { TIMEOUT_MS = 2500 };

static int ends[2], epoll_fd;
static const struct timespec limit = {TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000000L};
static struct timeval left = {TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000L};
static struct epoll_event event;
static sigset_t none;
static fd_set readable;

static int by_poll(void)
{
	struct pollfd waited = {ends[1], POLLIN, 0};

	return poll(&waited, 1, TIMEOUT_MS);
}

static int by_ppoll(void)
{
	struct pollfd waited = {ends[1], POLLIN, 0};

	return ppoll(&waited, 1, &limit, &none);
}

static int by_select(void)
{
	return select(ends[1] + 1, &readable, NULL, NULL, &left);
}

static int by_pselect(void)
{
	return pselect(ends[1] + 1, &readable, NULL, NULL, &limit, &none);
}

static int by_epoll_wait(void)
{
	return epoll_wait(epoll_fd, &event, 1, TIMEOUT_MS);
}

static int by_epoll_pwait(void)
{
	return epoll_pwait(epoll_fd, &event, 1, TIMEOUT_MS, &none);
}

static int by_epoll_pwait2(void)
{
	return epoll_pwait2(epoll_fd, &event, 1, &limit, &none);
}

static void child(const char *name, int (*wait_for)(void), int start_fd)
{
	char byte;
	int64_t start_us;
	int result, error;

	deadline_set(30);
	tcp_pair(ends);
	FD_ZERO(&readable);
	FD_SET(ends[1], &readable);
	epoll_fd = epoll_create1(0);
	event.events = EPOLLIN;
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[1], &event) == 0);
	CHECK(read(start_fd, &byte, 1) == 0);
	start_us = now_us();
	errno = 0;
	result = wait_for();
	error = errno;
	dprintf(STDERR_FILENO, "%s %ld %d %d %ld\n", name, (long)((now_us() - start_us) / 1000),
		result, error, (long)left.tv_sec * 1000 + (long)left.tv_usec / 1000);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*wait_for)(void);
	} ways[] = {
		{"poll", by_poll},
		{"ppoll", by_ppoll},
		{"select", by_select},
		{"pselect", by_pselect},
		{"epoll_wait", by_epoll_wait},
		{"epoll_pwait", by_epoll_pwait},
		{"epoll_pwait2", by_epoll_pwait2},
	};
	pid_t children[COUNT_OF(ways)];
	int start[2], status;
	int64_t start_us;

	CHECK(argc == 3);
	deadline_set(40);
	CHECK(pipe(start) == 0);
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0) {
			close(start[1]);
			child(ways[i].name, ways[i].wait_for, start[0]);
			return 0;
		}
	}
	sleep_ms(300);
	start_us = now_us();
	close(start[1]);
	sleep_ms(atol(argv[1]));
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		CHECK(kill(children[i], SIGSTOP) == 0);
		CHECK(waitpid(children[i], &status, WUNTRACED) == children[i]);
		CHECK(WIFSTOPPED(status));
	}
	sleep_ms(atol(argv[2]) - (long)((now_us() - start_us) / 1000));
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		CHECK(kill(children[i], SIGCONT) == 0);
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		child_succeeds(children[i]);
	return 0;
}
