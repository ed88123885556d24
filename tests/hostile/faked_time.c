/*
 * faked_time: waits while another library fakes the time.
 *
 * Hazard: a library that changes the clock, and the time limits with it.  A wait must last as long
 * as without the trace, also if it is made in parts.  Prints on standard error how long each lasted
 * by /proc/uptime, which no library changes, for the runner to compare.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/select.h>

static long uptime_ms(void)
{
	char text[64];
	int fd = open("/proc/uptime", O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);

	CHECK(size > 0);
	close(fd);
	text[size] = 0;
	return (long)(strtod(text, NULL) * 1000 + 0.5);
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct timeval limit = {1, 400000};
	struct pollfd waited = {.events = POLLIN};
	const struct timespec fixed = {1, 400000000};
	int ends[2], epoll_fd = epoll_create1(0);
	fd_set readable;
	long start;

	tcp_pair(ends);
	four_marks(ends[0], 501);
	waited.fd = ends[0]; /* nothing arrives there */
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[0], &event) == 0);
	start = uptime_ms();
	CHECK(poll(&waited, 1, 1400) == 0);
	dprintf(STDERR_FILENO, "poll %ld\n", uptime_ms() - start);
	start = uptime_ms();
	CHECK(ppoll(&waited, 1, &fixed, NULL) == 0);
	dprintf(STDERR_FILENO, "ppoll %ld\n", uptime_ms() - start);
	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	start = uptime_ms();
	CHECK(select(ends[0] + 1, &readable, NULL, NULL, &limit) == 0);
	dprintf(STDERR_FILENO, "select %ld\n", uptime_ms() - start);
	start = uptime_ms();
	CHECK(epoll_wait(epoll_fd, &event, 1, 1400) == 0);
	dprintf(STDERR_FILENO, "epoll_wait %ld\n", uptime_ms() - start);
	four_marks(ends[0], 511);
	return 0;
}
