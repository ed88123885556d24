/*
 * exhaustion: a program that uses every descriptor that its limit allows has all of them.
 *
 * The library's own descriptor is one that the program must not miss (I7, I8): a server at its
 * limit would refuse one connection earlier.  The count is printed, and the runner compares it with
 * the bare run's.  A call that fails for want of a descriptor fails as ever and is traced.
 */
#include "hostile.h"

int main(void)
{
	int copies = 0;
	uint16_t port;
	int ends[2];

	deadline_set(30);
	tcp_pair(ends);
	int listener = tcp_listen(&port);
	int client = tcp_connect(port);
	while (dup(STDOUT_FILENO) >= 0)
		copies++;
	CHECK(errno == EMFILE);
	dprintf(STDOUT_FILENO, "%d descriptors more\n", copies);
	CHECK(accept(listener, NULL, NULL) == -1 && errno == EMFILE);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE);
	four_marks(ends[0], 501);
	CHECK(close(client) == 0);
	CHECK(accept(listener, NULL, NULL) == client);
	expect("=", 1, "^accept\\(.*[[:blank:]]Err#24 EMFILE$");
	expect("=", 1, "^accept\\(.*[[:blank:]]= %d( |$)", client);
	return 0;
}
