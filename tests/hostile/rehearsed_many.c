/*
 * rehearsed_many: thousands of connections that wait for a rehearsed reset.
 *
 * Hazard: each call looks at all connections that are due. The program must still get on.
 */
#include "hostile.h"

#include <sys/resource.h>

enum { CONNECTIONS = 5000, CALLS = 1000 };

int main(void)
{
	static int fds[CONNECTIONS];
	struct rlimit limit;
	uint16_t port;
	int listener = tcp_listen(&port);
	char byte;

	deadline_set(60);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max < 12000 ? limit.rlim_max : 12000;
	CHECK(limit.rlim_cur == 12000 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = tcp_connect(port);
		CHECK(accept(listener, NULL, NULL) >= 0);
	}
	for (int i = 0; i < CALLS; i++)
		CHECK(recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0);
	return 0;
}
