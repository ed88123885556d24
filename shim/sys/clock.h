/*
 * clock: reads CLOCK_MONOTONIC, in a third of the time where the machine allows it.
 *
 * Where the kernel itself keeps time by the processor's time stamp counter, the counter is read
 * directly. It is compared with CLOCK_MONOTONIC again after every quarter of a second of use; the
 * two differ by less than a microsecond. Elsewhere, and until they have been compared for 10 ms,
 * clock_now_ns calls clock_gettime. On arm64 that reads the counter without a system call, after a
 * barrier that a direct reading would need too, so little would be gained. Known holes: if a signal
 * handler leaves by siglongjmp, or the process forks, in the few nanoseconds of a comparison,
 * clock_now_ns uses clock_gettime from then on; and a handler may forbid the counter when its own
 * thread is just about to read it.
 * Context: clock_find, clock_start and clock_detect_forbidden in the constructor; the rest any
 * thread, signal handler, after fork. Locks: none that is waited for. Errno: untouched. Keeps I3,
 * I5. Units: nanoseconds.
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Finds the kernel's clock_gettime in the vDSO, because libc's symbol may be replaced by another
 * library. Called in the constructor before any other function here; without it each reading is a
 * system call. */
void clock_find(uintptr_t vdso);

/* Finds out whether the kernel keeps time by the counter. Opens a file for a moment. */
void clock_start(void);

/* Stops reading the counter: the program is about to make that fatal (PR_SET_TSC). */
void clock_forbid_counter(void);

/* Finds out by a system call whether the counter was forbidden before exec. In the constructor. */
void clock_detect_forbidden(void);

/* Subtracts by_ns from all later monotonic readings. For a new process in another time namespace,
 * whose CLOCK_MONOTONIC is ahead of its parent's by by_ns: its times stay comparable with the
 * parent's. */
void clock_shift(int64_t by_ns);

/* A straight line from the counter to nanoseconds, valid for limit cycles after counter. limit 0:
 * no line is known. limit negative, read as signed: the counter is forbidden permanently. It is a
 * seqlock: a writer makes sequence odd, and a reader's values are valid if sequence was the same
 * even number before and after. */
struct clock_line {
	_Atomic uint32_t sequence;
	_Atomic uint64_t counter, ns, rate, limit;
};
extern struct clock_line clock_line;
enum { CLOCK_RATE_BITS = 32 };

/* Reads the clock where the line is not valid, and extends the line. */
uint64_t clock_measure(void);

static inline uint64_t clock_now_ns(void)
{
#if defined(__x86_64__) || defined(__i386__)
	uint32_t sequence = atomic_load_explicit(&clock_line.sequence, memory_order_acquire);
	uint64_t limit = atomic_load_explicit(&clock_line.limit, memory_order_relaxed), cycles, ns;

	if (__builtin_expect((int64_t)limit <= 0, 0)) /* also if the counter may not be read */
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

/* Reads any clock of clock_gettime from the kernel. clock_shift is subtracted from the monotonic
 * ones. */
uint64_t clock_read(clockid_t clock);

#endif
