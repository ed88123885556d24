/*
 * closers: a program that closes everything it may, in each possible way, and then goes on.
 *
 * Hazard: the program closes our descriptors (I7).  The trace's descriptor must survive closefrom,
 * close_range, loops, walks over /proc/self/fd and dup2 onto each number; a traced call afterwards
 * proves it.  The program must not see it either: each number, result and errno is printed, and the
 * runner compares them with the bare run's.  Standard output is duplicated onto our number and a
 * call follows at once, so a line of the trace that went there would also be a difference.
 */
#include "hostile.h"

#include <dirent.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { DUP2_LIMIT = 1100, KEPT = 1150 };

static int ends[2];

static void by_closefrom(void)
{
	closefrom(3);
}

static void by_close_range(void)
{
	CHECK(close_range(3, ~0U, 0) == 0);
}

static void by_close_range_unshare(void)
{
	CHECK(close_range(3, ~0U, CLOSE_RANGE_UNSHARE) == 0);
}

static void by_close_range_cloexec(void)
{
	CHECK(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	/* Nothing was closed: the same connection goes on. */
	static int first = 601;

	marks_write(ends[0], first, 1);
	marks_expect(getpid(), first++, 1);
	expect("=", 0, "\\[(adopted|closed-unseen)\\]$");
}

static void by_syscall(void)
{
	CHECK(syscall(SYS_close_range, 3U, ~0U, 0U) == 0);
}

static void by_loop(void)
{
	long limit = sysconf(_SC_OPEN_MAX);
	long closed = 0;

	for (int fd = 3; fd < limit; fd++) {
		errno = 0;
		if (close(fd) == 0)
			closed++;
		else
			CHECK(errno == EBADF);
	}
	dprintf(STDOUT_FILENO, "%ld closed of %ld\n", closed, limit);
}

static void by_walk(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	CHECK(directory);
	while ((entry = readdir(directory))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && fd != dirfd(directory))
			close(fd);
	}
	closedir(directory);
}

/* Raises the limit where it does not cover KEPT; a user's limit is usually 1024. */
static void allow_numbers(void)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur <= KEPT + 1) {
		limit.rlim_cur = KEPT + 2;
		CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
}

static void keep_connection(void)
{
	int own[2];

	allow_numbers();
	tcp_pair(own);
	for (int end = 0; end < 2; end++) {
		CHECK(dup2(own[end], KEPT + end) == KEPT + end);
		CHECK(close(own[end]) == 0);
	}
}

/* Makes a traced call, on a number that is not duplicated onto. */
static void call_at_once(void)
{
	char byte;

	CHECK(recv(KEPT, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

static void by_dup2(void)
{
	keep_connection();
	for (int fd = 3; fd <= DUP2_LIMIT; fd++) {
		CHECK(dup2(STDOUT_FILENO, fd) == fd);
		call_at_once();
	}
	expect(">=", DUP2_LIMIT - 2, "^recv\\(%d, .*Err#11 EAGAIN$", KEPT);
	for (int fd = 3; fd <= DUP2_LIMIT; fd++)
		CHECK(close(fd) == 0);
}

static void by_dup3(void)
{
	keep_connection();
	for (int fd = 3; fd <= DUP2_LIMIT; fd++) {
		CHECK(dup3(STDOUT_FILENO, fd, O_CLOEXEC) == fd);
		call_at_once();
	}
	expect(">=", DUP2_LIMIT - 2, "^recv\\(%d, .*Err#11 EAGAIN$", KEPT);
	for (int fd = 3; fd <= DUP2_LIMIT; fd++)
		CHECK(close(fd) == 0);
}

/* Duplicates onto every number that the limit allows, at once: the library has nowhere to go. */
static void by_dup2_onto_all(void)
{
	long limit = sysconf(_SC_OPEN_MAX);

	for (int fd = 3; fd < limit; fd++)
		CHECK(dup2(STDOUT_FILENO, fd) == fd);
	CHECK(dup(STDOUT_FILENO) < 0 && errno == EMFILE);
	closefrom(3);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} ways[] = {
		{"closefrom", by_closefrom},
		{"close_range", by_close_range},
		{"close_range-unshare", by_close_range_unshare},
		{"close_range-cloexec", by_close_range_cloexec},
		{"syscall", by_syscall},
		{"loop", by_loop},
		{"walk", by_walk},
		{"dup2", by_dup2},
		{"dup3", by_dup3},
		{"dup2-onto-all", by_dup2_onto_all},
	};
	size_t way = 0;

	deadline_set(30);
	while (way < COUNT_OF(ways) && (argc != 2 || strcmp(argv[1], ways[way].name) != 0))
		way++;
	CHECK(way < COUNT_OF(ways));

	tcp_pair(ends);
	four_marks(ends[0], 501);
	ways[way].act();
	tcp_pair(ends);
	dprintf(STDOUT_FILENO, "new connection %d and %d\n", ends[0], ends[1]);
	four_marks(ends[0], 511);
	/* Twice, to catch what the library moved out of the way the first time. */
	ways[way].act();
	tcp_pair(ends);
	dprintf(STDOUT_FILENO, "new connection %d and %d\n", ends[0], ends[1]);
	four_marks(ends[0], 521);
	return 0;
}
