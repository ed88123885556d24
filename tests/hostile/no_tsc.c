/*
 * no_tsc probe|first|later|thread|exec|syscall: the time-stamp counter is forbidden (PR_SET_TSC).
 *
 * Hazard: reading the counter is then SIGSEGV, and the vdso's clock reads it.  A program that does
 * without both must live, and so must its traced calls.  The counter is forbidden before the first
 * traced call, or after some; by one thread, for which alone it holds; by prctl, or by its number;
 * or before exec, which keeps it if the loader itself can do without.  `probe` exits 0 if it can be
 * forbidden at all: not every virtual machine supports that.
 */
#include "hostile.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

static void forbid(void)
{
	CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0);
}

static void talk(int first)
{
	static char bytes[4096];
	struct pollfd waited = {.events = POLLIN};
	int ends[2];

	tcp_pair(ends);
	four_marks(ends[0], first);
	sleep_ms(15); /* after 10 the library too would read the counter, where it may */
	waited.fd = ends[1];
	CHECK(poll(&waited, 1, 5000) == 1);
	CHECK(read(ends[1], bytes, sizeof(bytes)) > 0);
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
}

static void *talk_without(void *argument)
{
	(void)argument;
	forbid();
	talk(521);
	return NULL;
}

static bool read_counter(void)
{
	uint64_t count = 0;

#if defined(__x86_64__) || defined(__i386__)
	count = __rdtsc();
#elif defined(__aarch64__) /* can be forbidden since Linux 6.12 */
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
#endif
	return count != 0;
}

static int probe(void)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) < 0)
			_exit(1);
		_exit(read_counter());
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 0 : 1;
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	deadline_set(30);
	if (strcmp(argv[1], "probe") == 0)
		return probe();
	if (strcmp(argv[1], "first") == 0) {
		forbid();
	} else if (strcmp(argv[1], "later") == 0) {
		talk(501);
		forbid();
	} else if (strcmp(argv[1], "syscall") == 0) {
		talk(501);
		CHECK(syscall(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0);
	} else if (strcmp(argv[1], "thread") == 0) {
		talk(501);
		thread_join(thread_start(talk_without, NULL));
	} else if (strcmp(argv[1], "exec") == 0) {
		forbid();
		execl("/proc/self/exe", argv[0], "again", NULL);
		NEVER_REACHED("exec");
	} else {
		CHECK(strcmp(argv[1], "again") == 0);
	}
	talk(511);
	return 0;
}
