/*
 * observer: without policies the library changes nothing: options, errors, edges, bytes, threads,
 * children.
 *
 * A pure observer (I10) without threads, helpers or sockets of its own (I11).  A library that asks
 * for SO_ERROR takes the error away from the program.  One that reads ahead, sets an option or
 * starts a thread shows here.  So does one whose own descriptor is inherited by another program.
 * All results are printed, and the runner compares them with the bare run's.
 */
#include "hostile.h"

#include <dirent.h>
#include <sys/ioctl.h>

static void tell_options(const char *whose, int fd)
{
	static const struct {
		const char *name;
		int level;
		int option;
	} options[] = {
		{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
		{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
		{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE},
		{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT},
		{"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP},
		{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
		{"TCP_CORK", IPPROTO_TCP, TCP_CORK},
		{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
		{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
		{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
		{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
		{"SO_ERROR", SOL_SOCKET, SO_ERROR},
	};

	for (size_t i = 0; i < COUNT_OF(options); i++) {
		int value = -1;
		socklen_t length = sizeof(value);
		int result = getsockopt(fd, options[i].level, options[i].option, &value, &length);

		dprintf(STDOUT_FILENO, "%s: %s %d %d\n", whose, options[i].name, result, value);
	}
	dprintf(STDOUT_FILENO, "%s: flags 0x%x 0x%x\n", whose, fcntl(fd, F_GETFL),
		fcntl(fd, F_GETFD));
}

/* Counts the entries of a directory in /proc whose links begin with `link`; all, if it is empty. */
static int count_entries(const char *path, const char *link)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int count = 0;

	CHECK(directory);
	while ((entry = readdir(directory))) {
		char target[256] = "";

		if (entry->d_name[0] == '.')
			continue;
		(void)!readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		if (strncmp(target, link, strlen(link)) == 0)
			count++;
	}
	closedir(directory);
	return count;
}

/* Lists the descriptors that a program which is started without the library finds open. */
static void list_descriptors(void)
{
	for (int fd = 0; fd < 70000; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(STDOUT_FILENO, "inherited: %d\n", fd);
}

static void start_another(char **argv)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		unsetenv("LD_PRELOAD");
		execl("/proc/self/exe", argv[0], "list", NULL);
		_exit(1);
	}
	child_succeeds(pid);
}

static void refused(void)
{
	struct sockaddr_in nobody = loopback(1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd waited = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
	int result = connect(fd, (struct sockaddr *)&nobody, sizeof(nobody));

	dprintf(STDOUT_FILENO, "connect %d %s\n", result, strerrorname_np(errno));
	CHECK(poll(&waited, 1, 1000) == 1);
	dprintf(STDOUT_FILENO, "poll 0x%x\n", (unsigned)waited.revents);
	tell_options("refused", fd);
	result = (int)read(fd, &waited, 1);
	dprintf(STDOUT_FILENO, "read %d\n", result);
	CHECK(close(fd) == 0);
}

static void reset(void)
{
	struct linger abort_it = {1, 0};
	char bytes[16];
	int queued;
	int ends[2];

	tcp_pair(ends);
	CHECK(write(ends[0], "1234567", 7) == 7);
	sleep_ms(20);
	CHECK(ioctl(ends[1], FIONREAD, &queued) == 0);
	dprintf(STDOUT_FILENO, "queued %d\n", queued);
	CHECK(recv(ends[1], bytes, 3, MSG_PEEK) == 3);
	CHECK(recv(ends[1], bytes, 3, 0) == 3);
	CHECK(ioctl(ends[1], FIONREAD, &queued) == 0);
	dprintf(STDOUT_FILENO, "queued %d\n", queued);
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it)) == 0);
	CHECK(close(ends[0]) == 0);
	sleep_ms(20);
	struct pollfd waited = {ends[1], POLLIN | POLLRDHUP, 0};
	CHECK(poll(&waited, 1, 1000) == 1);
	dprintf(STDOUT_FILENO, "poll 0x%x\n", (unsigned)waited.revents);
	for (int i = 0; i < 3; i++) {
		errno = 0;
		ssize_t got = read(ends[1], bytes, sizeof(bytes));

		dprintf(STDOUT_FILENO, "read %zd %d\n", got, errno);
	}
	CHECK(close(ends[1]) == 0);
}

int main(int argc, char **argv)
{
	struct sigaction action;
	uint16_t port;
	int ends[2];

	if (argc == 2) {
		list_descriptors();
		return 0;
	}
	deadline_set(30);
	int listener = tcp_listen(&port);
	tell_options("listener", listener);
	int client = tcp_connect(port);
	int server = accept(listener, NULL, NULL);
	CHECK(write(client, "x", 1) == 1);
	tell_options("client", client);
	tell_options("server", server);
	refused();
	reset();
	tcp_pair(ends);
	dprintf(STDOUT_FILENO, "%d threads, %d sockets, %d pipes\n",
		count_entries("/proc/self/task", ""), count_entries("/proc/self/fd", "socket:"),
		count_entries("/proc/self/fd", "pipe:"));
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	start_another(argv);
	for (int number = 1; number < NSIG; number++) {
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			dprintf(STDOUT_FILENO, "signal %d is handled or ignored\n", number);
	}
	return 0;
}
