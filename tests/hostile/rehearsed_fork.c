/*
 * rehearsed_fork: fork, close and exit in the middle of a rehearsed outage.
 *
 * Hazard: the thread that ends the outage is the parent's. Whoever has the connection last has to
 * end the outage: nothing that was written may be lost.
 */
#include "hostile.h"

static int listener;
static uint16_t port;

/* Connects, waits until the outage has begun (after=100ms), and returns both ends. */
static void prepare(int ends[2])
{
	ends[0] = tcp_connect(port);
	CHECK((ends[1] = accept(listener, NULL, NULL)) >= 0);
	sleep_ms(500);
}

/* Reads to the end. */
static void expect_bytes(int fd, size_t wanted)
{
	struct pollfd waited = {.fd = fd, .events = POLLIN};
	char bytes[4096];
	size_t size = 0;
	ssize_t got;

	do {
		CHECK(poll(&waited, 1, 20000) == 1);
		CHECK((got = read(fd, bytes, sizeof(bytes))) >= 0);
		size += (size_t)got;
	} while (got > 0);
	CHECK(size == wanted);
	CHECK(close(fd) == 0);
}

/* The parent closes at once, as a server that forks does; the child writes, closes and exits. */
static void child_writes(bool is_closing)
{
	int ends[2];
	pid_t child;

	prepare(ends);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		close(ends[1]);
		CHECK(write(ends[0], "from the child", 14) == 14);
		if (is_closing)
			close(ends[0]);
		_exit(0);
	}
	CHECK(close(ends[0]) == 0);
	child_succeeds(child);
	expect_bytes(ends[1], 14);
}

/* The process that has cut the connection ends, and its child makes no call for a while (daemon).
 * The grandparent is the peer. */
static void parent_ends(void)
{
	pid_t child = fork();
	int fd;

	CHECK(child >= 0);
	if (child == 0) {
		fd = tcp_connect(port);
		sleep_ms(500);
		CHECK(write(fd, "before the fork", 15) == 15);
		if (fork() == 0)
			sleep_ms(5000);
		_exit(0);
	}
	CHECK((fd = accept(listener, NULL, NULL)) >= 0);
	child_succeeds(child);
	expect_bytes(fd, 15);
}

int main(int count, char **arguments)
{
	CHECK(count == 2);
	deadline_set(90);
	listener = tcp_listen(&port);
	if (strcmp(arguments[1], "close") == 0)
		child_writes(true);
	else if (strcmp(arguments[1], "exit") == 0)
		child_writes(false);
	else
		parent_ends();
	return 0;
}
