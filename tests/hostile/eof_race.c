/*
 * eof_race: one thread reads the end of a stream while another puts a new connection on its number.
 *
 * Hazard: close-on-EOF (I9, I10).  The policy ends a connection after the read has returned 0.  By
 * then the number may be another connection's, which must not be touched: bytes go through it in
 * both directions afterwards, each time.  Run with TCPSHIM_CLOSE_ON_EOF.
 */
#include "hostile.h"

#include <sched.h>

enum { SECONDS = 3, NUMBER = 40 };

static _Atomic int round_number;
static _Atomic int rounds_read;
static _Atomic bool is_over;
static _Atomic long ends_seen;

/* Makes one read per round, as soon as the round begins. */
static void *read_end(void *argument)
{
	char byte;
	int seen = 0;

	(void)argument;
	while (!is_over) {
		int now = round_number;

		if (now == seen) {
			sched_yield();
			continue;
		}
		seen = now;
		ssize_t got = recv(NUMBER, &byte, 1, MSG_DONTWAIT);
		CHECK(got == 0 || (got < 0 && (errno == EAGAIN || errno == EBADF)));
		ends_seen += got == 0;
		rounds_read = seen;
	}
	return NULL;
}

static void passes_bytes(int from, int to)
{
	char heard[8];

	CHECK(send(from, "through", 8, MSG_NOSIGNAL) == 8);
	CHECK(recv(to, heard, 8, MSG_WAITALL) == 8);
	CHECK(memcmp(heard, "through", 8) == 0);
}

static void spin(unsigned turns)
{
	for (volatile unsigned i = 0; i < turns; i++)
		;
}

int main(void)
{
	uint16_t port;
	unsigned delay = 0;
	int rounds = 0;

	deadline_set(60);
	int listener = tcp_listen(&port);
	pthread_t reader = thread_start(read_end, NULL);
	int64_t end_us = now_us() + SECONDS * 1000000;

	for (; now_us() < end_us; rounds++) {
		int old = tcp_connect(port);
		int old_peer = accept(listener, NULL, NULL);
		int fresh = tcp_connect(port);
		int fresh_peer = accept(listener, NULL, NULL);

		CHECK(old_peer >= 0 && fresh_peer >= 0);
		CHECK(dup2(old, NUMBER) == NUMBER);
		CHECK(close(old) == 0);
		CHECK(shutdown(old_peer, SHUT_WR) == 0);
		round_number++;
		/* Earlier and later, so that each moment is hit, and now and then too late. */
		spin(delay = (delay + 997) % 150000);
		while (rounds % 16 == 0 && rounds_read != round_number)
			sched_yield();
		if (rounds % 2) {
			CHECK(dup2(fresh, NUMBER) == NUMBER);
		} else {
			CHECK(close(NUMBER) == 0);
			CHECK(fcntl(fresh, F_DUPFD, NUMBER) == NUMBER);
		}
		while (rounds_read != round_number)
			sched_yield();
		passes_bytes(NUMBER, fresh_peer);
		passes_bytes(fresh_peer, NUMBER);
		CHECK(close(NUMBER) == 0);
		CHECK(close(fresh) == 0);
		CHECK(close(fresh_peer) == 0);
		CHECK(close(old_peer) == 0);
	}
	is_over = true;
	thread_join(reader);
	CHECK(ends_seen > 0);
	expect(">=", 5, "\\[policy-closed-on-eof\\]$");
	expect("=", 0, "\\[closed-unseen\\]$");
	return 0;
}
