/*
 * options: how options, flags and requests are shown: levels and names by name, values decoded if
 * the kernel accepted them, an error option by the error's name, a pointer if the value is opaque.
 */
#include "traced.h"

#include <linux/sockios.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>

static int out, in;

static void set_integer(int level, int option, int value, const char *level_name, const char *name)
{
	CHECK(setsockopt(out, level, option, &value, sizeof(value)) == 0);
	say("setsockopt(%d, %s, %s, [%d], 4)\t= 0", out, level_name, name, value);
}

static void get_integer(int level, int option, int wanted, const char *level_name, const char *name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK(getsockopt(out, level, option, &value, &length) == 0 && value == wanted);
	say("getsockopt(%d, %s, %s, [%d], [4])\t= 0", out, level_name, name, value);
}

static void integers(void)
{
	set_integer(SOL_SOCKET, SO_REUSEADDR, 1, "SOL_SOCKET", "SO_REUSEADDR");
	get_integer(SOL_SOCKET, SO_REUSEADDR, 1, "SOL_SOCKET", "SO_REUSEADDR");
	set_integer(SOL_SOCKET, SO_KEEPALIVE, 1, "SOL_SOCKET", "SO_KEEPALIVE");
	set_integer(IPPROTO_TCP, TCP_NODELAY, 1, "IPPROTO_TCP", "TCP_NODELAY");
	get_integer(IPPROTO_TCP, TCP_NODELAY, 1, "IPPROTO_TCP", "TCP_NODELAY");
	set_integer(IPPROTO_TCP, TCP_KEEPIDLE, 30, "IPPROTO_TCP", "TCP_KEEPIDLE");
	set_integer(IPPROTO_TCP, TCP_KEEPINTVL, 10, "IPPROTO_TCP", "TCP_KEEPINTVL");
	set_integer(IPPROTO_TCP, TCP_KEEPCNT, 3, "IPPROTO_TCP", "TCP_KEEPCNT");
	set_integer(IPPROTO_TCP, TCP_USER_TIMEOUT, 60000, "IPPROTO_TCP", "TCP_USER_TIMEOUT");
	set_integer(IPPROTO_TCP, TCP_CORK, 0, "IPPROTO_TCP", "TCP_CORK");
	set_integer(IPPROTO_TCP, TCP_QUICKACK, 1, "IPPROTO_TCP", "TCP_QUICKACK");
	set_integer(IPPROTO_IP, IP_TOS, IPTOS_LOWDELAY, "IPPROTO_IP", "IP_TOS");
	get_integer(SOL_SOCKET, SO_ERROR, 0, "SOL_SOCKET", "SO_ERROR");
	get_integer(SOL_SOCKET, SO_TYPE, SOCK_STREAM, "SOL_SOCKET", "SO_TYPE");
}

