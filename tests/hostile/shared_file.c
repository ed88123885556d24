/*
 * shared_file: many processes write to one trace, some forked, some started anew.
 *
 * Hazard: several processes, one file (I8).  Without O_APPEND a program that opens the trace again
 * writes over what is there.  With several writes per record the lines of processes are mixed.  The
 * runner gives all of them one path, and checks that each line of each is there and whole.
 */
#include "hostile.h"

enum { PROCESSES = 8, ROUNDS = 2000, SIZE = 1001 };

static int write_marks(int size)
{
	static char bytes[4096];
	int ends[2];

	tcp_pair(ends);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(send(ends[0], bytes, (size_t)size, 0) == size);
		CHECK(recv(ends[1], bytes, (size_t)size, MSG_WAITALL) == size);
	}
	CHECK(close(ends[0]) == 0);
	return 0;
}

int main(int argc, char **argv)
{
	pid_t children[PROCESSES];

	deadline_set(60);
	if (argc == 2)
		return write_marks(atoi(argv[1]));
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0 && i % 2 == 0) {
			write_marks(SIZE + i);
			_exit(0);
		}
		if (children[i] == 0) {
			char size[16];

			snprintf(size, sizeof(size), "%d", SIZE + i);
			execl("/proc/self/exe", argv[0], size, NULL);
			_exit(1);
		}
	}
	write_marks(SIZE + PROCESSES);
	for (int i = 0; i < PROCESSES; i++)
		child_succeeds(children[i]);
	for (int i = 0; i <= PROCESSES; i++) {
		expect("=", ROUNDS, "^send\\([0-9]+, .*, %d, 0\\)[[:blank:]]+= %d$", SIZE + i,
		       SIZE + i);
		expect("=", ROUNDS, "^recv\\([0-9]+, .*, %d, MSG_WAITALL\\)[[:blank:]]+= %d$",
		       SIZE + i, SIZE + i);
	}
	return 0;
}
