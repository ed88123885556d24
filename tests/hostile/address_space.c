/*
 * address_space before|after|locked: a program whose memory is limited gets what the limit allows.
 *
 * Hazard: RLIMIT_AS and RLIMIT_MEMLOCK count mappings, used or not.  A recording that is mapped
 * as a whole takes its full size from the program: malloc fails 256 MB earlier than without it.
 * With `before` the limit is inherited (ulimit -v).  With `after` the program sets it itself after
 * its first sockets, when the recording is already mapped.  With `locked` the limit is
 * RLIMIT_MEMLOCK (ulimit -l), and the program locks all later mappings.
 *
 * Prints "allocated N MiB" on standard error.  The runner compares that with the bare run's.
 */
#include "hostile.h"

#include <sys/resource.h>

enum { LIMIT_BYTES = 400 << 20, BLOCK_BYTES = 1 << 20 };

/* Allocates blocks until malloc fails, and frees them. Returns how many MiB they were. */
static int allocate_all(void)
{
	void *list = NULL;
	int count = 0;

	for (;;) {
		void **block = malloc(BLOCK_BYTES);

		if (!block)
			break;
		*block = list;
		list = block;
		count++;
	}
	while (list) {
		void *next = *(void **)list;

		free(list);
		list = next;
	}
	return count;
}

int main(int argc, char **argv)
{
	const struct rlimit limit = {LIMIT_BYTES, LIMIT_BYTES};
	int ends[2], count;

	CHECK(argc == 2);
	deadline_set(30);
	if (strcmp(argv[1], "locked") == 0)
		CHECK(mlockall(MCL_FUTURE) == 0);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	if (strcmp(argv[1], "after") == 0)
		CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	count = allocate_all();
	dprintf(STDERR_FILENO, "allocated %d MiB\n", count);
	four_marks(ends[0], 511);
	return 0;
}
