/*
 * common_calls [PART]...: what ordinary servers and clients do, with both ends here.
 *
 * Hazard: a seccomp filter from before exec.  Each call that the library makes in addition to the
 * program's own may be missing from the list: for an accept that returns its peer's address, for
 * options, for what a wait waits for, for each new thread and process.  What such a call would have
 * returned is unknown there, and the trace must not claim anything about it.
 *
 * Without arguments the program keeps to a list with no signals, no threads and no timers.  Parts:
 *	threads		200 of them, and their connections
 *	fork		a child with a connection of its own
 *	idle		alone: a wait of more than a second
 *	unread		alone: a close with bytes that were not read, which is a reset
 *	spawn		alone: a close of what a child by posix_spawn holds, which sends nothing
 *	fin, rst	with policies, which must have been applied
 *	forbidden	alone: calls that filters forbid, and their results
 */
#include "hostile.h"

#include <linux/netlink.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/swap.h>
#include <sys/uio.h>

enum { THREADS = 200, HELD_MS = 300 };

static uint16_t port;
static int listener;
static bool has_policies, has_reset;

/* Makes a connection, with all questions that can be asked on the way. */
static void pair_make(int ends[2])
{
	struct sockaddr_in address = loopback(port), peer;
	socklen_t size = sizeof(peer);
	int error = -1, one = 1;
	socklen_t error_size = sizeof(error);

	CHECK((ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	CHECK(connect(ends[0], (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK((ends[1] = accept(listener, (struct sockaddr *)&peer, &size)) >= 0);
	CHECK(size == sizeof(peer) && peer.sin_family == AF_INET);
	CHECK(getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &error, &error_size) == 0);
	CHECK(error == 0 && error_size == sizeof(error));
	CHECK(getsockname(ends[0], (struct sockaddr *)&address, &size) == 0);
	CHECK(address.sin_port == peer.sin_port);
}

static void waits(int ends[2])
{
	struct pollfd waited = {ends[1], POLLIN, 0};
	struct timeval limit = {5, 0};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fd_set readable;

	CHECK(poll(&waited, 1, 5) == 0);
	CHECK(write(ends[0], "waited for", 10) == 10);
	CHECK(poll(&waited, 1, 5000) == 1);
	FD_ZERO(&readable);
	FD_SET(ends[1], &readable);
	CHECK(select(ends[1] + 1, &readable, NULL, NULL, &limit) == 1);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[1], &event) == 0);
	CHECK(epoll_wait(epoll_fd, &event, 1, 5000) == 1);
	CHECK(close(epoll_fd) == 0);
}

static void exchange(int ends[2])
{
	char bytes[64];
	struct iovec parts[2] = {{"two ", 4}, {"parts", 5}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	CHECK(read(ends[1], bytes, sizeof(bytes)) == 10);
	CHECK(recv(ends[1], bytes, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(writev(ends[1], parts, 2) == 9);
	CHECK(recv(ends[0], bytes, sizeof(bytes), 0) == 9);
	CHECK(sendmsg(ends[0], &message, 0) == 9);
	CHECK(recv(ends[1], bytes, sizeof(bytes), 0) == 9);
	CHECK(send(ends[0], "lost", 4, MSG_NOSIGNAL) == 4);
	CHECK(recv(ends[1], bytes, 4, MSG_WAITALL) == 4);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	CHECK(getsockopt(fd, level, name, &value, &size) == 0);
	return value;
}

/* Checks TCPSHIM_KEEPALIVE=on, TCPSHIM_USER_TIMEOUT=auto and TCPSHIM_FORCE=on. */
static void policies_are_applied(int ends[2])
{
	int off = 0;

	for (int i = 0; i < 2; i++) {
		CHECK(option_of(ends[i], SOL_SOCKET, SO_KEEPALIVE) == 1);
		CHECK(option_of(ends[i], IPPROTO_TCP, TCP_KEEPIDLE) == 30);
		CHECK(option_of(ends[i], IPPROTO_TCP, TCP_USER_TIMEOUT) == 60000);
	}
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off)) == 0);
	CHECK(option_of(ends[0], SOL_SOCKET, SO_KEEPALIVE) == 1);
	expect(">=", 2, "\\[policy-keepalive\\]$");
	expect(">=", 2, "\\[policy-user-timeout\\]$");
	expect("=", 1, "\\[policy-overruled-program\\]$");
	expect(">=", 1, "\\[policy-closed-on-eof\\]$");
}

/* Reads to the end and closes. */
static void end(int ends[2])
{
	char byte;

	CHECK(read(ends[1], &byte, 1) == 0);
	if (has_policies)
		CHECK(send(ends[1], &byte, 1, MSG_NOSIGNAL) < 0 &&
		      errno == (has_reset ? ECONNRESET : EPIPE));
	CHECK(close(ends[1]) == 0);
	if (has_reset)
		CHECK(read(ends[0], &byte, 1) < 0 && errno == ECONNRESET);
	else
		CHECK(read(ends[0], &byte, 1) == 0);
	CHECK(close(ends[0]) == 0);
}

static void *talk(void *argument)
{
	int own[2];

	(void)argument;
	tcp_pair(own);
	CHECK(write(own[0], "a thread", 8) == 8);
	CHECK(close(own[0]) == 0);
	CHECK(close(own[1]) == 0);
	return NULL;
}

static void threads(void)
{
	for (int i = 0; i < THREADS; i += 4) {
		pthread_t some[4];

		for (int j = 0; j < 4; j++)
			some[j] = thread_start(talk, NULL);
		for (int j = 0; j < 4; j++)
			thread_join(some[j]);
	}
	expect("=", THREADS, "^write\\(.* a   t h r e a d");
}

static void forks(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		talk(NULL);
		_exit(0);
	}
	child_succeeds(pid);
	expect_of(pid, "=", 1, "^write\\(.* a   t h r e a d");
	expect_of(pid, ">=", 2, "^close\\(");
}

static void idle(void)
{
	int ends[2];
	struct pollfd waited;

	tcp_pair(ends);
	waited = (struct pollfd){ends[1], POLLIN, 0};
	CHECK(poll(&waited, 1, 1300) == 0);
	expect("=", 0, "sleeping");
	expect("=", 1, "^poll\\(.*, 1, 1300\\)[[:blank:]]+= 0$");
}

/* Expects no note that claims what the close of the second end would be without the child. */
static void expect_no_end(void)
{
	expect("=", 3, "^close\\([0-9]+\\)[[:blank:]]+= 0$");
	expect("=", 0, "\\[closed-first\\]$");
	expect("=", 0, "TIME_WAIT stays on this side");
	expect("=", 0, "ESTABLISHED > FIN_WAIT_1");
}

static void unread(void)
{
	int ends[2];
	char byte;

	tcp_pair(ends);
	CHECK(write(ends[0], "unread", 6) == 6);
	CHECK(read(ends[1], &byte, 1) == 1);
	CHECK(close(ends[1]) == 0);
	CHECK(read(ends[0], &byte, 1) < 0 && errno == ECONNRESET);
	CHECK(close(ends[0]) == 0);
	expect_no_end();
	expect(">=", 1, "\\[reset-by-peer\\]$");
}

static void spawned(void)
{
	int ends[2];
	char byte, *arguments[] = {"sleep", "0.3", NULL};
	struct pollfd waited;
	pid_t pid;

	tcp_pair(ends);
	CHECK(fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0);
	CHECK(posix_spawnp(&pid, *arguments, NULL, NULL, arguments, environ) == 0);
	CHECK(close(ends[1]) == 0);
	waited = (struct pollfd){ends[0], POLLIN, 0};
	CHECK(poll(&waited, 1, HELD_MS / 3) == 0);
	child_succeeds(pid);
	CHECK(read(ends[0], &byte, 1) == 0);
	CHECK(close(ends[0]) == 0);
	expect_no_end();
}

static void say_forbidden(const char *name, long result)
{
	dprintf(STDOUT_FILENO, "%s: %s\n", name, result < 0 ? strerrorname_np(errno) : "allowed");
}

/* swapoff does nothing without a name. */
static void forbidden(void)
{
	say_forbidden("netlink", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	say_forbidden("swapoff", swapoff(NULL));
}

static void common(void)
{
	int ends[2];

	listener = tcp_listen(&port);
	pair_make(ends);
	if (has_policies)
		policies_are_applied(ends);
	waits(ends);
	exchange(ends);
	end(ends);
	expect(">=", 1, "^connect\\(.*[[:blank:]]= 0$");
	expect(">=", 1, "^accept\\([0-9]+, .*[[:blank:]]= [0-9]+$");
	expect("=", 1, "^getsockopt\\(.*SO_ERROR.*[[:blank:]]= 0$");
	expect("=", 2, "^poll\\(");
	expect("=", 1, "^select\\(");
	expect("=", 1, "^epoll_wait\\(");
	expect("=", 1, "^write\\(.* w a i t e d");
	expect("=", 1, "^writev\\(.*= 9$");
	expect("=", 1, "^sendmsg\\(.*= 9$");
	expect("=", 1, "^send\\(.* l o s t");
	expect(">=", 2, "\\[closed-%s\\]$", has_reset ? "after-death" : "(first|after-peer)");
}

static bool has_part(int argc, char **argv, const char *part)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], part) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{"idle", idle},       {"unread", unread}, {"spawn", spawned},
		{"threads", threads}, {"fork", forks},
	};

	if (has_part(argc, argv, "forbidden")) {
		forbidden();
		return 0;
	}
	has_reset = has_part(argc, argv, "rst");
	has_policies = has_reset || has_part(argc, argv, "fin");
	if (!has_part(argc, argv, "idle") && !has_part(argc, argv, "unread") &&
	    !has_part(argc, argv, "spawn"))
		common();
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (has_part(argc, argv, parts[i].name))
			parts[i].run();
	dprintf(STDOUT_FILENO, "all done\n");
	return 0;
}
