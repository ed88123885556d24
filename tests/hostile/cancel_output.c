/*
 * cancel_output: the thread is cancelled while the library writes the line of a read that
 * succeeded.
 *
 * Hazard: cancellation (I1, I5).  If the library wrote through libc's write, that would be a
 * cancellation point after the byte had been consumed: the thread would end without having counted
 * it.  The trace goes to a pipe that is full, so that the line is surely still being written.
 */
#include "hostile.h"

static int ends[2];
static volatile int counted;

static void *read_one(void *argument)
{
	char byte;

	(void)argument;
	if (read(ends[0], &byte, 1) == 1)
		counted++;
	for (;;)
		pthread_testcancel();
	return NULL;
}

static void pipe_fill(int fd)
{
	static const char bytes[4096];

	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	while (write(fd, bytes, 1) > 0)
		;
	CHECK(errno == EAGAIN);
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
}

int main(int argc, char **argv)
{
	static char bytes[65536];
	int trace[2];

	deadline_set(30);
	if (argc == 1) {
		char output[32];

		CHECK(pipe(trace) == 0);
		CHECK(dup2(trace[0], 100) == 100);
		CHECK(dup2(trace[1], 101) == 101);
		snprintf(output, sizeof(output), "fd:%d", 101);
		CHECK(setenv("TCPSHIM_OUTPUT", output, 1) == 0);
		/* Nothing else may wait for room in the pipe, nor the announcement before the read.
		 */
		CHECK(setenv("TCPSHIM_SLEEPING", "off", 1) == 0);
		CHECK(setenv("TCPSHIM_TRACE", "read", 1) == 0);
		execl("/proc/self/exe", argv[0], "again", NULL);
		NEVER_REACHED("after exec");
	}
	tcp_pair(ends);
	pipe_fill(101);
	pthread_t reader = thread_start(read_one, NULL);
	sleep_ms(50);
	CHECK(write(ends[1], "x", 1) == 1);
	sleep_ms(200);
	CHECK((errno = pthread_cancel(reader)) == 0);
	sleep_ms(200);
	CHECK(fcntl(100, F_SETFL, O_NONBLOCK) == 0);
	while (read(100, bytes, sizeof(bytes)) > 0)
		;
	CHECK(fcntl(100, F_SETFL, 0) == 0);
	CHECK(thread_join(reader) == PTHREAD_CANCELED);
	CHECK(counted == 1);
	return 0;
}
