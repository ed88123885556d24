/*
 * dnc: a netcat that keeps its socket after end of stream.
 *
 * Most netcats end when the peer closes.  This one reads the end of stream and goes on as if
 * nothing had happened, as many real programs do.  The connection stays in CLOSE_WAIT, and what
 * follows can be watched: the write that succeeds, the reset, the broken pipe.
 *
 * Every step is one line with a UTC stamp on standard error.  Each is one write(2), so that the
 * lines are in order with a trace that goes there too.  Standard output has only what the peer
 * sent.  The socket is never closed; the kernel does that when the process ends.
 *
 * Exit status: 0 when nothing is left to wait for, 1 when a call failed, 2 for wrong usage.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER_BYTES = 1024,
	LINE_BYTES = 256,
	SPIN_ROUNDS = 200, /* with -s: enough for anybody to notice, few enough to end */
};

/* What the program still waits for, and the condition of its socket. */
struct netcat {
	int socket_fd;
	bool is_spinner;   /* -s: poll a dead socket without ever reading it */
	bool is_polite;    /* -w: wait for room by poll, never in a write */
	bool has_input;    /* standard input has not ended yet */
	bool has_seen_eof; /* the peer's end of stream was read: wait with events = 0 */
	bool is_dead;      /* the error that killed the connection was taken: stop polling it */
	int spins;
};

/* The timers to set on the connection. */
struct timers {
	int user_timeout_ms; /* -u; 0: not set */
	bool has_keepalive;  /* -k */
	int idle, interval, count;
};

static const char usage[] =
	"usage: dnc [-sw] [-u MS] [-k IDLE,INTERVAL,COUNT] HOST PORT\n"
	"       dnc [-sw] [-u MS] [-k IDLE,INTERVAL,COUNT] -l [-p PORT] [ADDRESS]\n"
	"\n"
	"A netcat that keeps its socket after end of stream and says each step.\n"
	"  -l       wait for one connection, on 127.0.0.1 if no ADDRESS is given\n"
	"  -p PORT  the port to listen on; 0, the default, lets the kernel choose\n"
	"  -s       when the connection is dead, poll it on and on without reading\n"
	"  -u MS    TCP_USER_TIMEOUT\n"
	"  -k IDLE,INTERVAL,COUNT\n"
	"           SO_KEEPALIVE: after so many seconds, every so many, so many times\n"
	"  -w       wait for room in the send buffer by poll instead of in write\n";

__attribute__((noreturn)) static void fail_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

__attribute__((noreturn)) static void fail(const char *call)
{
	fprintf(stderr, "dnc: %s: %s\n", call, strerror(errno));
	exit(1);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[LINE_BYTES];
	time_t now = time(NULL);
	struct tm utc;
	size_t length = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ: ", gmtime_r(&now, &utc));
	va_list args;

	va_start(args, format);
	int text = vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	length += text < 0 ? 0 : strnlen(line + length, sizeof(line) - length - 1);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nobody is left to report to */
}

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(fd, bytes, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		count -= (size_t)written;
	}
	return true;
}

static struct addrinfo *resolve(const char *host, const char *port, int flags)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *found;
	int error = getaddrinfo(host, port, &hints, &found);

	if (error != 0) {
		fprintf(stderr, "dnc: %s port %s: %s\n", host, port, gai_strerror(error));
		exit(1);
	}
	return found;
}

static void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		fail("setsockopt");
}

static bool read_keepalive(struct timers *timers, const char *text)
{
	return sscanf(text, "%d,%d,%d", &timers->idle, &timers->interval, &timers->count) == 3;
}

static void set_timers(int fd, const struct timers *timers)
{
	if (timers->user_timeout_ms != 0)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timers->user_timeout_ms);
	if (!timers->has_keepalive)
		return;
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, timers->idle);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, timers->interval);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, timers->count);
}

static int connect_to(const char *host, const char *port, const struct timers *timers)
{
	struct addrinfo *addresses = resolve(host, port, 0);
	int fd = -1;

	say("establishing connection");
	for (struct addrinfo *address = addresses; address; address = address->ai_next) {
		fd = socket(address->ai_family, SOCK_STREAM, 0);
		if (fd < 0)
			fail("socket");
		set_timers(fd, timers);
		if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
			break;
		if (address->ai_next == NULL)
			fail("connect");
		close(fd);
	}
	freeaddrinfo(addresses);
	say("connected");
	return fd;
}

