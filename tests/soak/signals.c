/*
 * signals: sends a signal to processes, a thousand times a second each.
 *
 * signals SIGNAL PID... ends when all of them have ended.  It refers to each by a pidfd, so that a
 * process that later gets the same number is never hit.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 64, PAUSE_NS = 1000000 };

static void add_ms(struct timespec *when)
{
	when->tv_nsec += PAUSE_NS;
	if (when->tv_nsec >= 1000000000) {
		when->tv_nsec -= 1000000000;
		when->tv_sec++;
	}
}

int main(int argc, char **argv)
{
	int processes[MOST_PROCESSES], count = argc - 2, left = count;
	int signal_number = argc > 1 ? atoi(argv[1]) : 0;
	struct timespec when;

	if (count < 1 || count > MOST_PROCESSES || signal_number < 1)
		errx(2, "usage: signals SIGNAL PID... (at most %d)", MOST_PROCESSES);
	for (int i = 0; i < count; i++) {
		processes[i] = (int)syscall(SYS_pidfd_open, atoi(argv[i + 2]), 0);
		if (processes[i] < 0)
			err(1, "process %s", argv[i + 2]);
	}
	clock_gettime(CLOCK_MONOTONIC, &when);
	while (left > 0) {
		left = 0;
		for (int i = 0; i < count; i++)
			left += syscall(SYS_pidfd_send_signal, processes[i], signal_number, NULL,
					0) == 0 ||
				errno != ESRCH;
		add_ms(&when);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
			;
	}
	return 0;
}
