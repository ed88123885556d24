#include "guest/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/sigcontext.h>
#endif

#include "format/strbuf.h"
#include "guest/process.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "sys/vdso.h"

/* MOST_TRIES: how many areas are checked for an owner that has ended, before a new one is mapped.
 * MOST_SEARCHED: how many bytes of stack are searched for a signal frame. */
enum { MOST_TRIES = 32, MOST_SEARCHED = 256 * 1024 };

__thread struct thread thread __attribute__((tls_model("initial-exec")));

static _Atomic(struct area *) areas;
static _Atomic(struct area *) cursor; /* where the last search ended */

#if defined(__aarch64__)
/* Returns a word that each signal frame has: the head of its floating-point registers. */
static uintptr_t find_frame_mark(void)
{
	return FPSIMD_MAGIC | sizeof(struct fpsimd_context) << 32;
}
#else
#if defined(__i386__)
enum { HAS_RESTORER = 0x04000000 };

/* In the vDSO: where the frames of handlers with and without SA_SIGINFO return to, if libc has set
 * no restorer. */
static uintptr_t kernel_restorers[2];

void thread_find_restorers(uintptr_t vdso)
{
	kernel_restorers[0] = (uintptr_t)vdso_find(vdso, "__kernel_rt_sigreturn");
	kernel_restorers[1] = (uintptr_t)vdso_find(vdso, "__kernel_sigreturn");
}
#endif

static uintptr_t restorer_of(uintptr_t flags, uintptr_t restorer)
{
#if defined(__i386__)
	(void)restorer;
	return flags & HAS_RESTORER ? 0 : kernel_restorers[0];
#else
	(void)flags;
	return restorer;
#endif
}

/* Returns a word that each signal frame has: the address that it returns to (SA_RESTORER), which is
 * libc's and the same for all handlers. 0: no handler is installed. */
static uintptr_t find_frame_mark(void)
{
	static _Atomic uintptr_t known;
	uintptr_t restorer = atomic_load(&known);
	struct {
		uintptr_t handler, flags, restorer;
		uint64_t mask;
	} action;

	for (int number = 1; restorer == 0 && number < NSIG && !restriction_is_inherited();
	     number++) {
		action.handler = 0;
		if (raw_syscall4(SYS_rt_sigaction, number, 0, (long)&action, sizeof(action.mask)) ==
			    0 &&
		    action.handler > 1) /* SIG_DFL, SIG_IGN */
			restorer = restorer_of(action.flags, action.restorer);
	}
	atomic_store(&known, restorer);
	return restorer;
}
#endif

/* Returns whether the word is the mark of the frame of another kind of handler. */
static inline bool is_other_mark(uintptr_t word)
{
#if defined(__i386__)
	return word == kernel_restorers[1];
#else
	(void)word;
	return false;
#endif
}

/* Returns whether a signal handler may be running between two frames of the same stack. The frame
 * of one that has ended, in memory that is not in use, is mistaken for it. */
static bool may_have_signal_frame(uintptr_t from, uintptr_t to)
{
	uintptr_t mark = find_frame_mark();

	if (mark == 0 || to - from > MOST_SEARCHED)
		return true;
	for (const uintptr_t *word = (const uintptr_t *)(from & ~(uintptr_t)7);
	     (uintptr_t)word < to; word++)
		if (*word == mark || is_other_mark(*word))
			return true;
	return false;
}

/* Returns whether the call that raised the guard is gone. Three cases: this call's frame is no
 * deeper on the same stack; it is deeper but no signal handler is in between; or that call was on
 * the signal stack and this one is not. */
static bool is_guard_dead(uintptr_t frame)
{
	stack_t stack = {0};
	bool is_raiser_there, is_here;

	if (restriction_is_inherited() || raw_syscall2(SYS_sigaltstack, 0, (long)&stack) < 0)
		return false;
	is_raiser_there = thread.guard - (uintptr_t)stack.ss_sp < stack.ss_size;
	is_here = stack.ss_flags & SS_ONSTACK;
	if (is_here != is_raiser_there)
		return is_raiser_there;
	return frame >= thread.guard || !may_have_signal_frame(frame, thread.guard);
}

