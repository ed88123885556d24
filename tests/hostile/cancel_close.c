/*
 * cancel_close: a thread is cancelled at the entry of close, which then closes nothing.
 *
 * Hazard: cancellation (I1).  close is a cancellation point, and what the library has detached for
 * it is on the stack of the cancelled thread.  Without unwinding tables (-fexceptions) the cleanup
 * does not run: the record is never released and stays marked as being closed, the close of its
 * other descriptor is not shown, and memory grows.
 */
#include "hostile.h"

enum { ROUNDS = 2000, SETTLED = 500, GROWTH_KIB = 128 };

static int ends[2];

static void *close_cancelled(void *argument)
{
	(void)argument;
	CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL)) == 0);
	CHECK((errno = pthread_cancel(pthread_self())) == 0);
	CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL)) == 0);
	close(ends[0]);
	NEVER_REACHED("after a cancelled close");
}

int main(void)
{
	long settled = 0;

	deadline_set(60);
	for (int i = 0; i < ROUNDS; i++) {
		if (i == SETTLED)
			settled = resident_kib();
		tcp_pair(ends);
		int copy = dup(ends[0]);

		CHECK(write(copy, "twice open", 10) == 10);
		CHECK(thread_join(thread_start(close_cancelled, NULL)) == PTHREAD_CANCELED);
		/* Nothing was closed: the cancellation acted before the call. */
		CHECK(fcntl(ends[0], F_GETFD) == 0);
		CHECK(close(copy) == 0);
		CHECK(close(ends[0]) == 0);
		CHECK(close(ends[1]) == 0);
	}
	CHECK(resident_kib() - settled < GROWTH_KIB);
	expect("=", 3 * ROUNDS, "\\[closed-[a-z-]+\\]$");
	tcp_pair(ends);
	four_marks(ends[0], 501);
	return 0;
}
