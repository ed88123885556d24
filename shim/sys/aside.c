#include "sys/aside.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "sys/raw.h"
#include "sys/restriction.h"
#include "sys/threads.h"

enum { STACK_BYTES = 128 << 10, PAUSE_NS = 100000000 };

struct aside {
	void (*work)(void *argument);
	void *argument;
	bool is_sharing; /* whether it starts with the caller's descriptor table */
	bool is_done;
	_Atomic int tid; /* the kernel sets it to 0 and wakes the waiter when the thread ends */
};

/* Gives this thread an empty descriptor table, so that it keeps none of the program's connections
 * open. */
static bool leave_descriptors(void)
{
	return raw_syscall3(SYS_close_range, 0, (long)UINT_MAX, CLOSE_RANGE_UNSHARE) == 0 ||
	       raw_syscall1(SYS_unshare, CLONE_FILES) == 0;
}

static int be_aside(void *argument)
{
	struct aside *aside = argument;

	if (aside->is_sharing && !leave_descriptors())
		return 0;
	aside->work(aside->argument);
	aside->is_done = true;
	return 0;
}

/* Creates the thread. Under an inherited filter, clone itself copies the descriptor table: a
 * program with threads is allowed to call clone. Otherwise the thread starts like an ordinary
 * thread, with the shared table, because valgrind supports no other kind. */
static int start(struct aside *aside, uint8_t *stack)
{
	int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		    CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;

	aside->is_sharing = !restriction_is_inherited();
	if (aside->is_sharing)
		flags |= CLONE_FILES;
	atomic_store(&aside->tid, -1);
	return (int)raw_clone_thread(flags, stack + STACK_BYTES, (int *)&aside->tid, 0, be_aside,
				     aside);
}

static bool is_gone(int tid)
{
	return !restriction_is_inherited() &&
	       raw_syscall3(SYS_tgkill, raw_getpid(), tid, 0) == -ESRCH;
}

/* Waits until the thread has ended. The kernel wakes the waiter then, but an emulator may not, so
 * each timeout also checks whether the thread still exists. */
static void wait_for_end(struct aside *aside, int tid)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int known;

	while ((known = atomic_load(&aside->tid)) != 0)
		if (raw_syscall6(SYS_futex, (long)&aside->tid, FUTEX_WAIT, known, (long)&pause, 0,
				 0) == -ETIMEDOUT &&
		    is_gone(tid))
			break;
}

/* Runs the work in a new thread. Blocks signals under an inherited filter too: a filter that allows
 * creating threads allows that. */
static void run_in_thread(struct aside *aside)
{
	const uint64_t all = ~UINT64_C(0);
	uint64_t mask = 0;
	int tid;
	uint8_t *stack = raw_map(STACK_BYTES);

	if (!stack)
		return;
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(all));
	tid = start(aside, stack);
	if (tid > 0)
		wait_for_end(aside, tid);
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask));
	raw_unmap(stack, STACK_BYTES);
}

void aside_run(void (*work)(void *argument), void *argument)
{
	struct aside aside = {.work = work, .argument = argument};

	if (!threads_are_none())
		run_in_thread(&aside);
	if (!aside.is_done)
		work(argument);
}
