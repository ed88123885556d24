/*
 * stay FILE: runs until FILE exists, with traced calls before and after.
 *
 * A process whose recording must outlive those of others that have ended.
 */
#include "hostile.h"

int main(int argc, char **argv)
{
	int ends[2];

	CHECK(argc == 2);
	deadline_set(100);
	tcp_pair(ends);
	four_marks(ends[0], 501);
	dprintf(STDOUT_FILENO, "ready\n");
	while (access(argv[1], F_OK) < 0)
		sleep_ms(20);
	four_marks(ends[0], 511);
	return 0;
}
