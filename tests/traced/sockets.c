/*
 * sockets: how the calls that make and end connections are shown: addresses of both families,
 * v4-mapped ones as IPv4, flags by name, errors.  What is not TCP is not shown at all.
 */
#include "traced.h"

#include <sys/un.h>

static struct sockaddr_in6 loopback6(uint16_t port)
{
	return (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
}

static void version_4(void)
{
	struct sockaddr_in address = loopback(0);
	struct sockaddr_in nobody = loopback(1);
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	say("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP)\t= %d", listener);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("bind(%d, 127.0.0.1:0, 16)\t= 0", listener);
	CHECK(listen(listener, 8) == 0);
	say("listen(%d, 8)\t= 0", listener);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	unsigned port = ntohs(address.sin_port);
	say("getsockname(%d, 127.0.0.1:%u, [16])\t= 0", listener, port);

	int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	say("socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, IPPROTO_IP)\t= %d", client);
	CHECK(getpeername(client, (struct sockaddr *)&address, &length) < 0 && errno == ENOTCONN);
	say("getpeername(%d, %s, %s)\tErr#107 ENOTCONN", client, pointer(&address),
	    pointer(&length));
	CHECK(shutdown(client, SHUT_RDWR) < 0 && errno == ENOTCONN);
	say("shutdown(%d, SHUT_RDWR)\tErr#107 ENOTCONN", client);
	CHECK(bind(client, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	      errno == EADDRINUSE);
	say("bind(%d, 127.0.0.1:%u, 16)\tErr#98 EADDRINUSE", client, port);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) < 0);
	CHECK(errno == EINPROGRESS);
	say("connect(%d, 127.0.0.1:%u, 16)\tErr#115 EINPROGRESS", client, port);
	int server = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK);
	CHECK(server >= 0);
	say("accept4(%d, 127.0.0.1:%u, [16], SOCK_NONBLOCK)\t= %d", listener,
	    ntohs(address.sin_port), server);
	CHECK(getpeername(server, (struct sockaddr *)&address, &length) == 0);
	say("getpeername(%d, 127.0.0.1:%u, [16])\t= 0", server, ntohs(address.sin_port));

	int copy = dup(client);
	say("dup(%d)\t= %d", client, copy);
	CHECK(dup2(client, 30) == 30);
	say("dup2(%d, 30)\t= 30", client);
	CHECK(dup3(client, 31, O_CLOEXEC) == 31);
	say("dup3(%d, 31, O_CLOEXEC)\t= 31", client);
	say_close(copy);
	CHECK(close_range(30, 31, 0) == 0);
	say("close_range(30, 31, 0)\t= 0");

	CHECK(shutdown(client, SHUT_WR) == 0);
	say("shutdown(%d, SHUT_WR)\t= 0", client);
	CHECK(shutdown(server, SHUT_RD) == 0);
	say("shutdown(%d, SHUT_RD)\t= 0", server);
	say_close(server);
	say_close(client);

	client = socket(AF_INET, SOCK_STREAM, 0);
	say("socket(AF_INET, SOCK_STREAM, IPPROTO_IP)\t= %d", client);
	CHECK(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)) < 0);
	CHECK(errno == ECONNREFUSED);
	say("connect(%d, 127.0.0.1:1, 16)\tErr#111 ECONNREFUSED", client);
	nobody.sin_family = AF_UNSPEC;
	CHECK(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)) == 0);
	say("connect(%d, {AF_UNSPEC}, 16)\t= 0", client);
	say_close(client);
	say_close(listener);
}

static void version_6(void)
{
	struct sockaddr_in6 address = loopback6(0);
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET6, SOCK_STREAM, 0);

	say("socket(AF_INET6, SOCK_STREAM, IPPROTO_IP)\t= %d", listener);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("bind(%d, [::1]:0, 28)\t= 0", listener);
	CHECK(listen(listener, 1) == 0);
	say("listen(%d, 1)\t= 0", listener);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	say("getsockname(%d, [::1]:%u, [28])\t= 0", listener, ntohs(address.sin6_port));
	int client = socket(AF_INET6, SOCK_STREAM, 0);
	say("socket(AF_INET6, SOCK_STREAM, IPPROTO_IP)\t= %d", client);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("connect(%d, [::1]:%u, 28)\t= 0", client, ntohs(address.sin6_port));
	int server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	say("accept(%d, 0x00000000, 0x00000000)\t= %d", listener, server);
	say_close(client);
	say_close(server);

	/* An address of the documentation prefix, which nobody has. */
	client = socket(AF_INET6, SOCK_STREAM, 0);
	say("socket(AF_INET6, SOCK_STREAM, IPPROTO_IP)\t= %d", client);
	inet_pton(AF_INET6, "2001:db8:0:0:1:0:0:1", &address.sin6_addr);
	address.sin6_port = htons(8443);
	CHECK(bind(client, (struct sockaddr *)&address, sizeof(address)) < 0);
	CHECK(errno == EADDRNOTAVAIL);
	say("bind(%d, [2001:db8::1:0:0:1]:8443, 28)\tErr#99 EADDRNOTAVAIL", client);
	say_close(client);
	say_close(listener);
}

static void version_4_in_6(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET6, SOCK_STREAM, 0);

	say("socket(AF_INET6, SOCK_STREAM, IPPROTO_IP)\t= %d", listener);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("bind(%d, [::]:0, 28)\t= 0", listener);
	CHECK(listen(listener, 1) == 0);
	say("listen(%d, 1)\t= 0", listener);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	say("getsockname(%d, [::]:%u, [28])\t= 0", listener, ntohs(address.sin6_port));
	int client = socket(AF_INET6, SOCK_STREAM, 0);
	say("socket(AF_INET6, SOCK_STREAM, IPPROTO_IP)\t= %d", client);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	say("connect(%d, 127.0.0.1:%u, 28)\t= 0", client, ntohs(address.sin6_port));
	int server = accept(listener, (struct sockaddr *)&address, &length);
	CHECK(server >= 0);
	say("accept(%d, 127.0.0.1:%u, [28])\t= %d", listener, ntohs(address.sin6_port), server);
	CHECK(getsockname(server, (struct sockaddr *)&address, &length) == 0);
	say("getsockname(%d, 127.0.0.1:%u, [28])\t= 0", server, ntohs(address.sin6_port));
	say_close(client);
	say_close(server);
	say_close(listener);
}

/* Makes calls that are not on TCP: no line of them may be there. */
static void not_tcp(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	struct sockaddr_in address = loopback(9);
	char byte;
	int pair[2];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(write(fd, "x", 1) == 1);
	CHECK(close(fd) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0);
	CHECK(close(fd) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[0], "x", 1) == 1 && read(pair[1], &byte, 1) == 1);
	CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
	fd = open("/dev/zero", O_RDONLY);
	CHECK(read(fd, &byte, 1) == 1);
	CHECK(close(fd) == 0);
}

int main(void)
{
	deadline_set(30);
	version_4();
	version_6();
	version_4_in_6();
	not_tcp();
	return 0;
}
