/*
 * surface: the calls that few programs make: preadv2 and pwritev2, by name and by number,
 * descriptors of other processes, a name lookup, daemon, processes made by raw system calls, and
 * the ends of a process other than exit.  The first argument names the last call: _exit, _Exit,
 * quick_exit or exit_group.
 */
#include "traced.h"

#include <netdb.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

int pidfd_getfd(int pidfd, int fd, unsigned flags);

static void vectors(int ends[2])
{
	char one[2] = "", two[8] = "";
	struct iovec from[2] = {{"ab", 2}, {"cde", 3}}, to[2] = {{one, 2}, {two, 8}};

	CHECK(pwritev2(ends[0], from, 2, -1, 0) == 5);
	say("pwritev2(%d, \" a b c d e\", 2, -1, 0)\t= 5", ends[0]);
	CHECK(preadv2(ends[1], to, 2, -1, RWF_NOWAIT) == 5);
	say("preadv2(%d, \" a b c d e\", 2, -1, RWF_NOWAIT)\t= 5", ends[1]);
	CHECK(preadv2(ends[1], to, 2, -1, RWF_NOWAIT) < 0 && errno == EAGAIN);
	say("preadv2(%d, %s, 2, -1, RWF_NOWAIT)\tErr#11 EAGAIN", ends[1], pointer(to));
	CHECK(preadv2(ends[1], to, 2, 5, 0) < 0 && errno == ESPIPE);
	say("preadv2(%d, %s, 2, 5, 0)\tErr#29 ESPIPE", ends[1], pointer(to));
	CHECK(syscall(SYS_pwritev2, ends[0], from, 2, -1L, -1L, 0) == 5);
	say("pwritev2(%d, \" a b c d e\", 2, -1, 0)\t= 5", ends[0]);
	CHECK(syscall(SYS_preadv2, ends[1], to, 2, -1L, -1L, RWF_NOWAIT) == 5);
	say("preadv2(%d, \" a b c d e\", 2, -1, RWF_NOWAIT)\t= 5", ends[1]);
}

static void other_descriptors(int ends[2])
{
	int pair[2], pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	CHECK(pidfd >= 0);
	int copy = pidfd_getfd(pidfd, ends[0], 0);
	CHECK(copy >= 0);
	say("pidfd_getfd(%d, %d, 0)\t= %d", pidfd, ends[0], copy);
	CHECK(write(copy, "x", 1) == 1);
	say("write(%d, \" x\", 1)\t= 1", copy);
	say_close(copy);
	CHECK(close(pidfd) == 0);
	CHECK(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(write(pair[0], "x", 1) == 1 && close(pair[0]) == 0 && close(pair[1]) == 0);
}

/* Makes children by raw calls. Their lines are in the same trace, under their own process ids. */
static void raw_children(int ends[2])
{
	int status;
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	CHECK(child >= 0);
	if (child == 0) {
		CHECK(close(ends[1]) == 0);
		syscall(SYS_exit_group, 5);
	}
	CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
}

int main(int argc, char **argv)
{
	const char *end = argc > 1 ? argv[1] : "exit";
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found;
	int ends[2];

	deadline_set(30);
	CHECK(getaddrinfo("127.0.0.1", NULL, &hints, &found) == 0);
	freeaddrinfo(found);
	say_pair(ends);
	vectors(ends);
	other_descriptors(ends);
	fflush(stdout);
	if (strcmp(end, "children") == 0) {
		raw_children(ends);
		return 0;
	}
	if (strcmp(end, "_exit") == 0)
		_exit(3);
	if (strcmp(end, "_Exit") == 0)
		_Exit(3);
	if (strcmp(end, "quick_exit") == 0)
		quick_exit(3);
	if (strcmp(end, "exit_group") == 0)
		syscall(SYS_exit_group, 3);
	return 0;
}
