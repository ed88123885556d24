/*
 * truth: what the notes may say, on the real kernel.  A false note is worse than none.
 *
 * Each scenario makes calls and prints the notes that the trace must have, in order, as "CALL MARK
 * ID" and, if the note has them, the bytes both ways.  No other note may be there: the runner
 * (tests/e2e/truth.bats) compares the whole sequence.  A line that begins with # names the
 * scenario.
 */
#include "../hostile/hostile.h"

static char bytes[4096];

static void must(const char *note)
{
	dprintf(STDOUT_FILENO, "%s\n", note);
}

static void scenario(const char *name)
{
	dprintf(STDOUT_FILENO, "# %s\n", name);
}

static void pair(int ends[2])
{
	tcp_pair(ends);
	must("connect - connected");
	must("accept - accepted");
}

/* Closes both ends, the first end first, in good order. */
static void close_both(const int ends[2], int moved)
{
	CHECK(close(ends[0]) == 0);
	dprintf(STDOUT_FILENO, "close - closed-first sent %d received 0\n", moved);
	CHECK(close(ends[1]) == 0);
	dprintf(STDOUT_FILENO, "close - closed-after-peer sent 0 received %d\n", moved);
}

static void nothing_asked(void)
{
	int ends[2];

	scenario("a read of no bytes is no end of stream");
	pair(ends);
	CHECK(read(ends[1], bytes, 0) == 0);
	CHECK(recv(ends[1], bytes, 0, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(write(ends[0], bytes, 0) == 0);
	CHECK(write(ends[0], "x", 1) == 1);
	CHECK(read(ends[1], bytes, 0) == 0);
	CHECK(read(ends[1], bytes, 1) == 1);
	close_both(ends, 1);
}

static void own_shutdown(void)
{
	int ends[2];

	scenario("nor is one after the program's own shutdown(SHUT_RD)");
	pair(ends);
	CHECK(shutdown(ends[1], SHUT_RD) == 0);
	CHECK(read(ends[1], bytes, 10) == 0);
	CHECK(read(ends[1], bytes, 10) == 0);
	close_both(ends, 0);
}

static void no_failures(void)
{
	struct timeval limit = {0, 20000};
	int ends[2];

	scenario("EAGAIN is no failure");
	pair(ends);
	CHECK(recv(ends[1], bytes, 10, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(read(ends[1], bytes, 10) < 0 && errno == EAGAIN);
	close_both(ends, 0);
}

static void peeked(void)
{
	int ends[2];

	scenario("what is peeked at counts once, what is discarded counts too");
	pair(ends);
	CHECK(write(ends[0], bytes, 30) == 30);
	CHECK(recv(ends[1], bytes, 10, MSG_PEEK) == 10);
	CHECK(recv(ends[1], bytes, 10, MSG_PEEK) == 10);
	CHECK(recv(ends[1], bytes, 10, 0) == 10);
	CHECK(recv(ends[1], NULL, 20, MSG_TRUNC) == 20);
	CHECK(close(ends[0]) == 0);
	must("close - closed-first sent 30 received 0");
	CHECK(recv(ends[1], bytes, 10, MSG_PEEK) == 0);
	must("recv - peer-fin");
	CHECK(recv(ends[1], bytes, 10, 0) == 0);
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-peer sent 0 received 30");
}

static void shared(void)
{
	int ends[2];

	scenario("a descriptor that a copy still holds ends nothing");
	pair(ends);
	int copy = dup(ends[0]);
	int high = fcntl(ends[0], F_DUPFD_CLOEXEC, 200);
	CHECK(close(ends[0]) == 0);
	must("close - closed-shared");
	CHECK(write(copy, "still here", 10) == 10);
	CHECK(dup2(STDIN_FILENO, high) == high);
	must("dup2 - closed-shared");
	CHECK(read(ends[1], bytes, 10) == 10);
	CHECK(close(high) == 0);
	close_both((int[]){copy, ends[1]}, 10);
}

static void range(void)
{
	int ends[2];

	scenario("a range that holds all copies closes the connection once");
	pair(ends);
	CHECK(dup2(ends[0], 201) == 201);
	CHECK(dup2(ends[0], 202) == 202);
	CHECK(close(ends[0]) == 0);
	must("close - closed-shared");
	CHECK(close_range(201, 202, 0) == 0);
	must("close_range - closed-first sent 0 received 0");
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-peer sent 0 received 0");
}

static void refused(void)
{
	struct sockaddr_in nobody = loopback(1);
	struct pollfd waited = {.events = POLLOUT};
	int error;
	socklen_t length = sizeof(error);

	scenario("EINPROGRESS is no failure; what the program reads by SO_ERROR is");
	waited.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(connect(waited.fd, (struct sockaddr *)&nobody, sizeof(nobody)) < 0);
	must("connect - connecting");
	CHECK(poll(&waited, 1, 1000) == 1);
	CHECK(getsockopt(waited.fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
	CHECK(error == ECONNREFUSED);
	must("getsockopt ! connect-refused");
	CHECK(close(waited.fd) == 0);
}

static void connected_late(void)
{
	struct pollfd waited = {.events = POLLOUT};
	struct sockaddr_in address;
	uint16_t port;

	scenario("a connection whose peer has closed before poll tells of it was a connection");
	int listener = tcp_listen(&port);
	address = loopback(port);
	waited.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(connect(waited.fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	must("connect - connecting");
	int server = accept(listener, NULL, NULL);
	must("accept - accepted");
	CHECK(close(listener) == 0);
	CHECK(write(server, bytes, 10) == 10);
	CHECK(close(server) == 0);
	must("close - closed-first sent 10 received 0");
	sleep_ms(20);
	CHECK(poll(&waited, 1, 1000) == 1);
	must("poll - connected");
	CHECK(read(waited.fd, bytes, 20) == 10);
	CHECK(read(waited.fd, bytes, 20) == 0);
	must("read - peer-fin");
	CHECK(close(waited.fd) == 0);
	must("close - closed-after-peer sent 0 received 10");
}

static void dissolved(void)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int ends[2];

	scenario("connect(AF_UNSPEC) connects nothing; no peer has reset what this side dissolved");
	pair(ends);
	CHECK(connect(ends[0], &nobody, sizeof(nobody)) == 0);
	must("connect ! aborted sent 0 received 0");
	CHECK(close(ends[0]) == 0);
	CHECK(read(ends[1], bytes, 10) < 0 && errno == ECONNRESET);
	must("read !! reset-by-peer");
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-death sent 0 received 0");
}

static void unread(void)
{
	int ends[2];

	scenario("closed with unread data: a reset, and the other side is told");
	pair(ends);
	CHECK(write(ends[1], bytes, 40) == 40);
	sleep_ms(20);
	CHECK(close(ends[0]) == 0);
	must("close ! closed-with-unread-data sent 0 received 0");
	CHECK(read(ends[1], bytes, 10) < 0 && errno == ECONNRESET);
	must("read !! reset-by-peer");
	CHECK(send(ends[1], bytes, 10, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	must("send !! broken-pipe-dead");
	CHECK(read(ends[1], bytes, 10) == 0);
	must("read ! dead-as-eof");
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-death sent 40 received 0");
}

static void aborted(void)
{
	struct linger at_once = {1, 0};
	int ends[2];

	scenario("SO_LINGER 0");
	pair(ends);
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	CHECK(close(ends[0]) == 0);
	must("close ! aborted sent 0 received 0");
	CHECK(write(ends[1], bytes, 10) < 0 && errno == ECONNRESET);
	must("write !! reset-by-peer");
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-death sent 0 received 0");
}

static void own_pipe(void)
{
	int ends[2];

	scenario("EPIPE after the program's own shutdown is no dead connection");
	pair(ends);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	must("shutdown - own-fin");
	CHECK(send(ends[0], bytes, 10, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	must("send ! broken-pipe-own-shutdown");
	close_both(ends, 0);
}

static void disguised(void)
{
	int ends[2];

	scenario("a request to a peer that has closed: the reset comes as end of stream");
	pair(ends);
	CHECK(close(ends[0]) == 0);
	must("close - closed-first sent 0 received 0");
	CHECK(write(ends[1], "a request", 9) == 9);
	sleep_ms(20);
	CHECK(read(ends[1], bytes, 10) == 0);
	must("read !! reset-after-fin");
	must("read !! data-lost");
	CHECK(send(ends[1], bytes, 10, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	must("send !! broken-pipe-dead");
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-death sent 9 received 0");
}

static void half_closed(void)
{
	int ends[2];

	scenario("a protocol that half-closes on purpose is healthy");
	pair(ends);
	CHECK(write(ends[0], bytes, 100) == 100);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	must("shutdown - own-fin");
	CHECK(recv(ends[1], bytes, 200, MSG_WAITALL) == 100);
	CHECK(read(ends[1], bytes, 10) == 0);
	must("read - peer-fin");
	CHECK(write(ends[1], bytes, 50) == 50);
	CHECK(close(ends[1]) == 0);
	must("close - closed-after-peer sent 50 received 100");
	CHECK(recv(ends[0], bytes, 200, MSG_WAITALL) == 50);
	CHECK(read(ends[0], bytes, 10) == 0);
	must("read - peer-fin");
	CHECK(close(ends[0]) == 0);
	must("close - closed-first sent 100 received 50");
}

static void both_shut(void)
{
	struct pollfd waited = {.events = POLLIN};
	int ends[2];

	scenario("POLLHUP without POLLERR is a clean end");
	pair(ends);
	CHECK(shutdown(ends[0], SHUT_WR) == 0);
	must("shutdown - own-fin");
	CHECK(shutdown(ends[1], SHUT_WR) == 0);
	must("shutdown - own-fin");
	sleep_ms(20);
	waited.fd = ends[1];
	CHECK(poll(&waited, 1, 1000) == 1 && (waited.revents & (POLLHUP | POLLERR)) == POLLHUP);
	CHECK(read(ends[1], bytes, 10) == 0);
	must("read - peer-fin");
	close_both(ends, 0);
}

static void forked(void)
{
	int ends[2];

	scenario("after a fork another process may hold it, and that is said");
	pair(ends);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	child_succeeds(pid);
	CHECK(close(ends[0]) == 0);
	must("close - closed-shared sent 0 received 0");
	CHECK(close(ends[1]) == 0);
	must("close - closed-shared sent 0 received 0");
}

static void early_end(void)
{
	uint16_t port;

	scenario("a peer that had gone before it was accepted; sockets without a connection");
	int listener = tcp_listen(&port);
	int client = tcp_connect(port);
	must("connect - connected");
	CHECK(write(client, "hello", 5) == 5);
	CHECK(close(client) == 0);
	must("close - closed-first sent 5 received 0");
	sleep_ms(20);
	int server = accept(listener, NULL, NULL);
	must("accept - accepted");
	CHECK(read(server, bytes, 10) == 5);
	CHECK(read(server, bytes, 10) == 0);
	must("read - peer-fin");
	CHECK(close(server) == 0);
	must("close - closed-after-peer sent 0 received 5");
	CHECK(close(listener) == 0);
	CHECK(close(socket(AF_INET, SOCK_STREAM, 0)) == 0);
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	nothing_asked();
	own_shutdown();
	no_failures();
	peeked();
	shared();
	range();
	refused();
	connected_late();
	dissolved();
	unread();
	aborted();
	own_pipe();
	disguised();
	half_closed();
	both_shut();
	forked();
	early_end();

	scenario("what is left open at exit is told");
	pair(ends);
	CHECK(write(ends[0], bytes, 10) == 10);
	CHECK(read(ends[1], bytes, 10) == 10);
	CHECK(close(ends[1]) == 0);
	must("close - closed-first sent 0 received 10");
	must("_exit - left-open-at-exit sent 10 received 0");
	return 0;
}
