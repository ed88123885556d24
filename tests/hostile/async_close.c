/*
 * async_close: java's way to close a socket in which another thread is blocked.
 *
 * Hazard: EINTR.  The closing thread puts a socket that is at its end onto the descriptor by dup2
 * and wakes the blocked thread by a signal.  The blocked call must fail with EINTR, must not
 * restart, and must find the end of stream when it is made again.  A library that blocked in a call
 * of its own, or held a reference to the old connection, would leave the thread asleep.
 */
#include "hostile.h"

#include <sys/syscall.h>

static int ends[2];
static volatile pid_t blocked_tid;

static void wake(int signal_number)
{
	(void)signal_number;
}

static void *block(void *argument)
{
	char byte;
	ssize_t got;

	blocked_tid = (pid_t)syscall(SYS_gettid);
	got = *(int *)argument == 0 ? read(ends[0], &byte, 1) : recv(ends[0], &byte, 1, 0);
	CHECK(got < 0 && errno == EINTR);
	CHECK(read(ends[0], &byte, 1) == 0);
	return NULL;
}

int main(void)
{
	int marker[2];

	deadline_set(30);
	handler_set(SIGUSR2, wake, 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, marker) == 0);
	CHECK(shutdown(marker[0], SHUT_RDWR) == 0);
	CHECK(close(marker[1]) == 0);
	for (int way = 0; way < 2; way++) {
		char byte;

		tcp_pair(ends);
		blocked_tid = 0;
		pthread_t thread = thread_start(block, &way);
		while (!blocked_tid)
			sleep_ms(1);
		sleep_ms(50);
		CHECK(dup2(marker[0], ends[0]) == ends[0]);
		CHECK((errno = pthread_kill(thread, SIGUSR2)) == 0);
		thread_join(thread);
		/* The connection went with its last descriptor. */
		CHECK(read(ends[1], &byte, 1) == 0);
		CHECK(close(ends[0]) == 0);
		CHECK(close(ends[1]) == 0);
		tcp_pair(ends);
		four_marks(ends[0], 501 + 10 * way);
	}
	expect("=", 1, "^read\\([0-9]+, 0x[0-9A-F]+, 1\\)[[:blank:]]+Err#4 EINTR$");
	expect("=", 1, "^recv\\([0-9]+, 0x[0-9A-F]+, 1, 0\\)[[:blank:]]+Err#4 EINTR$");
	expect("=", 2, "^dup2\\([0-9]+, [0-9]+\\)[[:blank:]]+= [0-9]+$");
	return 0;
}
