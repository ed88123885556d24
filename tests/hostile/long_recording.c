/*
 * long_recording MIB: moves so much through a connection, in pieces of 16 KiB.
 *
 * With TCPSHIM_DATA=all each piece is recorded twice, by the write and by the read.
 * Hazard: the memory of a recording on tmpfs is charged to the program's control group.
 */
#include "hostile.h"

enum { PIECE_BYTES = 16384 };

int main(int argc, char **argv)
{
	static char bytes[PIECE_BYTES];
	int ends[2];
	long count = argc == 2 ? atol(argv[1]) * ((1 << 20) / PIECE_BYTES) : 0;

	CHECK(count > 0);
	deadline_set(50);
	tcp_pair(ends);
	for (long i = 0; i < count; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		write_all(ends[0], bytes, sizeof(bytes));
		read_all(ends[1], bytes, sizeof(bytes));
	}
	dprintf(STDOUT_FILENO, "%ld pieces\n", count);
	return 0;
}
