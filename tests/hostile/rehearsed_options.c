/*
 * rehearsed_options: socket options that the program has set itself, after a rehearsal.
 *
 * Hazard: the library sets some of them, and has to restore what was there before.
 */
#include "hostile.h"

int main(void)
{
	const int ttl = 33;
	const unsigned rate = 5000000;
	int ends[2], read_ttl = 0;
	unsigned read_rate = 0;
	socklen_t size = sizeof(int);
	struct pollfd waited = {.events = POLLIN};

	deadline_set(60);
	tcp_pair(ends);
	CHECK(setsockopt(ends[0], IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl)) == 0);
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) == 0);
	sleep_ms(1500); /* after=100ms,for=300ms */
	CHECK(getsockopt(ends[0], IPPROTO_IP, IP_MINTTL, &read_ttl, &size) == 0);
	CHECK(getsockopt(ends[0], SOL_SOCKET, SO_MAX_PACING_RATE, &read_rate, &size) == 0);
	CHECK(read_ttl == ttl);
	CHECK(read_rate == rate);
	CHECK(write(ends[1], "x", 1) == 1);
	waited.fd = ends[0];
	CHECK(poll(&waited, 1, 20000) == 1);
	return 0;
}
