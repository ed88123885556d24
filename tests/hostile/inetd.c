/*
 * inetd: the program is started with a connection as its standard input, output and error.
 *
 * Hazard: the trace reaching the peer, and inherited sockets (I8).  If the trace is on standard
 * error, which is the connection itself, no line may be written anywhere: the peer receives exactly
 * the program's bytes.  If the trace is in a file, the calls on the inherited connection are in it.
 * The program plays both parts: it is also the super-server.
 */
#include "hostile.h"

static const char said[] = "from the server, and nothing else";

static int serve(void)
{
	char byte;

	/* By calls, not by stdio, whose buffer hides them. */
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
