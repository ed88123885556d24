/*
 * left_half_closed: exits without having read that the peer has closed.
 *
 * Hazard: a state from memory.  The FIN came while the program looked elsewhere; the kernel has the
 * connection in CLOSE_WAIT, and the note at exit must say so.
 */
#include "hostile.h"

int main(void)
{
	int ends[2];

	deadline_set(30);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	CHECK(close(ends[0]) == 0);
	sleep_ms(50);
	expect("=", 1, "fd %d .*CLOSE_WAIT.*\\[left-open-at-exit\\]$", ends[1]);
	expect("=", 0, "fd %d .*ESTABLISHED.*\\[left-open-at-exit\\]$", ends[1]);
	return 0;
}
