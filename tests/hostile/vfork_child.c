/*
 * vfork_child: a vfork child closes, replaces and ranges over descriptors; the parent keeps its
 * own.
 *
 * Hazard: vfork (I6).  The child shares the parent's memory but not its descriptors.  A library
 * that took the child's close for the parent's would forget the parent's connection, and its later
 * calls and its close would lose their history.  The sum in the note of the close proves that they
 * do not.
 */
#include "hostile.h"

#include <linux/close_range.h>
#include <sys/syscall.h>

static void child_close(int fd)
{
	close(fd);
}

static void child_dup2(int fd)
{
	dup2(STDOUT_FILENO, fd);
}

static void child_dup3(int fd)
{
	dup3(STDOUT_FILENO, fd, O_CLOEXEC);
}

static void child_close_range(int fd)
{
	(void)fd;
	close_range(3, ~0U, 0);
}

static void child_close_range_cloexec(int fd)
{
	(void)fd;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void child_closefrom(int fd)
{
	(void)fd;
	closefrom(3);
}

static void child_syscall_close(int fd)
{
	syscall(SYS_close, fd);
}

static void child_reuses_number(int fd)
{
	close(fd);
	socket(AF_INET, SOCK_STREAM, 0);
}

static __attribute__((noinline)) pid_t vfork_act(void (*act)(int), int fd)
{
	pid_t pid = vfork();

	if (pid == 0) {
		act(fd);
		_exit(0);
	}
	return pid;
}

int main(void)
{
	static void (*const acts[])(int) = {
		child_close,         child_dup2,
		child_dup3,          child_close_range,
		child_closefrom,     child_syscall_close,
		child_reuses_number, child_close_range_cloexec,
	};
	int ends[2];
	int first = 501;
	int sum = 0;

	deadline_set(30);
	tcp_pair(ends);
	for (size_t i = 0; i < COUNT_OF(acts); i++, first += 4) {
		child_succeeds(vfork_act(acts[i], ends[0]));
		four_marks(ends[0], first);
		sum += 4 * first + 6;
	}
	CHECK(close(ends[0]) == 0);
	expect("=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", ends[0]);
	expect("=", 1,
	       "^\t[-!]+ .*[^0-9]%d[^0-9].*\\[(closed-first|closed-after-peer|closed-shared)\\]$",
	       sum);
	expect("=", 0, "\\[(closed-unseen|adopted)\\]$");
	return 0;
}
