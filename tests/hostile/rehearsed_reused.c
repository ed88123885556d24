/*
 * rehearsed_reused: a socket that was cut by a rehearsal is dissolved and connected again.
 *
 * Hazard: what cuts a connection belongs to the socket. After connect to AF_UNSPEC the socket has
 * another connection, and a peer that is back (power-cycle) answers it.
 */
#include "hostile.h"

int main(void)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	uint16_t port;
	int listener = tcp_listen(&port), fd = tcp_connect(port), accepted;
	struct sockaddr_in address = loopback(port);
	struct pollfd waited = {.fd = fd, .events = POLLOUT};
	int error;
	socklen_t size = sizeof(error);
	char byte;

	deadline_set(60);
	CHECK((accepted = accept(listener, NULL, NULL)) >= 0);
	sleep_ms(500); /* after=100ms */
	CHECK(connect(fd, &nowhere, sizeof(nowhere)) == 0);
	CHECK(close(accepted) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	      errno == EINPROGRESS);
	CHECK(poll(&waited, 1, 20000) == 1);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
	CHECK((accepted = accept(listener, NULL, NULL)) >= 0);
	CHECK(write(accepted, "y", 1) == 1);
	waited.events = POLLIN;
	CHECK(poll(&waited, 1, 20000) == 1);
	CHECK(read(fd, &byte, 1) == 1 && byte == 'y');
	return 0;
}
