/*
 * growth: what one call costs in a process that has much of something, in nanoseconds.
 *
 * growth CASE DESCRIPTORS [CHILDREN THREADS] prints the median time of one call:
 * adopted: the first write to a connection that the program was started with;
 * start:   from exec to main, with DESCRIPTORS sockets open;
 * dup:     dup and close of a connection, the pair counted as one call;
 * epoll:   close of an epoll instance with one member;
 * close:   close of a connection, with CHILDREN children and THREADS threads.
 * For the first two the program makes the sockets itself and then executes itself; the library that
 * BENCH_PRELOAD names is loaded then.  scripts/bench runs it bare and under the library by turns.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES = 501, FIRST_FD = 16, STACK_BYTES = 1 << 16 };

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *samples, int count)
{
	qsort(samples, (size_t)count, sizeof(*samples), compare);
	return samples[count / 2];
}

static struct sockaddr_in listener_address;

static int make_listener(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		err(1, "listen");
	listener_address = address;
	return listener;
}

/* Makes a connection from fds[0] to fds[1]. */
static void make_connection(int listener, int fds[2])
{
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fds[0] < 0 || connect(fds[0], (const struct sockaddr *)&listener_address,
				  sizeof(listener_address)) < 0)
		err(1, "connect");
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0)
		err(1, "accept");
}

/* Fills the numbers from FIRST_FD on with sockets of connections, both ends of each. */
static void fill_with_connections(int count)
{
	int listener = make_listener();

	for (int fd = FIRST_FD; fd + 1 < FIRST_FD + count; fd += 2) {
		int pair[2];

		make_connection(listener, pair);
		for (int end = 0; end < 2; end++) {
			if (pair[end] == fd + end)
				continue;
			if (dup2(pair[end], fd + end) < 0)
				err(1, "dup2");
			close(pair[end]);
		}
	}
	close(listener);
}

static void fill_with_sockets(int count)
{
	for (int i = 0; i < count; i++)
		if (socket(AF_INET, SOCK_STREAM, 0) < 0)
			err(1, "socket");
}

/* Measures the writes to the last numbers, after all before them have been written to. */
static double measure_adopted(int count)
{
	static double samples[SAMPLES];
	int taken = 0, end = FIRST_FD + count / 2 * 2;

	for (int fd = FIRST_FD; fd < end; fd++) {
		double start = now_ns();

		if (write(fd, "x", 1) != 1)
			err(1, "write to %d", fd);
		if (fd >= end - SAMPLES)
			samples[taken++] = now_ns() - start;
	}
	return median(samples, taken);
}

static double measure_dup(int count)
{
	static double samples[SAMPLES];
	int pair[2], listener = make_listener();

	fill_with_sockets(count);
	make_connection(listener, pair);
	for (int i = 0; i < SAMPLES; i++) {
		double start = now_ns();
		int copy = dup(pair[0]);

		if (copy < 0 || close(copy) < 0)
			err(1, "dup");
		samples[i] = now_ns() - start;
	}
	return median(samples, SAMPLES);
}

static double measure_epoll(int count)
{
	static double samples[SAMPLES];
	int pair[2], listener = make_listener();

	fill_with_sockets(count);
	make_connection(listener, pair);
	for (int i = 0; i < SAMPLES; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = pair[0]};
		int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		double start;

		if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair[0], &event) < 0)
			err(1, "epoll");
		start = now_ns();
		close(epoll_fd);
		samples[i] = now_ns() - start;
	}
	return median(samples, SAMPLES);
}

static void *wait_forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static pid_t make_child(void)
{
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return child;
}

static double measure_close(int child_count, int thread_count)
{
	static double samples[SAMPLES];
	pid_t *children = calloc((size_t)child_count + 1, sizeof(*children));
	int pair[2], listener = make_listener();
	pthread_attr_t attributes;
	pthread_t thread;

	if (!children || pthread_attr_init(&attributes) != 0 ||
	    pthread_attr_setstacksize(&attributes, STACK_BYTES) != 0)
		errx(1, "no memory");
	for (int i = 0; i < child_count; i++)
		children[i] = make_child();
	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&thread, &attributes, wait_forever, NULL) != 0)
			errx(1, "pthread_create");
	for (int i = 0; i < SAMPLES; i++) {
		double start;

		make_connection(listener, pair);
		start = now_ns();
		close(pair[0]);
		samples[i] = now_ns() - start;
		close(pair[1]);
	}
	for (int i = 0; i < child_count; i++)
		kill(children[i], SIGKILL);
	for (int i = 0; i < child_count; i++)
		waitpid(children[i], NULL, 0);
	free(children);
	return median(samples, SAMPLES);
}

/* Executes this program again, with the library, and passes it the time. */
static void run_again(char **argv)
{
	const char *library = getenv("BENCH_PRELOAD");
	char start[32];
	char *again[] = {argv[0], argv[1], argv[2], start, NULL};

	if (library && *library)
		setenv("LD_PRELOAD", library, 1);
	snprintf(start, sizeof(start), "%.0f", now_ns());
	execv("/proc/self/exe", again);
	err(1, "exec");
}

int main(int argc, char **argv)
{
	double started_ns = now_ns();
	const char *name = argc > 2 ? argv[1] : "";
	int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
	struct rlimit limit;
	double result;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (argc == 3 && (strcmp(name, "adopted") == 0 || strcmp(name, "start") == 0)) {
		fill_with_connections(count);
		run_again(argv);
	}
	if (strcmp(name, "adopted") == 0)
		result = measure_adopted(count);
	else if (strcmp(name, "start") == 0)
		result = started_ns - strtod(argv[3], NULL);
	else if (strcmp(name, "dup") == 0)
		result = measure_dup(count);
	else if (strcmp(name, "epoll") == 0)
		result = measure_epoll(count);
	else if (strcmp(name, "close") == 0 && argc == 5)
		result = measure_close((int)strtol(argv[3], NULL, 10),
				       (int)strtol(argv[4], NULL, 10));
	else
		errx(2,
		     "usage: growth adopted|start|dup|epoll|close DESCRIPTORS [CHILDREN THREADS]");
	printf("%.0f\n", result);
	return 0;
}
