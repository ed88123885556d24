/*
 * hostile.h: what every hostile program needs.
 *
 * A hostile program does in its own process what careless programs do: it jumps out of handlers,
 * closes everything, shares memory with a child, runs out of stack.  It exits 0 if everything went
 * as with the kernel alone, whether or not the library is loaded.
 *
 * On standard output it prints what its trace must hold, one line each:
 *
 *	expect PID OPERATOR COUNT REGEX		so many lines of PID's trace match, without prefix
 *
 * The runner (hostile.bash) checks these, and that all other lines are the same bare and traced.
 * Output is written at once and unbuffered, so that a child does not repeat its parent's.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HELPER __attribute__((unused)) static

/* musl copies the headers of messages and their control data before the kernel sees them: what
 * cannot be read is SIGSEGV, with or without the library. */
#ifdef __GLIBC__
enum { KERNEL_READS_MESSAGES = true };
#else
enum { KERNEL_READS_MESSAGES = false };
#endif
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Checks a condition. Prints the message on standard output, since standard error may be tested. */
#define CHECK(condition) \
	((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, errno))

#define NEVER_REACHED(what) check_failed(__FILE__, __LINE__, what, errno)

HELPER __attribute__((noreturn)) void check_failed(const char *file, int line, const char *what,
						   int error)
{
	dprintf(STDOUT_FILENO, "%s:%d: failed: %s (errno %d, %s)\n", file, line, what, error,
		strerror(error));
	_exit(1);
}

/* Ends the process with SIGKILL after so many seconds. Leaves alarm and setitimer to the program.
 */
/* PATIENCE: see common.bash. */
HELPER int patience(void)
{
	const char *times = getenv("PATIENCE");

	return times ? atoi(times) : 1;
}

HELPER void deadline_set(unsigned seconds)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	struct itimerspec when = {.it_value.tv_sec = (time_t)seconds * patience()};
	timer_t timer;

	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &when, NULL) == 0);
}

HELPER int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

HELPER void sleep_ms(long milliseconds)
{
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

HELPER struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* Returns a listener on a port that the kernel chose. */
HELPER int tcp_listen(uint16_t *port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(fd, 128) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	*port = ntohs(address.sin_port);
	return fd;
}

HELPER int tcp_connect(uint16_t port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* Makes a connection: ends[0] connected, ends[1] accepted.  The listener is closed. */
HELPER void tcp_pair(int ends[2])
{
	uint16_t port;
	int listener = tcp_listen(&port);

	ends[0] = tcp_connect(port);
	ends[1] = accept(listener, NULL, NULL);
	CHECK(ends[1] >= 0);
	CHECK(close(listener) == 0);
}

HELPER void write_all(int fd, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t put = write(fd, (const char *)bytes + done, size - done);

		if (put < 0 && errno == EINTR)
			continue;
		CHECK(put > 0);
		done += (size_t)put;
	}
}

HELPER void read_all(int fd, void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = read(fd, (char *)bytes + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		CHECK(got > 0);
		done += (size_t)got;
	}
}

/* Prints an expectation of PID's trace; operator is "=" or ">=". */
HELPER __attribute__((format(printf, 4, 5))) void expect_of(pid_t pid, const char *operator,
							    long count, const char *regex, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, regex);
	vsnprintf(text, sizeof(text), regex, arguments);
	va_end(arguments);
	dprintf(STDOUT_FILENO, "expect %d %s %ld %s\n", (int)pid, operator, count, text);
}

#define expect(operator, count, ...) expect_of(getpid(), operator, count, __VA_ARGS__)

/* Makes count writes, each of a size of its own from `first` on, all expected in PID's trace. */
HELPER void marks_write(int fd, int first, int count)
{
	static const char bytes[4096];

	CHECK(first + count <= (int)sizeof(bytes));
	for (int size = first; size < first + count; size++)
		CHECK(write(fd, bytes, (size_t)size) == size);
}

HELPER void marks_expect(pid_t pid, int first, int count)
{
	for (int size = first; size < first + count; size++)
		expect_of(pid, "=", 1, "^write\\([0-9]+, .*, %d\\)[[:blank:]]+= %d$", size, size);
}

/* Makes four such writes, and expects them: "4 of 4 later calls traced." */
HELPER void four_marks(int fd, int first)
{
	marks_write(fd, first, 4);
	marks_expect(getpid(), first, 4);
}

/* Returns `size` bytes that end where an unreadable page begins: one byte more is SIGSEGV. */
HELPER void *flush_alloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	char *map =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	CHECK(mprotect(map + room, page, PROT_NONE) == 0);
	return map + room - size;
}

HELPER void *flush_copy(const void *bytes, size_t size)
{
	return size ? memcpy(flush_alloc(size), bytes, size) : flush_alloc(0);
}

HELPER pthread_t thread_start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	CHECK((errno = pthread_create(&thread, NULL, body, argument)) == 0);
	return thread;
}

HELPER void *thread_join(pthread_t thread)
{
	void *result;

	CHECK((errno = pthread_join(thread, &result)) == 0);
	return result;
}

HELPER void child_succeeds(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Returns the number of KiB after this field in a file of /proc. */
HELPER long proc_kib(const char *path, const char *field)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen(path, "r");

	CHECK(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = atol(line + strlen(field));
	fclose(file);
	CHECK(kib >= 0);
	return kib;
}

/* Returns the resident memory. VmRSS of status lacks what processors have not added up yet. */
HELPER long resident_kib(void)
{
	long kib = proc_kib("/proc/self/smaps_rollup", "Anonymous:");

	CHECK(kib > 0);
	return kib;
}

/*
 * Calls prepare and one area in each of count processes, all at the same time, since all of them
 * mostly wait.
 */
HELPER void run_side_by_side(void (*prepare)(void), void (*const areas[])(void), size_t count)
{
	pid_t children[8];

	CHECK(count <= COUNT_OF(children));
	for (size_t i = 0; i < count; i++) {
		children[i] = fork();
		CHECK(children[i] >= 0);
		if (children[i] == 0) {
			deadline_set(60);
			prepare();
			areas[i]();
			exit(0);
		}
	}
	for (size_t i = 0; i < count; i++)
		child_succeeds(children[i]);
}

/*
 * Writes to fd until nothing more goes in for a while, since a busy machine may take time to move
 * the bytes to the peer.  Sets the sizes of the buffers first, so that they do not grow.
 */
HELPER void fill_buffers(int fd, int peer)
{
	static const char bytes[65536];
	static const int size = 65536;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	CHECK(setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	for (int idle = 0; idle < 5; idle++) {
		while (send(fd, bytes, sizeof(bytes), 0) > 0 || send(fd, bytes, 1, 0) > 0)
			idle = 0;
		CHECK(errno == EAGAIN);
		sleep_ms(100);
	}
	CHECK(fcntl(fd, F_SETFL, 0) == 0);
}

HELPER void handler_set(int signal_number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	CHECK(sigaction(signal_number, &action, NULL) == 0);
}

#endif
