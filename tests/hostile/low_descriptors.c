/*
 * low_descriptors start|end|new: no descriptor of the library is ever the lowest free number.
 *
 * Hazard: a program without standard output.  A thread that goes on writing to descriptor 1 after
 * it was closed writes into whatever has become 1 meanwhile: the recording, which is open for a
 * moment while it is made or cut.
 * A child closes 0 to 2 and ends while its threads write to 1 and look for descriptors below 3;
 * with `start` its recording is made while they do.  With `new` its parent has closed them, and it
 * has its threads before it makes a call that shows the library that it is a new process.  What
 * they saw is counted in shared memory.
 */
#include "hostile.h"

#include <sys/syscall.h>

enum { CHILDREN = 40, THREADS = 3 };

static struct {
	_Atomic long rounds, seen, written, at_work;
} * counts;

static const char leak[] = "THIS-WAS-WRITTEN-TO-DESCRIPTOR-1";

static void *watch(void *argument)
{
	(void)argument;
	counts->at_work++;
	for (;;) {
		counts->rounds++;
		if (syscall(SYS_write, 1, leak, sizeof(leak) - 1) >= 0)
			counts->written++;
		if (write(2, leak, sizeof(leak) - 1) >= 0)
			counts->written++;
		for (int fd = 0; fd < 3; fd++)
			if (syscall(SYS_fcntl, fd, F_GETFD) >= 0)
				counts->seen++;
	}
	return NULL;
}

static void child(int ends[2], const char *mode)
{
	if (strcmp(mode, "end") == 0)
		CHECK(write(ends[0], "x", 1) == 1);
	for (int fd = 0; fd < 3 && strcmp(mode, "new") != 0; fd++)
		CHECK(close(fd) == 0);
	counts->at_work = 0;
	for (int i = 0; i < THREADS; i++)
		thread_start(watch, NULL);
	while (counts->at_work < THREADS)
		sleep_ms(1);
	sleep_ms(2);
	write(ends[0], "x", 1);
	exit(0);
}

int main(int argc, char **argv)
{
	int ends[2], out, error;

	CHECK(argc == 2);
	deadline_set(40);
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(counts != MAP_FAILED);
	tcp_pair(ends);
	out = fcntl(STDOUT_FILENO, F_DUPFD, 100);
	error = fcntl(STDERR_FILENO, F_DUPFD, 100);
	CHECK(out >= 0 && error >= 0);
	for (int fd = 0; fd < 3 && strcmp(argv[1], "new") == 0; fd++)
		CHECK(close(fd) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			child(ends, argv[1]);
		child_succeeds(pid);
	}
	dprintf(error, "%ld rounds\n", counts->rounds);
	dprintf(out, "%ld descriptors seen, %ld writes succeeded\n", counts->seen, counts->written);
	CHECK(counts->rounds > 0);
	return 0;
}
