/*
 * planted PREFIX: before the library opens the file of a new process, somebody else has put a file
 * of that name there.
 *
 * Process ids can be guessed.  In a shared directory another user can create PREFIX and the process
 * id, in the hope that a trace is written to it: a file that this user can read, or a
 * victim's.  Run by root, so that the file can be given to another user.
 */
#include "hostile.h"

#include <sys/syscall.h>

#include "sys/raw.h"

enum { NOBODY = 65534 };

/* Creates the file by raw calls, since the library must not have opened its own before. */
static void plant(const char *prefix)
{
	char path[512];
	long fd;

	snprintf(path, sizeof(path), "%s%ld", prefix, raw_syscall1(SYS_getpid, 0));
	fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0 || raw_syscall3(SYS_write, fd, (long)"planted\n", 8) != 8 ||
	    raw_syscall3(SYS_fchown, fd, NOBODY, NOBODY) != 0 || raw_close((int)fd) != 0)
		NEVER_REACHED("plant");
}

int main(int argc, char **argv)
{
	pid_t pid;
	int ends[2];

	deadline_set(20);
	CHECK(argc == 2);
	tcp_pair(ends);
	CHECK(write(ends[0], "parent", 6) == 6);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		plant(argv[1]);
		CHECK(write(ends[0], "a secret of the child", 21) == 21);
		dprintf(STDOUT_FILENO, "planted\n");
		return 0;
	}
	child_succeeds(pid);
	return 0;
}
