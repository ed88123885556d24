/*
 * locked_memory future|all|current: a program that locks its memory must not pay for a recording.
 *
 * Hazard: mlockall fills and locks every page of a mapping, even the holes of a file.  With
 * MCL_FUTURE before the first socket, the call that makes the recording takes half a second.  With
 * MCL_CURRENT after it, mlockall takes that long, and 256 MB can never be given back.
 * The limits are checked here, in the bare run too.  Times are processor time, since filling pages
 * takes processor time, and other programs on the machine do not count.
 */
#include "hostile.h"

enum { MOST_US = 50000, MOST_LOCKED_KIB = 8192 };

static int64_t cpu_us(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static long locked_kib(void)
{
	return proc_kib("/proc/self/status", "VmLck:");
}

static void check_time(const char *what, int64_t start_us)
{
	int64_t took_us = cpu_us() - start_us;

	dprintf(STDERR_FILENO, "%s took %d us\n", what, (int)took_us);
	if (took_us > MOST_US)
		dprintf(STDOUT_FILENO, "%s took more than %d us\n", what, MOST_US);
}

static void lock(int flags)
{
	int64_t start_us = cpu_us();

	CHECK(mlockall(flags) == 0);
	check_time("mlockall", start_us);
}

int main(int argc, char **argv)
{
	int64_t start_us;
	long before_kib, after_kib;
	int fd, ends[2];
	char way = argc == 2 ? argv[1][0] : 0;

	deadline_set(30);
	CHECK(way == 'f' || way == 'a' || way == 'c');
	if (way == 'f')
		lock(MCL_FUTURE);
	before_kib = locked_kib();
	start_us = cpu_us();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_time("the first socket()", start_us);
	CHECK(fd >= 0 && close(fd) == 0);
	tcp_pair(ends);
	start_us = cpu_us();
	four_marks(ends[0], 501);
	check_time("four writes", start_us);
	if (way == 'a')
		lock(MCL_CURRENT | MCL_FUTURE);
	if (way == 'c')
		lock(MCL_CURRENT);
	start_us = cpu_us();
	for (int i = 0; i < 3; i++)
		four_marks(ends[0], 511 + 4 * i);
	check_time("twelve writes", start_us);
	after_kib = locked_kib();
	dprintf(STDERR_FILENO, "VmLck grew by %ld KiB\n", after_kib - before_kib);
	if (after_kib - before_kib > MOST_LOCKED_KIB)
		dprintf(STDOUT_FILENO, "VmLck grew by more than %d KiB\n", MOST_LOCKED_KIB);
	return 0;
}
