/*
 * unshared_thread: a thread gets descriptors of its own by close_range(CLOSE_RANGE_UNSHARE).
 *
 * Hazard: descriptors closed under us (I6, I7).  What that thread closes stays open in the others:
 * the main thread's connection must go on being traced although the number was closed elsewhere.
 */
#include "hostile.h"

#include <linux/close_range.h>

static void *leave(void *argument)
{
	(void)argument;
	CHECK(close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
	return NULL;
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	thread_join(thread_start(leave, NULL));
	four_marks(ends[0], 511);
	CHECK(close(ends[0]) == 0);
	expect("=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", ends[0]);
	return 0;
}
