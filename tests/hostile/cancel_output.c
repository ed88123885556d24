/*
 * cancel_output: the thread is cancelled while the library writes the line of a read that
 * succeeded.
 *
 * Hazard: cancellation (I1, I5).  If the library wrote through libc's write, that would be a
 * cancellation point after the byte had been consumed: the thread would end without having counted
 * it.  The trace goes to a full pipe, so that the line is certainly still being written.  What
 * comes out of the pipe is put into the file where the runner looks for a trace.
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

/* Copies the trace from the pipe. The filling is zeros, which the trace never contains. */
static void pipe_copy(int fd)
{
	static char bytes[65536];
	char path[32];
	ssize_t got;

	snprintf(path, sizeof(path), "trace.%d", (int)getpid());
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
		size_t kept = 0;

		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != '\0')
				bytes[kept++] = bytes[i];
		if (kept == 0)
			continue;
		int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		write_all(file, bytes, kept);
		CHECK(close(file) == 0);
	}
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
}

int main(int argc, char **argv)
{
	int trace[2];

	deadline_set(30);
	if (argc == 1) {
		char output[32];

		CHECK(pipe(trace) == 0);
		CHECK(dup2(trace[0], 100) == 100);
		CHECK(dup2(trace[1], 101) == 101);
		snprintf(output, sizeof(output), "fd:%d", 101);
		CHECK(setenv("TCPSHIM_OUTPUT", output, 1) == 0);
		/* Nothing else may wait for room in the pipe, not even the announcement. */
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
	pipe_copy(100);
	CHECK(thread_join(reader) == PTHREAD_CANCELED);
	CHECK(counted == 1);
	pipe_copy(100);
	/* On a slow machine the library has given up waiting for room, and reports that. */
	expect(">=", 1, "^(read\\(|\\*\\*\\* tcpshim: )");
	return 0;
}
