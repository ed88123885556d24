/*
 * seccomp_strict: a child enters seccomp's strict mode and goes on reading and writing.
 *
 * Hazard: seccomp.  Strict mode allows read, write, _exit and sigreturn.  It even disables the time
 * stamp counter, so that the vdso's clock kills too.  One more call by the library, or one look at
 * the clock, and the child is dead.
 */
#include "hostile.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(void)
{
	char bytes[16];
	int ends[2];

	deadline_set(30);
	tcp_pair(ends);
	for (int way = 0; way < 2; way++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			if (way == 0)
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
			else
				syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
			for (int i = 0; i < 10; i++) {
				if (write(ends[0], "strict", 6) != 6 ||
				    read(ends[1], bytes, 6) != 6)
					syscall(SYS_exit, 1);
			}
			/* exit_group is not allowed. */
			syscall(SYS_exit, 0);
		}
		child_succeeds(pid);
		expect_of(pid, ">=", 0, "^write\\([0-9]+, \" s t r i c t\", 6\\)[[:blank:]]+= 6$");
	}
	four_marks(ends[0], 501);
	return 0;
}
