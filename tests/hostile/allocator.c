/*
 * allocator: a threaded program that allocates all the time, with another allocator preloaded.
 *
 * Hazard: early calls (I5).  The allocator calls into the library before the library's constructor
 * has run.  A library that allocates, or looks up a name that is missing, hangs in the allocator's
 * start.  The deadline ends such a run.
 */
#include "hostile.h"

enum { THREADS = 8, ROUNDS = 200000, CALLS = 100 };

static void *allocate(void *argument)
{
	void *kept[64] = {0};
	char byte = 'a';
	int ends[2];

	(void)argument;
	tcp_pair(ends);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned slot = i * 7 % COUNT_OF(kept);

		free(kept[slot]);
		kept[slot] = malloc(16 + i * 31 % 4000);
		CHECK(kept[slot]);
		*(char *)kept[slot] = 1;
		if (i % (ROUNDS / CALLS) == 0) {
			CHECK(write(ends[0], &byte, 1) == 1);
			CHECK(read(ends[1], &byte, 1) == 1);
		}
	}
	for (size_t slot = 0; slot < COUNT_OF(kept); slot++)
		free(kept[slot]);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	deadline_set(30);
	for (int i = 0; i < THREADS; i++)
		threads[i] = thread_start(allocate, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		allocate(NULL);
		_exit(0);
	}
	CHECK(pid > 0);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	child_succeeds(pid);
	expect("=", THREADS * CALLS, "^write\\([0-9]+, \" a\", 1\\)[[:blank:]]+= 1$");
	expect("=", THREADS * CALLS, "^read\\([0-9]+, \" a\", 1\\)[[:blank:]]+= 1$");
	expect_of(pid, "=", CALLS, "^write\\([0-9]+, \" a\", 1\\)[[:blank:]]+= 1$");
	return 0;
}
