/*
 * all_descriptors: raises its limit of descriptors to the hard one, before and between its calls.
 *
 * Hazard: a descriptor that the library keeps above the soft limit is in the way when the program
 * raises that limit.  The counts are printed, and the runner compares them with the bare run's.
 */
#include "hostile.h"

#include <sys/resource.h>

enum { MOST = 4096 };

static int take_all(void)
{
	static int taken[MOST];
	int count = 0;

	while (count < MOST && (taken[count] = dup(STDOUT_FILENO)) >= 0)
		count++;
	CHECK(errno == EMFILE);
	for (int i = 0; i < count; i++)
		CHECK(close(taken[i]) == 0);
	return count;
}

int main(void)
{
	struct rlimit limit;
	int ends[2];

	deadline_set(30);
	dprintf(STDOUT_FILENO, "%d before the first socket\n", take_all());
	tcp_pair(ends);
	four_marks(ends[0], 501);
	dprintf(STDOUT_FILENO, "%d of the soft limit\n", take_all());
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	dprintf(STDOUT_FILENO, "%d of the hard limit\n", take_all());
	four_marks(ends[0], 511);
	return 0;
}
