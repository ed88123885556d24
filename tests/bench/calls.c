/*
 * calls: what one call costs, in nanoseconds.
 *
 * calls file|pipe|tcp|tcp2|idle ITERATIONS prints the median over batches of the time of one call.
 * file: a read of 64 bytes from /dev/zero.  pipe: a write and a read of 64 bytes through a pipe.
 * tcp: the same over a loopback TCP connection.  Each pair counts as two calls.  tcp2: the same in
 * two threads at once.  idle: a write of nothing and a read that finds nothing on a TCP connection,
 * which are the shortest calls there are, so that a few nanoseconds are visible.
 * scripts/bench runs it bare and under the library by turns.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 41, BYTES = 64 };

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void make_connection(int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		err(1, "listen");
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (fds[1] < 0 || connect(fds[1], (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect");
	fds[0] = accept(listener, NULL, NULL);
	if (fds[0] < 0)
		err(1, "accept");
	setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(listener);
}

static int other_fds[2];

/* Runs the other thread's exchange, until the process ends. */
static void *exchange(void *unused)
{
	char bytes[BYTES] = "kang";

	while (write(other_fds[1], bytes, BYTES) == BYTES &&
	       read(other_fds[0], bytes, BYTES) == BYTES)
		;
	return unused;
}

int main(int argc, char **argv)
{
	/* at the same place in every run */
	static _Alignas(4096) char bytes[BYTES] = "kodos, are you there?";
	double results[BATCHES];
	int fds[2] = {-1, -1};
	pthread_t other;
	long iterations = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int calls = 2, moved = BYTES, found = BYTES;

	if (iterations < BATCHES)
		errx(2, "usage: calls file|pipe|tcp|tcp2|idle ITERATIONS (at least %d)", BATCHES);
	if (strcmp(argv[1], "file") == 0) {
		fds[0] = open("/dev/zero", O_RDONLY);
		calls = 1;
	} else if (strcmp(argv[1], "pipe") == 0) {
		if (pipe(fds) < 0)
			err(1, "pipe");
	} else if (strcmp(argv[1], "tcp") == 0) {
		make_connection(fds);
	} else if (strcmp(argv[1], "tcp2") == 0) {
		make_connection(fds);
		make_connection(other_fds);
		if (pthread_create(&other, NULL, exchange, NULL) != 0)
			errx(1, "pthread_create");
	} else if (strcmp(argv[1], "idle") == 0) {
		make_connection(fds);
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		moved = 0;
		found = -1;
	} else {
		errx(2, "file, pipe, tcp, tcp2 or idle");
	}
	for (int batch = 0; batch < BATCHES; batch++) {
		double start = now_ns();

		for (long i = 0; i < iterations / BATCHES; i++) {
			if (calls == 2 && write(fds[1], bytes, (size_t)moved) != moved)
				err(1, "write");
			if (read(fds[0], bytes, sizeof(bytes)) != found)
				err(1, "read");
		}
		results[batch] = (now_ns() - start) / (double)(iterations / BATCHES) / calls;
	}
	qsort(results, BATCHES, sizeof(results[0]), compare);
	printf("%.1f\n", results[BATCHES / 2]);
	return 0;
}
