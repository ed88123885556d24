/*
 * rehearsed_jumps: siglongjmp out of traced calls, while a rehearsal acts on the connections.
 *
 * Hazard: a call does what is due on all connections of the process. A handler that leaves it in
 * the middle must not leave a connection cut, and must not lose the time of what is due next.
 */
#include "hostile.h"

#include <setjmp.h>
#include <sys/time.h>

enum { CONNECTIONS = 64, ROUNDS = 100, ROUND_US = 20000 };

static sigjmp_buf back;
static volatile sig_atomic_t is_armed;
static int ends[CONNECTIONS][2];

static void jump(int signal_number)
{
	(void)signal_number;
	if (is_armed) {
		is_armed = 0;
		siglongjmp(back, 1);
	}
}

static void calls(int64_t until_us)
{
	static volatile unsigned next;
	char byte;

	while (now_us() < until_us) {
		unsigned i = next++ % CONNECTIONS;

		if (sigsetjmp(back, 1) != 0)
			continue;
		is_armed = 1;
		(void)!write(ends[i][0], "x", 1);
		recv(ends[i][0], &byte, 1, MSG_DONTWAIT);
		is_armed = 0;
	}
}

/* Reads until the mark, which was the last to be written. */
static void read_mark(int fd)
{
	const struct timeval limit = {.tv_sec = 20};
	char bytes[4096];
	ssize_t got;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	do
		CHECK((got = recv(fd, bytes, sizeof(bytes), 0)) > 0);
	while (bytes[got - 1] != '.');
}

int main(void)
{
	const struct itimerval often = {{0, 230}, {0, 230}}, never = {0};
	uint16_t port;
	int listener = tcp_listen(&port);

	deadline_set(110);
	handler_set(SIGALRM, jump, 0);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < CONNECTIONS; i++) {
			ends[i][0] = tcp_connect(port);
			CHECK((ends[i][1] = accept(listener, NULL, NULL)) >= 0);
		}
		CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
		calls(now_us() + ROUND_US);
		CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
		for (int i = 0; i < CONNECTIONS; i++)
			CHECK(write(ends[i][0], ".", 1) == 1);
		for (int i = 0; i < CONNECTIONS; i++) {
			read_mark(ends[i][1]);
			CHECK(close(ends[i][0]) == 0);
			CHECK(close(ends[i][1]) == 0);
		}
	}
	return 0;
}
