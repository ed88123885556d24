/*
 * unshared_thread: a thread gets descriptors of its own by close_range(CLOSE_RANGE_UNSHARE).
 *
 * Hazard: descriptors closed under us (I6, I7).  What that thread closes stays open in the others.
 * The main thread's connection must still be traced although the number was closed elsewhere.  The
 * thread's own calls must be traced too, although it has closed everything that it could.
 */
#include "hostile.h"

#include <linux/close_range.h>

enum { ABOVE = 20 };

static int ends[2];

static void *leave(void *argument)
{
	(void)argument;
	CHECK(close_range(ABOVE, ~0U, CLOSE_RANGE_UNSHARE) == 0);
	marks_write(ends[0], 521, 4);
	CHECK(close_range(3, ~0U, 0) == 0);
	return NULL;
}

int main(void)
{
	deadline_set(30);
	tcp_pair(ends);
	CHECK(ends[1] < ABOVE);
	four_marks(ends[0], 501);
	thread_join(thread_start(leave, NULL));
	marks_expect(getpid(), 521, 4);
	four_marks(ends[0], 511);
	CHECK(close(ends[0]) == 0);
	expect("=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", ends[0]);
	return 0;
}
