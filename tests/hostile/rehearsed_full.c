/*
 * rehearsed_full: all descriptors of the process are in use when a rehearsed outage is to end.
 *
 * Hazard: the library takes a copy of the descriptor for a moment. If there is none, it has to try
 * again: the bytes that wait would never be sent.
 */
#include "hostile.h"

#include <sys/resource.h>

int main(void)
{
	const struct rlimit limit = {64, 64};
	int ends[2], taken[64], count = 0, fd;
	struct pollfd waited = {.events = POLLIN};

	deadline_set(60);
	tcp_pair(ends);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	sleep_ms(500); /* after=100ms,for=1s */
	CHECK(write(ends[0], "late", 4) == 4);
	while ((fd = dup(STDOUT_FILENO)) >= 0)
		taken[count++] = fd;
	CHECK(errno == EMFILE);
	sleep_ms(1500);
	while (count > 0)
		CHECK(close(taken[--count]) == 0);
	waited.fd = ends[1];
	CHECK(poll(&waited, 1, 20000) == 1);
	return 0;
}
