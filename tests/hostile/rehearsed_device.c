/*
 * rehearsed_device DEVICE ADDRESS: a rehearsed refusal of a connect from a socket that is bound to
 * a device.
 *
 * Hazard: where the library lets it go instead must be reached through that device, or the connect
 * times out, and its segments leave the machine.
 */
#include "hostile.h"

int main(int count, char **arguments)
{
	struct sockaddr_in address = loopback(9);
	struct pollfd waited = {.events = POLLOUT};
	int fd = socket(AF_INET, SOCK_STREAM, 0), error = 0;
	socklen_t size = sizeof(error);

	CHECK(count == 3 && inet_pton(AF_INET, arguments[2], &address.sin_addr) == 1);
	deadline_set(60);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, arguments[1],
			 (socklen_t)strlen(arguments[1])) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	if (errno == EINPROGRESS) {
		waited.fd = fd;
		CHECK(poll(&waited, 1, 20000) == 1);
		CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
		errno = error;
	}
	CHECK(errno == ECONNREFUSED);
	return 0;
}
