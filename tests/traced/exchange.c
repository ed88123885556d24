/*
 * exchange: a little of everything, for the tests of the variables.
 *
 * Without arguments: one healthy connection with 40 bytes, and sockets, pipes and files that are
 * not TCP.  Arguments add to it, in order: "thread" and "fork" do the same in another thread or
 * process, "block" makes a read that waits 200 ms, "poll" a wait of 1.2 s, "reset" an end that is a
 * warning for one side and an error for the other.  Prints "done", and exits 0.
 */
#include "../hostile/hostile.h"

static const char text[] = "kang to kodos: are you there? 40 in all.";

static void connection(void)
{
	int one = 1;
	char bytes[64];
	int ends[2];

	tcp_pair(ends);
	CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	CHECK(write(ends[0], text, 40) == 40);
	struct pollfd waited = {ends[1], POLLIN, 0};
	CHECK(poll(&waited, 1, 1000) == 1);
	CHECK(read(ends[1], bytes, sizeof(bytes)) == 40);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	CHECK(read(ends[1], bytes, sizeof(bytes)) == 0);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
}

static void others(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	char bytes[64];
	int pair[2];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(write(fd, "datagram", 8) == 8 && read(fd, bytes, 8) == 8);
	CHECK(close(fd) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[0], "unix", 4) == 4 && read(pair[1], bytes, 4) == 4);
	CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
	CHECK(pipe(pair) == 0);
	CHECK(write(pair[1], "pipe", 4) == 4 && read(pair[0], bytes, 4) == 4);
	CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
	fd = open("/dev/zero", O_RDONLY);
	CHECK(read(fd, bytes, 3) == 3);
	CHECK(close(fd) == 0);
}

static void *connection_of_thread(void *argument)
{
	connection();
	return argument;
}

static void connection_of_child(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		connection();
		_exit(0);
	}
	child_succeeds(pid);
}

static void blocked(int milliseconds)
{
	struct pollfd waited = {.events = POLLIN};
	char byte;
	int ends[2];

	tcp_pair(ends);
	waited.fd = ends[1];
	if (milliseconds) {
		CHECK(poll(&waited, 1, milliseconds) == 0);
	} else {
		struct timeval limit = {0, 200000};

		CHECK(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
		CHECK(read(ends[1], &byte, 1) < 0 && errno == EAGAIN);
	}
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void reset(void)
{
	char byte;
	int ends[2];

	tcp_pair(ends);
	CHECK(write(ends[0], text, 40) == 40);
	CHECK(read(ends[1], &byte, 1) == 1);
	CHECK(close(ends[1]) == 0);
	CHECK(read(ends[0], &byte, 1) < 0 && errno == ECONNRESET);
	CHECK(close(ends[0]) == 0);
}

int main(int argc, char **argv)
{
	deadline_set(30);
	connection();
	others();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "thread") == 0)
			thread_join(thread_start(connection_of_thread, NULL));
		else if (strcmp(argv[i], "fork") == 0)
			connection_of_child();
		else if (strcmp(argv[i], "block") == 0)
			blocked(0);
		else if (strcmp(argv[i], "poll") == 0)
			blocked(1200);
		else if (strcmp(argv[i], "reset") == 0)
			reset();
	}
	CHECK(write(STDOUT_FILENO, "done\n", 5) == 5);
	return 0;
}
