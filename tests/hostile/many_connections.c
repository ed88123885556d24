/*
 * many_connections: 10,000 connections opened, used and closed in one process; memory stays flat.
 *
 * If connections' records are not released, resident memory grows with each connection.  The
 * program measures it after 1,000 and at the end.  The runner finds 10,000 closes at each end.
 */
#include "hostile.h"

enum { CONNECTIONS = 10000, SETTLED = 1000, GROWTH_KIB = 256 };

int main(void)
{
	char bytes[100] = "";
	long settled = 0;
	uint16_t port;

	deadline_set(60);
	int listener = tcp_listen(&port);
	for (int i = 0; i < CONNECTIONS; i++) {
		int client = tcp_connect(port);
		int server = accept(listener, NULL, NULL);

		CHECK(server >= 0);
		CHECK(write(client, bytes, sizeof(bytes)) == sizeof(bytes));
		CHECK(read(server, bytes, sizeof(bytes)) == sizeof(bytes));
		CHECK(close(client) == 0);
		CHECK(close(server) == 0);
		if (i + 1 == SETTLED)
			settled = resident_kib();
	}
	CHECK(resident_kib() - settled < GROWTH_KIB);
	expect("=", 2 * CONNECTIONS, "\\[(closed-first|closed-after-peer)\\]$");
	expect("=", 0, "\\[(adopted|closed-unseen|closed-shared)\\]$");
	return 0;
}