bool thread_raise_guard(const void *frame)
{
	if (thread.guard != 0) {
		struct conn *held = thread.pinned;

		/* libunwind runs on another stack, with all signals blocked, and on arm64 it reads
		 * files: between its calls' frames and the guard there may be no memory. */
		if (thread.is_unwinding || !is_guard_dead((uintptr_t)frame))
			return false;
		thread.pinned = NULL;
		if (held)
			conn_release(held);
		thread.block = NULL; /* the end of its records is unknown now */
	}
	thread.guard = (uintptr_t)frame;
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

void thread_lower_guard(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	thread.guard = 0;
	if (!thread.has_blocked_signals)
		return;
	/* The guard is lowered first: pending signals are delivered here, and the calls of their
	 * handlers are the program's. */
	thread.has_blocked_signals = false;
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&thread.signal_mask, 0,
		     sizeof(thread.signal_mask));
}

void thread_block_signals(void)
{
	const uint64_t all = ~UINT64_C(0);

	if (thread.has_blocked_signals || restriction_is_inherited())
		return;
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&thread.signal_mask,
		     sizeof(all));
	thread.has_blocked_signals = true;
}

static void start_thread(void)
{
	thread.tid = raw_gettid();
	thread.epoch = process_epoch();
	thread.area = NULL;
	thread.block = NULL;
	thread.previous_ns = 0;
	thread.number = thread.tid == process_pid() ? 1 : process_next_thread();
}

/* Checks by /proc, for where tgkill may be fatal. */
static bool is_task_gone(int tid)
{
	char text[48];
	struct strbuf path;

	strbuf_init(&path, text, sizeof(text) - 1);
	strbuf_string(&path, "/proc/self/task/");
	strbuf_integer(&path, process_pid());
	text[path.size] = '\0';
	if (raw_syscall3(SYS_faccessat, AT_FDCWD, (long)text, F_OK) < 0)
		return false; /* no /proc, or another namespace's */
	strbuf_init(&path, text, sizeof(text) - 1);
	strbuf_string(&path, "/proc/self/task/");
	strbuf_integer(&path, tid);
	text[path.size] = '\0';
	return raw_syscall3(SYS_faccessat, AT_FDCWD, (long)text, F_OK) == -ENOENT;
}

bool thread_is_gone(int tid)
{
	if (tid == thread.tid)
		return true;
	if (restriction_is_filter())
		return false;
	if (restriction_is_inherited())
		return is_task_gone(tid);
	return raw_syscall3(SYS_tgkill, process_pid(), tid, 0) == -ESRCH;
}

/* Takes an area whose owner has ended. The owner's tid may have been reused for this thread. */
static struct area *take_old_area(void)
{
	struct area *area = atomic_load(&cursor);

	if (restriction_is_filter()) /* tgkill may be fatal */
		return NULL;
	for (int i = 0; i < MOST_TRIES; i++) {
		int owner;

		if (!area)
			area = atomic_load(&areas);
		if (!area)
			return NULL;
		owner = atomic_load(&area->owner);
		if ((owner == 0 || thread_is_gone(owner)) &&
		    atomic_compare_exchange_strong(&area->owner, &owner, thread.tid)) {
			atomic_store(&cursor, area->next);
			return area;
		}
		area = area->next;
	}
	atomic_store(&cursor, area);
	return NULL;
}

static struct area *make_area(void)
{
	struct area *area;

	if (restriction_is_strict())
		return NULL;
	area = raw_map(sizeof(*area));
	if (!area)
		return NULL;
	atomic_store(&area->owner, thread.tid);
	area->next = atomic_load(&areas);
	while (!atomic_compare_exchange_weak(&areas, &area->next, area))
		;
	return area;
}

struct area *thread_area(void)
{
	if (thread.tid == 0 || thread.epoch != process_epoch())
		start_thread();
	if (!thread.area)
		thread.area = take_old_area();
	if (!thread.area)
		thread.area = make_area();
	return thread.area;
}

struct area *thread_next_area(const struct area *area)
{
	return area ? area->next : atomic_load(&areas);
}

void thread_clear_sums(void)
{
	for (struct area *area = atomic_load(&areas); area; area = area->next)
		memset(area->sums, 0, sizeof(area->sums));
}
