/*
 * children: fork in a threaded program, fork in a child, _Fork, and clone(SIGCHLD) by syscall().
 *
 * Hazard: new processes (I6).  pthread_atfork knows only of fork, and only of libc's.  A child that
 * was not noticed would write into its parent's file under its parent's identity, or write nothing.
 * The runner gives each process a file of its own by %p.
 */
#include "hostile.h"

#include <sys/syscall.h>

static int ends[2];
static volatile bool stop;

static void *keep_calling(void *argument)
{
	char bytes[64];

	(void)argument;
	while (!stop) {
		CHECK(write(ends[1], "busy", 4) == 4);
		CHECK(recv(ends[0], bytes, 4, MSG_WAITALL) == 4);
	}
	return NULL;
}

static pid_t clone_raw(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
}

static pid_t fork_twice(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t grandchild = fork();

		if (grandchild == 0) {
			four_marks(ends[0], 701);
			_exit(0);
		}
		child_succeeds(grandchild);
	}
	return pid;
}

int main(void)
{
	static const struct {
		const char *name;
		pid_t (*make)(void);
	} makers[] = {
		{"fork", fork},
		{"_Fork", _Fork},
		{"clone", clone_raw},
		{"fork, and fork in the child", fork_twice},
	};
	int first = 501;

	deadline_set(60);
	tcp_pair(ends);
	pthread_t busy = thread_start(keep_calling, NULL);
	sleep_ms(20);

	for (size_t i = 0; i < COUNT_OF(makers); i++, first += 10) {
		pid_t pid = makers[i].make();

		CHECK(pid >= 0);
		if (pid == 0) {
			int own[2];

			marks_write(ends[0], first, 4);
			tcp_pair(own);
			marks_write(own[0], first + 4, 1);
			_exit(0);
		}
		child_succeeds(pid);
		dprintf(STDOUT_FILENO, "%s\n", makers[i].name);
		marks_expect(pid, first, 5);
		/* And not in the parent's. */
		expect("=", 0, "^write\\([0-9]+, .*, %d\\)", first);
	}
	stop = true;
	thread_join(busy);
	four_marks(ends[0], 801);
	return 0;
}
