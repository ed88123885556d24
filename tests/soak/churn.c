/*
 * churn: threads, forks and many descriptors, and a count of every call that must be traced.
 *
 * churn SECONDS DIRECTORY starts 200 threads a second. Each opens a connection to an echo server in
 * the same process, sends a few messages of its own, checks that they come back, and ends. Numbers
 * up to 15,000 are taken by other files, so that the connections are the highest ones; every ten
 * seconds all those are closed at once and opened again. A child is forked every second, sends over
 * a connection of its parent's, and exits. SIGUSR1, sent by anybody, interrupts the threads, and
 * its handler writes one byte to a connection of its own.
 *
 * Each process adds a line "calls PID WRITES" to DIRECTORY/calls: the write() calls that it made on
 * TCP sockets, its handlers' included. A child's standard error is DIRECTORY/errors.PID. A line of
 * progress, "THREADS ECHOED-BYTES", replaces DIRECTORY/progress every second.
 *
 * Exits 0 if every connection brought back what was sent, and no call failed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	THREADS_A_SECOND = 200,
	MOST_THREADS = 500, /* at once; a slow machine starts fewer a second */
	MOST_MESSAGES = 4,
	MESSAGE_BYTES = 61,
	CHILD_MESSAGES = 10,
	HIGHEST = 15000,
	FD_LIMIT = 20000,
	ROOM = 200, /* descriptors below HIGHEST that are left to the connections */
	REFILL_S = 10
};

#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

static _Atomic uint64_t calls, threads_started, threads_ended, echoed_bytes, handler_runs;
static struct sockaddr_in server;
static const char *directory;
static int signal_ends[2];
static int fillers[HIGHEST], filler_count;

static __attribute__((noreturn)) void fail(int line, const char *what)
{
	dprintf(STDERR_FILENO, "churn, process %d: line %d: failed: %s: %s\n", (int)getpid(), line,
		what, strerror(errno));
	_exit(1);
}

/* Makes and counts a write() to a TCP socket; every such write of this program is made here. */
static ssize_t write_counted(int fd, const void *bytes, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return write(fd, bytes, size);
}

static void write_all(int fd, const char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t put = write_counted(fd, bytes + done, size - done);

		if (put < 0 && errno == EINTR)
			continue;
		CHECK(put > 0);
		done += (size_t)put;
	}
}

static void read_all(int fd, char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = read(fd, bytes + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		done += (size_t)got;
	}
}

static void on_signal(int signal_number)
{
	int error = errno;

	(void)signal_number;
	atomic_fetch_add(&handler_runs, 1);
	write_counted(signal_ends[0], "s", 1);
	errno = error;
}

static int open_connection(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0);
	return fd;
}

static void converse(int fd, unsigned number, unsigned messages)
{
	char sent[MESSAGE_BYTES], got[MESSAGE_BYTES];

	for (unsigned i = 0; i < messages; i++) {
		memset(sent, (int)('a' + number % 26), sizeof(sent));
		snprintf(sent, sizeof(sent), "message %u of %u ", i, number);
		write_all(fd, sent, sizeof(sent));
		read_all(fd, got, sizeof(got));
		CHECK(memcmp(sent, got, sizeof(sent)) == 0);
		atomic_fetch_add(&echoed_bytes, sizeof(sent));
	}
}

static void *client(void *argument)
{
	unsigned number = (unsigned)(uintptr_t)argument;
	int fd = open_connection();

	converse(fd, number, 1 + number % MOST_MESSAGES);
	if (number % 3 == 0)
		CHECK(shutdown(fd, SHUT_WR) == 0);
	CHECK(close(fd) == 0);
	atomic_fetch_add(&threads_ended, 1);
	return NULL;
}

static int make_listener(void)
{
	socklen_t size = sizeof(server);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	server = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&server, sizeof(server)) == 0);
	CHECK(listen(fd, 1024) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&server, &size) == 0);
	return fd;
}

static void take_one(int epoll, int listener)
{
	struct epoll_event event = {.events = EPOLLIN};

	event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(event.data.fd >= 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) == 0);
}

static void echo_one(int epoll, int fd)
{
	char bytes[2048];
	ssize_t got = read(fd, bytes, sizeof(bytes));

	if (got > 0) {
		write_all(fd, bytes, (size_t)got);
	} else {
		CHECK(got == 0);
		/* A child may have a copy: then close alone does not end its events. */
		CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0);
		CHECK(close(fd) == 0);
	}
}

static void *echo(void *argument)
{
	int listener = *(int *)argument, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = {{.events = EPOLLIN, .data.fd = listener}};

	CHECK(epoll >= 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) == 0);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);

		CHECK(count >= 0 || errno == EINTR);
		for (int i = 0; i < count; i++)
			if (events[i].data.fd == listener)
				take_one(epoll, listener);
			else
				echo_one(epoll, events[i].data.fd);
	}
	return NULL;
}

static void *drain(void *argument)
{
	char bytes[2048];

	(void)argument;
	while (read(signal_ends[1], bytes, sizeof(bytes)) > 0)
		;
	return NULL;
}

