#include "guest/alarm.h"

#if defined(__i386__)
#include <asm/ldt.h>
#endif
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "guest/process.h"
#include "guest/thread.h"
#include "sys/raw.h"
#include "sys/restriction.h"

/* ROOM_BYTES: of thread-local storage beyond what is used of it, on both sides. */
enum { STACK_BYTES = 128 << 10, ROOM_BYTES = 8 << 10 };
#define NS_PER_S UINT64_C(1000000000)

_Atomic uint64_t alarm_next_ns = UINT64_MAX;

static void (*call_back)(void);
static _Atomic uint32_t changes; /* what the thread waits for */
static _Atomic int owner_pid;    /* the process that has a thread */

void alarm_start(void (*ring)(void))
{
	call_back = ring;
}

/* Returns the address from which thread-local variables are counted. */
static uintptr_t thread_pointer(void)
{
	uintptr_t pointer;

#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#elif defined(__i386__)
	__asm__("mov %%gs:0, %0" : "=r"(pointer));
#else
	pointer = (uintptr_t)__builtin_thread_pointer();
#endif
	return pointer;
}

/* Returns what clone takes as the thread's storage. On i386 that is a segment, which has the same
 * number as the caller's: each thread has its own table of them. The word at 16 is where libc's
 * system calls go. */
static uintptr_t storage_at(uintptr_t pointer)
{
#if defined(__i386__)
	static struct user_desc segment; /* a process makes one thread only */
	unsigned selector;

	__asm__("mov %%gs, %0" : "=r"(selector));
	__asm__("mov %%gs:16, %0" : "=r"(((uintptr_t *)pointer)[4]));
	segment = (struct user_desc){
		.entry_number = (selector & 0xffff) >> 3,
		.base_addr = (unsigned)pointer,
		.limit = 0xfffff,
		.seg_32bit = 1,
		.limit_in_pages = 1,
		.useable = 1,
	};
	return (uintptr_t)&segment;
#else
	return pointer;
#endif
}

/* Waits until the time is changed or has come. */
static void wait_until(uint64_t next_ns, uint32_t seen)
{
	uint64_t now_ns = process_now_ns();
	struct timespec rest;

	if (next_ns <= now_ns)
		return;
	rest = (struct timespec){.tv_sec = (time_t)((next_ns - now_ns) / NS_PER_S),
				 .tv_nsec = (long)((next_ns - now_ns) % NS_PER_S)};
	raw_syscall6(SYS_futex, (long)&changes, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, (long)seen,
		     next_ns == UINT64_MAX ? 0 : (long)&rest, 0, 0);
}

static __attribute__((noreturn)) int be_alarm(void *unused)
{
	char frame;

	(void)unused;
	if (!restriction_is_inherited())
		raw_syscall2(SYS_prctl, PR_SET_NAME, (long)"rehearsal");
	thread.number = 1; /* the trace does not count it */
	thread.tid = raw_gettid();
	thread.epoch = process_epoch();
	for (;;) {
		uint32_t seen = atomic_load(&changes);

		if (!thread_area()) { /* no memory: a call of the program does what is due */
			wait_until(process_now_ns() + NS_PER_S, seen);
			continue;
		}
		if (alarm_take(process_now_ns()) && thread_raise_guard(&frame)) {
			call_back();
			thread_lower_guard();
			continue;
		}
		wait_until(atomic_load(&alarm_next_ns), seen);
	}
}

/* Makes the thread. Its stack and its thread-local storage are never unmapped: it uses them until
 * the process ends. */
static void make_thread(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_SETTLS;
	const uint64_t all = ~UINT64_C(0);
	uintptr_t pointer = thread_pointer(), mine = (uintptr_t)&thread, low, high;
	uintptr_t number = (uintptr_t)&errno;
	uint8_t *stack, *storage;
	uint64_t mask = 0;

	low = (mine < number ? mine : number);
	low = (low < pointer ? low : pointer) - ROOM_BYTES;
	high = (mine > number ? mine : number);
	high = (high > pointer ? high : pointer) + sizeof(thread) + ROOM_BYTES;
	low &= ~(uintptr_t)4095; /* as far from the pointer as there, also in alignment */
	stack = raw_map(STACK_BYTES);
	storage = raw_map(high - low + 4096);
	if (!stack || !storage) {
		if (stack)
			raw_unmap(stack, STACK_BYTES);
		if (storage)
			raw_unmap(storage, high - low + 4096);
		return;
	}
	pointer = (uintptr_t)storage + (pointer - low);
#if defined(__x86_64__) || defined(__i386__)
	*(uintptr_t *)pointer = pointer; /* read instead of the register */
#endif
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(all));
	if (raw_clone_thread(flags, stack + STACK_BYTES, NULL, storage_at(pointer), be_alarm,
			     NULL) < 0) {
		raw_unmap(stack, STACK_BYTES);
		raw_unmap(storage, high - low + 4096);
	}
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask));
}

void alarm_check(void)
{
	int pid = process_pid(), owner = atomic_load(&owner_pid);

	if (owner == pid || restriction_is_filter() || !process_is_itself() ||
	    atomic_load_explicit(&alarm_next_ns, memory_order_relaxed) == UINT64_MAX)
		return;
	if (atomic_compare_exchange_strong(&owner_pid, &owner, pid))
		make_thread();
}

void alarm_set(uint64_t at_ns)
{
	uint64_t next_ns = atomic_load(&alarm_next_ns);

	do {
		if (next_ns <= at_ns)
			return;
	} while (!atomic_compare_exchange_weak(&alarm_next_ns, &next_ns, at_ns));
	atomic_fetch_add(&changes, 1);
	raw_syscall6(SYS_futex, (long)&changes, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
	if (at_ns > process_now_ns())
		alarm_check();
}
