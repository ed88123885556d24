/*
 * time_namespace: a child whose monotonic clock is a thousand days ahead of its parent's.
 *
 * Hazard: ages are differences of two times.  Times from before the fork are of another clock.
 */
#include "hostile.h"

#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

int main(void)
{
	static const char offset[] = "monotonic 86400000 0\n";
	struct timespec before, after;
	int ends[2], other[2], fd;
	pid_t pid;

	deadline_set(30);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	CHECK(unshare(CLONE_NEWTIME) == 0);
	fd = open("/proc/self/timens_offsets", O_WRONLY);
	CHECK(fd >= 0);
	CHECK(write(fd, offset, sizeof(offset) - 1) == sizeof(offset) - 1);
	CHECK(close(fd) == 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		clock_gettime(CLOCK_MONOTONIC, &after);
		CHECK(after.tv_sec - before.tv_sec >= 86400000);
		four_marks(ends[0], 511);
		CHECK(close(ends[0]) == 0);
		tcp_pair(other);
		four_marks(other[0], 521);
		expect("=", 0, "[0-9]{3,} (h|d)([^[:alnum:]]|$)");
		expect(">=", 1, "^close\\(%d\\)", ends[0]);
		exit(0);
	}
	child_succeeds(pid);
	expect("=", 0, "[0-9]{3,} (h|d)([^[:alnum:]]|$)");
	return 0;
}
