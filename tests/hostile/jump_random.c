/*
 * jump_random: siglongjmp out of a handler that strikes at random points, the library's own
 * included.
 *
 * Hazard: siglongjmp (I2).  A jump that leaves the library while its guard is up must not stop the
 * tracing of the thread: the calls made afterwards would be missing.  It must not leave anything
 * locked, or the program would not end.  It must not leave a reference: each jump leaves a
 * connection of its own, and memory stays flat.
 */
#include "hostile.h"

#include <setjmp.h>
#include <sys/time.h>

enum { JUMPS = 3000, SETTLED = 500, GROWTH_KIB = 20 };

static sigjmp_buf back;
static volatile sig_atomic_t jumps;
static int ends[2];

static void jump(int signal_number)
{
	(void)signal_number;
	jumps++;
	siglongjmp(back, 1);
}

static void calls_without_end(void)
{
	char bytes[64];

	for (;;) {
		struct pollfd waited = {ends[1], POLLIN, 0};

		(void)!write(ends[0], "short", 5);
		poll(&waited, 1, 0);
		recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT);
	}
}

int main(void)
{
	struct itimerval never = {0};
	static long settled;

	deadline_set(60);
	tcp_pair(ends);
	handler_set(SIGALRM, jump, 0);

	sigsetjmp(back, 1);
	if (jumps == SETTLED)
		settled = resident_kib();
	if (jumps < JUMPS) {
		close(ends[0]);
		close(ends[1]);
		tcp_pair(ends);
		/* The delay differs from jump to jump, so that each point is hit in the end. */
		struct itimerval once = {.it_value = {0, 100 + jumps * 37 % 211}};

		CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
		calls_without_end();
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(resident_kib() - settled < GROWTH_KIB);

	four_marks(ends[0], 501);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
	expect("=", JUMPS + 1, "^close\\(%d\\)[[:blank:]]+= 0$", ends[0]);
	tcp_pair(ends);
	four_marks(ends[0], 601);
	return 0;
}
