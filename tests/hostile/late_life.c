/*
 * late_life: TCP after main, and processes that end abruptly: no line before the end is missing.
 *
 * Hazard: late calls (I8).  atexit handlers and destructors make calls after main has returned, a
 * thread outlives main, and abort, SIGKILL and _exit run nothing at all.  A library that keeps
 * lines in memory loses them there.  One that is shut down before the program's own destructors no
 * longer traces these, and reports too early what was left open.
 */
#include "hostile.h"

static int ends[2];
static int first;

static void *outlive(void *argument)
{
	sleep_ms(200);
	four_marks(ends[0], *(int *)argument + 4);
	return NULL;
}

static void end_by_exit(void)
{
	exit(0);
}

static void end_by_quick_exit(void)
{
	quick_exit(0);
}

static void end_at_once(void)
{
	_exit(0);
}

static void end_by_abort(void)
{
	abort();
}

static void end_by_kill(void)
{
	raise(SIGKILL);
}

static void end_of_main_thread(void)
{
	thread_start(outlive, &first);
	pthread_exit(NULL);
}

static bool is_late;

static void at_exit(void)
{
	if (is_late)
		four_marks(ends[0], 701);
}

static void at_quickly(void)
{
	if (is_late)
		four_marks(ends[0], 701);
}

/* Runs last of the program's own functions. */
__attribute__((destructor)) static void destructor(void)
{
	if (is_late)
		four_marks(ends[0], 801);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*end)(void);
		int signal_number;
		int told; /* notes of what was left open */
	} ways[] = {
		{"exit", end_by_exit, 0, 2},
		{"pthread_exit", end_of_main_thread, 0, 2},
		{"quick_exit", end_by_quick_exit, 0, 2},
		{"_exit", end_at_once, 0, 2},
		{"abort", end_by_abort, SIGABRT, 0},
		{"SIGKILL", end_by_kill, SIGKILL, 0},
	};

	deadline_set(30);
	CHECK(atexit(at_exit) == 0);
	CHECK(at_quick_exit(at_quickly) == 0);
	first = 501;
	for (size_t i = 0; i < COUNT_OF(ways); i++, first += 8) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0) {
			is_late = true;
			tcp_pair(ends);
			four_marks(ends[0], first);
			expect("=", ways[i].told, "\\[left-open-at-exit\\]$");
			ways[i].end();
			NEVER_REACHED(ways[i].name);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (ways[i].signal_number == 0)
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == ways[i].signal_number);
		dprintf(STDOUT_FILENO, "%s\n", ways[i].name);
	}
	return 0;
}
