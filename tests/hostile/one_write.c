/*
 * one_write SIZE: the child of subprocess_storm: one connection of its own, and one write of SIZE
 * bytes.  Without an argument it writes 1000.
 */
#include "hostile.h"

int main(int argc, char **argv)
{
	static char bytes[1 << 16];
	size_t size = argc == 2 ? (size_t)atol(argv[1]) : 1000;
	int ends[2];

	deadline_set(30);
	CHECK(size <= sizeof(bytes));
	/* subprocess has closed everything from 3 on. */
	CHECK(fcntl(3, F_GETFD) < 0);
	tcp_pair(ends);
	CHECK(write(ends[0], bytes, size) == (ssize_t)size);
	read_all(ends[1], bytes, size);
	return 0;
}