static void report_calls(void)
{
	char path[1024], line[64];
	int fd, size;

	snprintf(path, sizeof(path), "%s/calls", directory);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	size = snprintf(line, sizeof(line), "calls %d %llu\n", (int)getpid(),
			(unsigned long long)atomic_load(&calls));
	CHECK(fd >= 0 && write(fd, line, (size_t)size) == size);
	close(fd);
}

static void report_progress(void)
{
	char path[1024], next[1024 + 8], line[64];
	int fd, size;

	snprintf(path, sizeof(path), "%s/progress", directory);
	snprintf(next, sizeof(next), "%s.next", path);
	fd = open(next, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0644);
	size = snprintf(line, sizeof(line), "%llu %llu\n",
			(unsigned long long)atomic_load(&threads_ended),
			(unsigned long long)atomic_load(&echoed_bytes));
	CHECK(fd >= 0 && write(fd, line, (size_t)size) == size && rename(next, path) == 0);
	close(fd);
}

/* The child makes few calls, since other threads were running when it was made. */
static void run_child(int fd, unsigned number)
{
	char path[1024];
	int errors;

	atomic_store(&calls, 0);
	snprintf(path, sizeof(path), "%s/errors.%d", directory, (int)getpid());
	errors = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(errors >= 0 && dup2(errors, STDERR_FILENO) == STDERR_FILENO);
	converse(fd, number, CHILD_MESSAGES);
	report_calls();
	exit(0);
}

static pid_t fork_child(unsigned number)
{
	int fd = open_connection();
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		run_child(fd, number);
	CHECK(close(fd) == 0);
	return pid;
}

static void take_child(pid_t pid, int flags)
{
	int status;
	pid_t ended;

	while ((ended = waitpid(pid, &status, flags)) > 0)
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(ended == 0 || errno == ECHILD);
}

static void fill_numbers(void)
{
	for (; filler_count < HIGHEST - ROOM; filler_count++) {
		int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

		CHECK(fd >= 0);
		fillers[filler_count] = fd;
		if (fd >= HIGHEST - ROOM)
			break;
	}
}

static void free_numbers(void)
{
	while (filler_count > 0)
		CHECK(close(fillers[--filler_count]) == 0);
}

static void start_thread(pthread_attr_t *attributes, unsigned number)
{
	pthread_t thread;

	CHECK((errno = pthread_create(&thread, attributes, client, (void *)(uintptr_t)number)) ==
	      0);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_ms(long milliseconds)
{
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void hold_signal(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	CHECK((errno = pthread_sigmask(how, &signals, NULL)) == 0);
}

/* Runs the threads; the main thread takes no signal, so that all of them interrupt the others. */
static void run(int64_t end_ms)
{
	int64_t begun_ms = now_ms(), told_ms = begun_ms, filled_ms = begun_ms, now;
	pthread_attr_t attributes;
	unsigned number = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	while ((now = now_ms()) < end_ms) {
		if (number < (unsigned)((now - begun_ms) * THREADS_A_SECOND / 1000) &&
		    atomic_load(&threads_started) - atomic_load(&threads_ended) < MOST_THREADS) {
			atomic_fetch_add(&threads_started, 1);
			hold_signal(SIG_UNBLOCK);
			start_thread(&attributes, number++);
			hold_signal(SIG_BLOCK);
		} else {
			wait_ms(2);
		}
		if (now - told_ms >= 1000) {
			told_ms = now;
			report_progress();
			fork_child(number);
			take_child(-1, WNOHANG);
		}
		if (now - filled_ms >= REFILL_S * 1000) {
			filled_ms = now;
			free_numbers();
			fill_numbers();
		}
	}
	while (atomic_load(&threads_ended) < atomic_load(&threads_started))
		wait_ms(10);
	take_child(-1, 0);
	report_progress();
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct rlimit limit;
	pthread_t thread;
	int listener;

	if (argc != 3)
		errx(2, "usage: churn SECONDS DIRECTORY");
	directory = argv[2];
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max < FD_LIMIT ? limit.rlim_max : FD_LIMIT;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	hold_signal(SIG_BLOCK);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	listener = make_listener();
	signal_ends[0] = open_connection();
	signal_ends[1] = accept(listener, NULL, NULL);
	CHECK(signal_ends[1] >= 0);
	CHECK((errno = pthread_create(&thread, NULL, drain, NULL)) == 0);
	hold_signal(SIG_UNBLOCK);
	CHECK((errno = pthread_create(&thread, NULL, echo, &listener)) == 0);
	hold_signal(SIG_BLOCK);
	if (limit.rlim_cur > HIGHEST)
		fill_numbers();
	else
		dprintf(STDERR_FILENO, "churn: no %d descriptors are allowed here\n", HIGHEST);
	run(now_ms() + atoi(argv[1]) * INT64_C(1000));
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	wait_ms(200); /* a handler that is still at work */
	report_calls();
	dprintf(STDOUT_FILENO, "%llu threads, %llu bytes echoed, %llu signals handled\n",
		(unsigned long long)atomic_load(&threads_ended),
		(unsigned long long)atomic_load(&echoed_bytes),
		(unsigned long long)atomic_load(&handler_runs));
	return 0;
}
