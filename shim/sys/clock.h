/*
 * clock: CLOCK_MONOTONIC, in a third of the time where the machine allows.
 *
 * Where the kernel itself keeps time by the processor's time stamp counter, the counter is read
 * directly, and tied to CLOCK_MONOTONIC anew every quarter of a second of use: the two differ by
 * less than a microsecond. Elsewhere, and until they have been compared for 10 ms, clock_now_ns is
 * clock_gettime. A known hole: a handler that leaves by siglongjmp, or a fork, in the few
 * nanoseconds in which they are compared makes it clock_gettime for good. Another: a handler that
 * forbids the counter and came while its own thread was about to read it.
 * Context: clock_start in the constructor; the rest any thread, signal handler, after fork. Locks:
 * none that is waited for. Errno: untouched. Keeps I3, I5.
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Finds the kernel's clock in the vdso: libc's name for it may be another library's. In the
 * constructor, before any other; without it each reading is a system call. */
void clock_find(uintptr_t vdso);

/* Asks the kernel what it keeps time by: a file is opened for a moment. */
void clock_start(void);

/* From now on the counter is not read: the program is about to make that fatal (PR_SET_TSC). */
void clock_forbid_counter(void);

/* Finds out, by a system call, whether the counter was forbidden before exec. In the constructor.
 */
void clock_detect_forbidden(void);

/* In a new process: its time namespace has CLOCK_MONOTONIC ahead of its parent's by so much; from
 * now on the parent's is read, so that times of before compare. */
void clock_shift(int64_t by_ns);

/* A straight line from the counter to nanoseconds, good for limit cycles behind its beginning; 0:
 * none is known; below 0, read as signed: forbidden for good. Written by whoever makes sequence
 * odd, good between two equal even ones. */
struct clock_line {
	_Atomic uint32_t sequence;
	_Atomic uint64_t counter, ns, rate, limit;
};
extern struct clock_line clock_line;
enum { CLOCK_RATE_BITS = 32 };

/* Where the line does not tell. */
uint64_t clock_measure(void);

static inline uint64_t clock_now_ns(void)
{
#if defined(__x86_64__)
	uint32_t sequence = atomic_load_explicit(&clock_line.sequence, memory_order_acquire);
	uint64_t limit = atomic_load_explicit(&clock_line.limit, memory_order_relaxed), cycles, ns;

	if (__builtin_expect((int64_t)limit <= 0, 0)) /* also where the counter may not be read */
		return clock_measure();
	cycles = __builtin_ia32_rdtsc() -
		 atomic_load_explicit(&clock_line.counter, memory_order_relaxed);
	ns = atomic_load_explicit(&clock_line.ns, memory_order_relaxed) +
	     (cycles * atomic_load_explicit(&clock_line.rate, memory_order_relaxed) >>
	      CLOCK_RATE_BITS);
	atomic_thread_fence(memory_order_acquire);
	if (__builtin_expect(cycles < limit && !(sequence & 1) &&
				     (atomic_load_explicit(&clock_line.sequence,
							   memory_order_relaxed) == sequence),
			     1))
		return ns;
#endif
	return clock_measure();
}

/* The kernel's word: any clock of clock_gettime, the monotonic ones less clock_shift. */
uint64_t clock_read(clockid_t clock);

#endif
