/*
 * inetd: the program is started with a connection as its standard input, output and error.
 *
 * Hazard: the trace reaching the peer, and inherited sockets (I8).  With the trace on standard
 * error, which is the connection itself, not one line of it may be written anywhere: the peer
 * receives exactly the program's bytes.  With the trace in a file, the calls on the inherited
 * connection are there.  The program plays both parts: it is the super-server too.
 */
#include "hostile.h"

static const char said[] = "from the server, and nothing else";

static int serve(void)
{
	char byte;

	/* By the calls, not by stdio, which nobody sees. */
	while (read(STDIN_FILENO, &byte, 1) == 1)
		if (write(STDERR_FILENO, said, sizeof(said)) != sizeof(said))
			return 1;
	return shutdown(STDOUT_FILENO, SHUT_WR) != 0;
}

int main(int argc, char **argv)
{
	char heard[4096];
	int ends[2];

	deadline_set(30);
	if (argc == 2)
		return serve();

	tcp_pair(ends);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int fd = 0; fd <= 2; fd++)
			dup2(ends[1], fd);
		closefrom(3);
		execl("/proc/self/exe", argv[0], "serve", NULL);
		_exit(1);
	}
	CHECK(close(ends[1]) == 0);
	CHECK(write(ends[0], "12", 2) == 2);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	ssize_t got = recv(ends[0], heard, sizeof(heard), MSG_WAITALL);
	CHECK(got == 2 * (ssize_t)sizeof(said));
	CHECK(memcmp(heard, said, sizeof(said)) == 0);
	CHECK(memcmp(heard + sizeof(said), said, sizeof(said)) == 0);
	child_succeeds(pid);
	expect_of(pid, "=", 2, "^read\\(0, \" [12]\", 1\\)[[:blank:]]+= 1$");
	expect_of(pid, "=", 2, "^write\\(2, .*, %zu\\)[[:blank:]]+= %zu$", sizeof(said),
		  sizeof(said));
	expect_of(pid, ">=", 1, "\\[adopted\\]$");
	return 0;
}
