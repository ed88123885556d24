/*
 * rehearsed_unread: a rehearsed power-cycle of the peer, while bytes of the peer are never read.
 *
 * Hazard: the reset that follows the program's next write must come all the same. A program that
 * only writes does not read the greeting of its peer, and a real reset does not wait for that.
 */
#include "hostile.h"

enum { MOST_WRITES = 100, PAUSE_MS = 100 };

int main(void)
{
	int ends[2], writes = 0;

	deadline_set(60);
	handler_set(SIGPIPE, SIG_IGN, 0);
	tcp_pair(ends);
	CHECK(write(ends[1], "greeting", 8) == 8);
	while (write(ends[0], "x", 1) == 1) {
		CHECK(++writes < MOST_WRITES);
		sleep_ms(PAUSE_MS);
	}
	CHECK(errno == ECONNRESET || errno == EPIPE);
	return 0;
}
