/*
 * hundred_threads: 100 threads, each with its own connection and 10,000 calls; every line is whole.
 *
 * One write(2) per record, no lock (I5).  A line made by several writes is torn when other threads
 * write as well.  A line kept in a shared buffer can be lost.  The counts are exact.
 */
#include "hostile.h"

enum { THREADS = 100, ROUNDS = 5000 };

static pthread_barrier_t all_connected;

static void *ping(void *argument)
{
	char bytes[32] = "hundred threads, one trace file";
	int ends[2];

	tcp_pair(ends);
	pthread_barrier_wait(argument);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(write(ends[0], bytes, sizeof(bytes)) == sizeof(bytes));
		CHECK(read(ends[1], bytes, sizeof(bytes)) == sizeof(bytes));
	}
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	deadline_set(120);
	CHECK((errno = pthread_barrier_init(&all_connected, NULL, THREADS)) == 0);
	for (int i = 0; i < THREADS; i++)
		threads[i] = thread_start(ping, &all_connected);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	expect("=", THREADS * ROUNDS,
	       "^write\\([0-9]+, \" h u n d r e d   t h r e\"[.][.], 32\\)[[:blank:]]+= 32$");
	expect("=", THREADS * ROUNDS,
	       "^read\\([0-9]+, \" h u n d r e d   t h r e\"[.][.], 32\\)[[:blank:]]+= 32$");
	expect("=", 2 * THREADS, "\\[(closed-first|closed-after-peer)\\]$");
	return 0;
}
