/*
 * rehearsed_exit: the only thread of a process ends by the exit system call.
 *
 * Hazard: the library's thread is one more, and must not keep the process. In strict mode of
 * seccomp there is no other way to end: exit_group is not allowed.
 */
#include "hostile.h"

#include <sys/syscall.h>

int main(void)
{
	pid_t child = fork();
	int ends[2], status;

	CHECK(child >= 0);
	if (child == 0) {
		tcp_pair(ends);
		syscall(SYS_exit, 7);
	}
	for (int waits = 0; waitpid(child, &status, WNOHANG) == 0; waits++) {
		if (waits == 200) {
			kill(child, SIGKILL);
			NEVER_REACHED("the child goes on");
		}
		sleep_ms(100);
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return 0;
}