static void say_listening(int fd)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
		fail("getsockname");
	if (getnameinfo((struct sockaddr *)&bound, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		say("listening on %s port %s", host, port);
}

static int accept_one(const char *host, const char *port, const struct timers *timers)
{
	struct addrinfo *address = resolve(host, port, AI_PASSIVE);
	int listener = socket(address->ai_family, SOCK_STREAM, 0);
	int fd;

	if (listener < 0)
		fail("socket");
	set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(listener, address->ai_addr, address->ai_addrlen) < 0)
		fail("bind");
	freeaddrinfo(address);
	if (listen(listener, 1) < 0)
		fail("listen");
	say_listening(listener);
	do
		fd = accept(listener, NULL, NULL);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		fail("accept");
	say("connected");
	set_timers(fd, timers);
	close(listener);
	return fd;
}

static bool send_all(const struct netcat *nc, const char *bytes, size_t count)
{
	struct pollfd room = {.fd = nc->socket_fd, .events = POLLOUT};

	if (!nc->is_polite)
		return write_all(nc->socket_fd, bytes, count);
	while (count > 0) {
		if (poll(&room, 1, -1) < 0 && errno != EINTR)
			return false;
		ssize_t sent = send(nc->socket_fd, bytes, count, MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		bytes += sent > 0 ? sent : 0;
		count -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

static void forward_input(struct netcat *nc)
{
	char buffer[BUFFER_BYTES];

	say("reading from stdin");
	ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		say("read end-of-stream from stdin");
		nc->has_input = false;
		return;
	}
	say("writing %zd bytes read from stdin to socket", got);
	if (!send_all(nc, buffer, (size_t)got))
		fail("write");
}

static void read_socket(struct netcat *nc)
{
	char buffer[BUFFER_BYTES];

	say("reading from socket");
	ssize_t got = read(nc->socket_fd, buffer, sizeof(buffer));
	if (got < 0 && errno == EINTR)
		return;
	if (got < 0) {
		/* Reported once, and the program goes on: the next write shows what follows. */
		fprintf(stderr, "dnc: read: %s\n", strerror(errno));
		nc->is_dead = true;
		return;
	}
	if (got == 0 && nc->has_seen_eof)
		nc->is_dead = true; /* with events = 0 only an error or a hangup leads here */
	if (got == 0 && !nc->has_seen_eof)
		say("read end-of-stream from socket");
	say("read %zd bytes from socket", got);
	nc->has_seen_eof |= got == 0;
	if (!write_all(STDOUT_FILENO, buffer, (size_t)got))
		fail("write");
}

/* Handles an event of the socket; after end of stream only its death is one. */
static void attend_socket(struct netcat *nc)
{
	if (!nc->has_seen_eof || !nc->is_spinner) {
		read_socket(nc);
		return;
	}
	nc->spins++;
	nc->is_dead = nc->spins == SPIN_ROUNDS;
}

/* Waits once and handles what happened. Returns false if nothing is left to wait for. */
static bool netcat_step(struct netcat *nc)
{
	struct pollfd fds[2];
	nfds_t count = 0;
	short input_events = 0;
	short socket_events = 0;

	if (nc->has_input)
		fds[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	if (!nc->is_dead)
		fds[count++] = (struct pollfd){.fd = nc->socket_fd,
					       .events = nc->has_seen_eof ? 0 : POLLIN};
	if (count == 0)
		return false;

	say("entering poll()");
	if (poll(fds, count, -1) < 0) {
		if (errno == EINTR)
			return true;
		fail("poll");
	}
	if (!nc->is_dead)
		socket_events = fds[count - 1].revents;
	if (nc->has_input)
		input_events = fds[0].revents;
	say("poll returned events 0x%x/0x%x", (unsigned)input_events, (unsigned)socket_events);
	if (input_events != 0)
		forward_input(nc);
	if (socket_events != 0)
		attend_socket(nc);
	return true;
}

int main(int argc, char **argv)
{
	struct netcat nc = {.has_input = true};
	struct timers timers = {0};
	bool is_listener = false;
	const char *port = NULL;
	int option;

	while ((option = getopt(argc, argv, "k:lp:su:w")) != -1) {
		if (option == 'l')
			is_listener = true;
		else if (option == 'p')
			port = optarg;
		else if (option == 's')
			nc.is_spinner = true;
		else if (option == 'w')
			nc.is_polite = true;
		else if (option == 'u')
			timers.user_timeout_ms = atoi(optarg);
		else if (option == 'k' && read_keepalive(&timers, optarg))
			timers.has_keepalive = true;
		else
			fail_usage();
	}
	argc -= optind;
	argv += optind;
	if (is_listener ? argc > 1 : argc != 2 || port != NULL)
		fail_usage();

	/* A write to a dead connection must fail with EPIPE, and not end the program by a signal.
	 */
	signal(SIGPIPE, SIG_IGN);
	if (is_listener)
		nc.socket_fd =
			accept_one(argc == 1 ? argv[0] : "127.0.0.1", port ? port : "0", &timers);
	else
		nc.socket_fd = connect_to(argv[0], argv[1], &timers);

	while (netcat_step(&nc))
		;
	say("nothing left to wait for");
	return 0;
}
