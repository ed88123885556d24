/*
 * restarts: what a signal does to a call that blocks, with and without SA_RESTART and SO_RCVTIMEO.
 *
 * Hazard: EINTR, SA_RESTART.  A plain read restarts, one with a time limit gives EINTR, a wait
 * always gives EINTR.  A library that put a blocking call of its own in front would change that.
 * Results and times are printed, and the runner compares them with the bare run's.
 */
#include "hostile.h"

#include <sys/time.h>
#include <sys/uio.h>

static int ends[2];
static int full[2];
static int listener;
static uint16_t port;
static char bytes[65536];

static void ignore_signal(int signal_number)
{
	(void)signal_number;
}

static long by_read(void)
{
	return read(ends[0], bytes, 5);
}

static long by_readv(void)
{
	struct iovec vector = {bytes, 5};

	return readv(ends[0], &vector, 1);
}

static long by_recv(void)
{
	return recv(ends[0], bytes, 5, 0);
}

static long by_recvfrom(void)
{
	return recvfrom(ends[0], bytes, 5, MSG_PEEK, NULL, NULL);
}

static long by_recvmsg(void)
{
	struct iovec vector = {bytes, 5};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	return recvmsg(ends[0], &message, MSG_WAITALL);
}

static long by_accept(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static long by_poll(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};

	return poll(&waited, 1, -1);
}

static long by_send(void)
{
	return send(full[0], bytes, 10, 0);
}

static long by_write(void)
{
	return write(full[0], bytes, 10);
}

static void *release_later(void *argument)
{
	static char drained[1 << 20];
	sigset_t all;
	char plenty[5] = "later";

	(void)argument;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	sleep_ms(400);
	CHECK(write(ends[1], plenty, sizeof(plenty)) == sizeof(plenty));
	close(tcp_connect(port));
	while (recv(full[1], drained, sizeof(drained), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

static void tidy(int left_in_queue)
{
	int fd;

	while (recv(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	if (!left_in_queue)
		return;
	CHECK(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
	CHECK(fcntl(listener, F_SETFL, 0) == 0);
}

static const struct {
	const char *name;
	long (*call)(void);
} calls[] = {
	{"read", by_read},         {"readv", by_readv},     {"recv", by_recv},
	{"recvfrom", by_recvfrom}, {"recvmsg", by_recvmsg}, {"accept", by_accept},
	{"poll", by_poll},         {"send", by_send},       {"write", by_write},
};

static void time_limits_set(int milliseconds)
{
	struct timeval limit = {milliseconds / 1000, milliseconds % 1000 * 1000};

	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(setsockopt(full[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0);
}

static void interrupted(int flags, const char *how)
{
	struct itimerval once = {.it_value = {0, 150000}};

	handler_set(SIGALRM, ignore_signal, flags);
	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		fill_buffers(full[0], full[1]);
		int64_t start = now_us();
		pthread_t releaser = thread_start(release_later, NULL);
		CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
		errno = 0;
		long result = calls[i].call();
		int error = result < 0 ? errno : 0;
		int took_ms = (int)((now_us() - start) / 1000);
		dprintf(STDOUT_FILENO, "%s, %s: %ld %s after %s\n", how, calls[i].name, result,
			error ? strerrorname_np(error) : "", took_ms < 300 ? "150 ms" : "400 ms");
		thread_join(releaser);
		tidy(true);
	}
}

static void interrupt_no_restart(void)
{
	interrupted(0, "no SA_RESTART");
}

static void interrupt_restart(void)
{
	interrupted(SA_RESTART, "SA_RESTART");
}

static void interrupt_limited(void)
{
	time_limits_set(5000);
	interrupted(SA_RESTART, "SA_RESTART and a time limit");
}

static void time_out(void)
{
	time_limits_set(250);
	for (size_t i = 0; i < COUNT_OF(calls); i++) {
		if (calls[i].call == by_poll)
			continue;
		fill_buffers(full[0], full[1]);
		int64_t start = now_us();
		errno = 0;
		long result = calls[i].call();
		int error = errno;
		int took_ms = (int)((now_us() - start) / 1000);
		dprintf(STDOUT_FILENO, "time limit, %s: %ld %s after %s\n", calls[i].name, result,
			strerrorname_np(error),
			took_ms >= 250 && took_ms < 500 * patience() ? "250 ms" : "?");
	}
}

static void prepare(void)
{
	int small = 16384;

	tcp_pair(ends);
	tcp_pair(full);
	/* Buffers of a fixed size: once full, they stay full. */
	setsockopt(full[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(full[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	listener = tcp_listen(&port);
}

int main(void)
{
	static void (*const areas[])(void) = {
		interrupt_no_restart,
		interrupt_restart,
		interrupt_limited,
		time_out,
	};

	run_side_by_side(prepare, areas, COUNT_OF(areas));
	return 0;
}
