/*
 * dead_threads return|pthread_exit|cancel|SYS_exit|raw_exit
 *	in-turn|unjoined|at-once: threads end while others go on.
 *
 * Hazard: a block of a recording that wraps belongs to the thread that fills it.  A block that a
 * thread still owned when it ended is never used again: forty such threads leave nothing of a small
 * recording.  Threads are joined in turn, which gives their stacks to the next; or at the end; or
 * all exist at once.  Afterwards one thread makes many calls; the runner counts how many were kept.
 */
#include "hostile.h"

#include "sys/raw.h"

enum { THREADS = 40, CALLS = 10, BUSY_CALLS = 60000 };

static const char *way;
static int ends[THREADS][2];
static pthread_barrier_t together;
static bool is_at_once;

static _Atomic pid_t tid;

static void *run(void *argument)
{
	int *own = argument;
	char byte = 'x';

	for (int i = 0; i < CALLS; i++) {
		CHECK(write(own[0], &byte, 1) == 1);
		CHECK(read(own[1], &byte, 1) == 1);
	}
	if (is_at_once)
		pthread_barrier_wait(&together);
	tid = gettid();
	if (strcmp(way, "pthread_exit") == 0)
		pthread_exit(NULL);
#ifdef __GLIBC__ /* musl cannot join a thread that has ended without it */
	if (strcmp(way, "SYS_exit") == 0)
		syscall(SYS_exit, 0);
	if (strcmp(way, "raw_exit") == 0)
		raw_syscall1(SYS_exit, 0); /* as a language runtime may: nobody sees it */
#endif
	if (strcmp(way, "cancel") == 0) {
		CHECK((errno = pthread_cancel(pthread_self())) == 0);
		read(own[1], &byte, 1);
		NEVER_REACHED("cancelled");
	}
	return NULL;
}

static void wait_for_end(void)
{
	while (tid == 0 || syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sleep_ms(1);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	char byte = 'x';

	CHECK(argc == 3);
	deadline_set(50);
	way = argv[1];
	is_at_once = strcmp(argv[2], "at-once") == 0;
	CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
	for (int i = 0; i < THREADS; i++)
		tcp_pair(ends[i]);
	for (int i = 0; i < THREADS; i++) {
		tid = 0;
		threads[i] = thread_start(run, ends[i]);
		if (strcmp(argv[2], "in-turn") == 0)
			thread_join(threads[i]);
		if (strcmp(argv[2], "unjoined") == 0)
			wait_for_end();
	}
	if (strcmp(argv[2], "in-turn") != 0)
		for (int i = 0; i < THREADS; i++)
			thread_join(threads[i]);
	for (int i = 0; i < BUSY_CALLS / 2; i++) {
		CHECK(write(ends[0][0], &byte, 1) == 1);
		CHECK(read(ends[0][1], &byte, 1) == 1);
	}
	return 0;
}
