/*
 * wait: how waits are shown: descriptors and events by name, the ready ones after the result, more
 * than eight cut short, epoll by descriptor whatever the program's data is, and the announcement
 * after one second.
 */
#include "traced.h"

#include <sys/epoll.h>
#include <sys/select.h>

/* The functions that fortified programs call. */
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *limit,
		const sigset_t *mask, size_t room);

static int out, in;

static void polls(void)
{
	struct pollfd two[2] = {{in, POLLIN, 0}, {out, POLLIN | POLLOUT, 0}};
	struct pollfd many[10];
	struct timespec limit = {0, 1000000};

	CHECK(poll(two, 2, 0) == 1);
	say("poll([%d:POLLIN %d:POLLIN|POLLOUT], 2, 0)\t= 1 [%d:POLLOUT]", in, out, out);
	CHECK(poll(two, 1, 10) == 0);
	say("poll([%d:POLLIN], 1, 10)\t= 0", in);
	CHECK(__poll_chk(two, 1, 10, sizeof(two)) == 0);
	say("poll([%d:POLLIN], 1, 10)\t= 0", in);
	CHECK(ppoll(two, 1, &limit, NULL) == 0);
	say("ppoll([%d:POLLIN], 1, {0.001000000}, 0x00000000)\t= 0", in);
	CHECK(__ppoll_chk(two, 2, NULL, NULL, sizeof(two)) == 1);
	say("ppoll([%d:POLLIN %d:POLLIN|POLLOUT], 2, 0x00000000, 0x00000000)\t= 1 [%d:POLLOUT]", in,
	    out, out);

	for (int i = 0; i < 10; i++)
		many[i] = (struct pollfd){i % 2 ? -1 : out, POLLOUT, 0};
	CHECK(poll(many, 10, -1) == 5);
	say("poll([%d:POLLOUT -1:POLLOUT %d:POLLOUT -1:POLLOUT %d:POLLOUT -1:POLLOUT %d:POLLOUT "
	    "-1:POLLOUT … +2], 10, -1)\t= 5 [%d:POLLOUT %d:POLLOUT %d:POLLOUT %d:POLLOUT "
	    "%d:POLLOUT]",
	    out, out, out, out, out, out, out, out, out);

	CHECK(poll(two, 1, 1300) == 0);
	say_sleeping("poll([%d:POLLIN], 1, 1300)", in);
	say("poll([%d:POLLIN], 1, 1300)\t= 0", in);
}

static void selects(void)
{
	struct timespec limit = {0, 2000000};
	struct timeval second = {1, 0};
	struct timeval long_enough = {1, 300000};
	fd_set readable;
	fd_set writable;
	int count = (in > out ? in : out) + 1;

	FD_ZERO(&readable);
	FD_SET(in, &readable);
	FD_SET(out, &readable);
	FD_ZERO(&writable);
	FD_SET(out, &writable);
	CHECK(select(count, &readable, &writable, NULL, &second) == 1);
	say("select(%d, [%d %d], [%d], 0x00000000, {1.000000})\t= 1 [%d:write]", count,
	    in < out ? in : out, in < out ? out : in, out, out);
	FD_ZERO(&readable);
	FD_SET(in, &readable);
	CHECK(pselect(count, &readable, NULL, NULL, &limit, NULL) == 0);
	say("pselect(%d, [%d], 0x00000000, 0x00000000, {0.002000000}, 0x00000000)\t= 0", count, in);
	FD_SET(in, &readable);
	CHECK(select(count, &readable, NULL, &writable, &long_enough) == 0);
	say_sleeping("select(%d, [%d], 0x00000000, [%d], {1.300000})", count, in, out);
	say("select(%d, [%d], 0x00000000, [%d], {1.300000})\t= 0", count, in, out);
}

static void epolls(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = &in};
	struct epoll_event events[4];
	struct timespec limit = {0, 1000000};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	say("epoll_create1(EPOLL_CLOEXEC)\t= %d", epoll_fd);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in, &event) == 0);
	say("epoll_ctl(%d, EPOLL_CTL_ADD, %d, {EPOLLIN|EPOLLRDHUP})\t= 0", epoll_fd, in);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in, &event) < 0 && errno == EEXIST);
	say("epoll_ctl(%d, EPOLL_CTL_ADD, %d, {EPOLLIN|EPOLLRDHUP})\tErr#17 EEXIST", epoll_fd, in);
	event = (struct epoll_event){.events = EPOLLOUT | EPOLLET, .data.u64 = ~0ULL};
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, out, &event) == 0);
	say("epoll_ctl(%d, EPOLL_CTL_ADD, %d, {EPOLLOUT|EPOLLET})\t= 0", epoll_fd, out);
	CHECK(epoll_wait(epoll_fd, events, 4, -1) == 1);
	say("epoll_wait(%d, %s, 4, -1)\t= 1 [%d:EPOLLOUT]", epoll_fd, pointer(events), out);
	CHECK(epoll_wait(epoll_fd, events, 4, 5) == 0);
	say("epoll_wait(%d, %s, 4, 5)\t= 0", epoll_fd, pointer(events));
	CHECK(write(out, "x", 1) == 1);
	say("write(%d, \" x\", 1)\t= 1", out);
	CHECK(epoll_pwait(epoll_fd, events, 4, 1000, NULL) == 1);
	say("epoll_pwait(%d, %s, 4, 1000, 0x00000000)\t= 1 [%d:EPOLLIN]", epoll_fd, pointer(events),
	    in);
	CHECK(events[0].data.ptr == &in);
	event = (struct epoll_event){.events = EPOLLPRI | EPOLLONESHOT};
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, in, &event) == 0);
	say("epoll_ctl(%d, EPOLL_CTL_MOD, %d, {EPOLLPRI|EPOLLONESHOT})\t= 0", epoll_fd, in);
	CHECK(epoll_pwait2(epoll_fd, events, 4, &limit, NULL) == 0);
	say("epoll_pwait2(%d, %s, 4, {0.001000000}, 0x00000000)\t= 0", epoll_fd, pointer(events));
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, out, NULL) == 0);
	say("epoll_ctl(%d, EPOLL_CTL_DEL, %d, 0x00000000)\t= 0", epoll_fd, out);
	CHECK(epoll_wait(epoll_fd, events, 4, 1300) == 0);
	say_sleeping("epoll_wait(%d, %s, 4, 1300)", epoll_fd, pointer(events));
	say("epoll_wait(%d, %s, 4, 1300)\t= 0", epoll_fd, pointer(events));
}

static void ends_of_stream(void)
{
	struct pollfd one = {in, POLLIN | POLLRDHUP, 0};

	CHECK(shutdown(out, SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", out);
	CHECK(poll(&one, 1, 1000) == 1);
	say("poll([%d:POLLIN|POLLRDHUP], 1, 1000)\t= 1 [%d:POLLIN|POLLRDHUP]", in, in);
	CHECK(shutdown(in, SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", in);
	one.events = 0;
	CHECK(poll(&one, 1, -1) == 1);
	say("poll([%d:0], 1, -1)\t= 1 [%d:POLLHUP]", in, in);
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	say_pair(ends);
	out = ends[0];
	in = ends[1];
	polls();
	selects();
	epolls();
	ends_of_stream();
	say_close(out);
	say_close(in);
	return 0;
}
