/*
 * output_broken: the trace cannot be written: full disk, file size limit, a pipe nobody reads.
 *
 * Hazard: errno (I3), and fail open (I8).  A failing trace write that leaks its errno turns EAGAIN
 * into ENOSPC or EPIPE; one that raises SIGPIPE or SIGXFSZ kills the program.  Nor may the library
 * swallow such a signal when it is the program's own.  The runner breaks the output in each way.
 */
#include "hostile.h"

static volatile sig_atomic_t pipe_signals;

static void count_signal(int signal_number)
{
	(void)signal_number;
	pipe_signals++;
}

#define FAILS(call, error) CHECK((errno = 0, (call) < 0) && errno == (error))
#define KEEPS(call) CHECK((errno = 4711, (call) >= 0) && errno == 4711)

int main(void)
{
	static const char bytes[100];
	char room[100];
	sigset_t pending;
	int pipe_fds[2];
	uint16_t port;
	int ends[2];

	deadline_set(60);
	for (int i = 0; i < 200; i++) {
		struct sockaddr_in nobody = loopback(1);
		struct pollfd waited = {.events = POLLIN};

		tcp_pair(ends);
		FAILS(recv(ends[0], room, sizeof(room), MSG_DONTWAIT), EAGAIN);
		FAILS(accept4(ends[0], NULL, NULL, 0), EINVAL);
		FAILS(connect(ends[0], (struct sockaddr *)&nobody, sizeof(nobody)), EISCONN);
		KEEPS(write(ends[0], bytes, sizeof(bytes)));
		waited.fd = ends[1];
		KEEPS(poll(&waited, 1, 1000));
		KEEPS(read(ends[1], room, sizeof(room)));
		KEEPS(close(ends[0]));
		KEEPS(read(ends[1], room, sizeof(room)));
		KEEPS(send(ends[1], bytes, sizeof(bytes), MSG_NOSIGNAL));
		FAILS(send(ends[1], bytes, sizeof(bytes), MSG_NOSIGNAL), EPIPE);
		KEEPS(close(ends[1]));
		FAILS(close(ends[1]), EBADF);
	}
	int listener = tcp_listen(&port);
	FAILS(recv(listener, room, sizeof(room), 0), ENOTCONN);

	CHECK(sigpending(&pending) == 0);
	CHECK(!sigismember(&pending, SIGPIPE) && !sigismember(&pending, SIGXFSZ));
	/* The program's own signal is still the program's. */
	handler_set(SIGPIPE, count_signal, 0);
	CHECK(pipe(pipe_fds) == 0);
	CHECK(close(pipe_fds[0]) == 0);
	FAILS(write(pipe_fds[1], bytes, 1), EPIPE);
	CHECK(pipe_signals == 1);
	tcp_pair(ends);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	FAILS(write(ends[0], bytes, 1), EPIPE);
	CHECK(pipe_signals == 2);
	return 0;
}
