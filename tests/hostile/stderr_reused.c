/*
 * stderr_reused: the program closes standard error, and its number comes back as a connection.
 *
 * Hazard: the trace reaching the peer (I8).  A library that writes to descriptor 2 sends the trace
 * over the connection.  The peer must receive exactly the program's bytes.  Run with the trace on
 * standard error; the mode decides how the number gets reused.
 */
#include "hostile.h"

int main(int argc, char **argv)
{
	static const char said[] = "what the program said, and not one byte more";
	char heard[4096];
	uint16_t port;

	deadline_set(30);
	CHECK(argc == 2);
	int listener = tcp_listen(&port);
	if (strcmp(argv[1], "close") == 0) {
		CHECK(close(STDERR_FILENO) == 0);
		CHECK(tcp_connect(port) == STDERR_FILENO);
	} else {
		int fd = tcp_connect(port);

		CHECK(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
		CHECK(close(fd) == 0);
	}
	int server = accept(listener, NULL, NULL);
	CHECK(server >= 0);

	CHECK(write(STDERR_FILENO, said, sizeof(said)) == sizeof(said));
	CHECK(recv(STDERR_FILENO, heard, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(shutdown(STDERR_FILENO, SHUT_WR) == 0);
	ssize_t got = recv(server, heard, sizeof(heard), MSG_WAITALL);
	CHECK(got == sizeof(said) && memcmp(heard, said, sizeof(said)) == 0);
	CHECK(close(server) == 0);
	CHECK(close(STDERR_FILENO) == 0);
	/* The library fixed at the start where the trace goes, so nothing is missing from it. */
	expect("=", 1, "^write\\(2, .*, %zu\\)[[:blank:]]+= %zu$", sizeof(said), sizeof(said));
	expect("=", 1, "^recv\\(%d, .*, %zu, MSG_WAITALL\\)[[:blank:]]+= %zu$", server,
	       sizeof(heard), sizeof(said));
	return 0;
}