static void structures(void)
{
	struct linger linger = {1, 5};
	struct timeval limit = {1, 500000};
	char name[16] = "";
	struct tcp_info info;
	socklen_t length = sizeof(linger);

	CHECK(setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	say("setsockopt(%d, SOL_SOCKET, SO_LINGER, {on, 5 s}, 8)\t= 0", out);
	linger.l_onoff = 0;
	CHECK(setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	say("setsockopt(%d, SOL_SOCKET, SO_LINGER, {off, 5 s}, 8)\t= 0", out);
	CHECK(setsockopt(out, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	say("setsockopt(%d, SOL_SOCKET, SO_RCVTIMEO, {1.500000}, %zu)\t= 0", out, sizeof(limit));
	length = sizeof(limit);
	CHECK(getsockopt(out, SOL_SOCKET, SO_SNDTIMEO, &limit, &length) == 0);
	say("getsockopt(%d, SOL_SOCKET, SO_SNDTIMEO, {0.000000}, [%zu])\t= 0", out, sizeof(limit));
	length = sizeof(name);
	CHECK(getsockopt(out, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0);
	say("getsockopt(%d, IPPROTO_TCP, TCP_CONGESTION, \"%s\", [%u])\t= 0", out, name, length);
	CHECK(setsockopt(out, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8) < 0 && errno == ENOENT);
	say("setsockopt(%d, IPPROTO_TCP, TCP_CONGESTION, \"nonesuch\", 8)\tErr#2 ENOENT", out);
	length = sizeof(info);
	CHECK(getsockopt(out, IPPROTO_TCP, TCP_INFO, &info, &length) == 0);
	say("getsockopt(%d, IPPROTO_TCP, TCP_INFO, %s, [%u])\t= 0", out, pointer(&info), length);
}

static void failures(void)
{
	struct sockaddr_in nobody = loopback(1);
	int value = 1;
	socklen_t length = sizeof(value);

	CHECK(setsockopt(out, IPPROTO_TCP, 9999, &value, sizeof(value)) < 0);
	CHECK(errno == ENOPROTOOPT);
	say("setsockopt(%d, IPPROTO_TCP, 9999, [1], 4)\tErr#92 ENOPROTOOPT", out);
	CHECK(getsockopt(out, IPPROTO_TCP, 9999, &value, &length) < 0 && errno == ENOPROTOOPT);
	say("getsockopt(%d, IPPROTO_TCP, 9999, %s, %s)\tErr#92 ENOPROTOOPT", out, pointer(&value),
	    pointer(&length));
	CHECK(setsockopt(out, SOL_SOCKET, SO_KEEPALIVE, NULL, 4) < 0 && errno == EFAULT);
	say("setsockopt(%d, SOL_SOCKET, SO_KEEPALIVE, 0x00000000, 4)\tErr#14 EFAULT", out);

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_IP)\t= %d", fd);
	CHECK(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) < 0);
	say("connect(%d, 127.0.0.1:1, 16)\tErr#115 EINPROGRESS", fd);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length) == 0 && value == ECONNREFUSED);
	say("getsockopt(%d, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4])\t= 0", fd);
	say_close(fd);
}

static void requests(void)
{
	int number = 0;

	CHECK(write(out, "seven b", 7) == 7);
	say("write(%d, \" s e v e n   b\", 7)\t= 7", out);
	CHECK(ioctl(in, FIONREAD, &number) == 0 && number == 7);
	say("ioctl(%d, FIONREAD, [7])\t= 0", in);
	number = 1;
	CHECK(ioctl(in, FIONBIO, &number) == 0);
	say("ioctl(%d, FIONBIO, [1])\t= 0", in);
	CHECK(ioctl(in, SIOCATMARK, &number) == 0 && number == 0);
	say("ioctl(%d, SIOCATMARK, [0])\t= 0", in);
	CHECK(fcntl(in, F_GETFL) == (O_RDWR | O_NONBLOCK));
	say("fcntl(%d, F_GETFL)\t= %d [O_RDWR|O_NONBLOCK]", in, O_RDWR | O_NONBLOCK);
	CHECK(fcntl(in, F_SETFL, O_RDWR) == 0);
	say("fcntl(%d, F_SETFL, O_RDWR)\t= 0", in);
	CHECK(fcntl(in, F_SETFD, FD_CLOEXEC) == 0);
	say("fcntl(%d, F_SETFD, FD_CLOEXEC)\t= 0", in);
	CHECK(fcntl(in, F_GETFD) == FD_CLOEXEC);
	say("fcntl(%d, F_GETFD)\t= 1", in);
	CHECK(fcntl(in, F_DUPFD, 30) == 30);
	say("fcntl(%d, F_DUPFD, 30)\t= 30", in);
	CHECK(fcntl(in, F_DUPFD_CLOEXEC, 30) == 31);
	say("fcntl(%d, F_DUPFD_CLOEXEC, 30)\t= 31", in);
	say_close(30);
	say_close(31);
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	say_pair(ends);
	out = ends[0];
	in = ends[1];
	integers();
	structures();
	failures();
	requests();
	say_close(out);
	say_close(in);
	return 0;
}
