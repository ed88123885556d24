#include "sys/clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "sys/hot.h"
#include "sys/raw.h"
#include "sys/vdso.h"

static vdso_clock_gettime *clock_of_kernel HOT_DATA;
static _Atomic bool is_counter_forbidden;
static _Atomic uint64_t shift_ns; /* of the time namespace, from the first one's */

void clock_find(uintptr_t vdso)
{
	clock_of_kernel = vdso_find_clock(vdso);
}

static bool is_coarse(clockid_t clock)
{
	return clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME_COARSE;
}

/* The coarse clocks do not read the counter, so they may use the vDSO even if it is forbidden. */
uint64_t clock_read(clockid_t clock)
{
	struct timespec now = {0};
	uint64_t ns;

	if (clock_of_kernel && (is_coarse(clock) ||
				!atomic_load_explicit(&is_counter_forbidden, memory_order_relaxed)))
		clock_of_kernel(clock, &now);
	else
		raw_syscall2(SYS_clock_gettime, clock, (long)&now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE
		       ? ns - atomic_load_explicit(&shift_ns, memory_order_relaxed)
		       : ns;
}

struct clock_line clock_line HOT_DATA;

static const uint64_t forbidden = UINT64_MAX;

void clock_forbid_counter(void)
{
	atomic_store(&is_counter_forbidden, true);
	atomic_store(&clock_line.limit, forbidden);
}

void clock_detect_forbidden(void)
{
	int mode = 0;

	if (raw_syscall2(SYS_prctl, PR_GET_TSC, (long)&mode) == 0 && mode == PR_TSC_SIGSEGV)
		clock_forbid_counter();
}

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <string.h>
#include <x86intrin.h>

enum { LEAST_SPAN_NS = 10000000, SPAN_NS = 250000000, MOST_SLEW_NS = 1000000 };
/* A pair of readings that took more cycles than this is discarded: the thread was interrupted. */
enum { MOST_PAIR_CYCLES = 20000 };

/* Sets the limit, unless the counter has been forbidden, even by another thread at this moment. */
static void set_limit(uint64_t limit)
{
	uint64_t was = atomic_load(&clock_line.limit);

	while (was != forbidden && !atomic_compare_exchange_weak(&clock_line.limit, &was, limit))
		;
}

/* The last pair that was measured. Used only by the thread that made sequence odd. */
static uint64_t pair_counter, pair_ns;

void clock_shift(int64_t by_ns)
{
	atomic_fetch_add(&shift_ns, (uint64_t)by_ns);
	set_limit(0);
	pair_ns = 0;
}

static bool is_allowed;

void clock_start(void)
{
	unsigned a, b, c, d;
	char name[8] = "";
	long fd;

	if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & 1U << 8))
		return;
	fd = raw_syscall4(SYS_openat, AT_FDCWD,
			  (long)"/sys/devices/system/clocksource/clocksource0/current_clocksource",
			  O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	is_allowed = raw_syscall3(SYS_read, fd, (long)name, sizeof(name)) == 4 &&
		     memcmp(name, "tsc\n", 4) == 0;
	raw_close((int)fd);
}

static uint64_t relaxed(_Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

static void set(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

/* Continues the line from its present value, with a slope that meets the clock at the line's end,
 * so that time never goes backwards. Starts a new line after a jump (the machine was suspended or
 * migrated). */
static void bend(uint64_t counter, uint64_t now_ns)
{
	uint64_t span = now_ns - pair_ns, cycles = counter - pair_counter, said_ns;
	double rate, ahead_ns;

	if (pair_ns == 0 || now_ns < pair_ns || counter < pair_counter || cycles == 0) {
		pair_counter = counter;
		pair_ns = now_ns;
		set_limit(0);
		return;
	}
	if (span < LEAST_SPAN_NS)
		return;
	rate = (double)span / (double)cycles;
	said_ns = now_ns;
	ahead_ns = 0;
	if (relaxed(&clock_line.limit) != 0 && counter >= relaxed(&clock_line.counter)) {
		double past = (double)(counter - relaxed(&clock_line.counter)) *
			      (double)relaxed(&clock_line.rate) /
			      (double)(UINT64_C(1) << CLOCK_RATE_BITS);

		ahead_ns = (double)relaxed(&clock_line.ns) + past - (double)now_ns;
		if (ahead_ns > MOST_SLEW_NS || ahead_ns < -MOST_SLEW_NS)
			ahead_ns = 0;
		/* A line that is behind the clock catches up at once. */
		said_ns = ahead_ns > 0 ? now_ns + (uint64_t)ahead_ns : now_ns;
	}
	if (ahead_ns > 0)
		rate *= 1 - ahead_ns / SPAN_NS;
	set(&clock_line.counter, counter);
	set(&clock_line.ns, said_ns);
	set(&clock_line.rate, (uint64_t)(rate * (double)(UINT64_C(1) << CLOCK_RATE_BITS)));
	set_limit((uint64_t)(SPAN_NS / rate));
	pair_counter = counter;
	pair_ns = now_ns;
}

uint64_t clock_measure(void)
{
	uint32_t sequence = atomic_load(&clock_line.sequence);
	uint64_t limit = relaxed(&clock_line.limit), counter = relaxed(&clock_line.counter);
	uint64_t before, now_ns, after;

	if (!is_allowed || atomic_load(&is_counter_forbidden))
		return clock_read(CLOCK_MONOTONIC);
	before = __rdtsc();
	now_ns = clock_read(CLOCK_MONOTONIC);
	after = __rdtsc();
	if (after - before > MOST_PAIR_CYCLES || (sequence & 1) ||
	    (limit != 0 && before - counter < limit) ||
	    !atomic_compare_exchange_strong(&clock_line.sequence, &sequence, sequence + 1))
		return now_ns;
	bend(before + (after - before) / 2, now_ns);
	atomic_store_explicit(&clock_line.sequence, sequence + 2, memory_order_release);
	return now_ns;
}

#else
void clock_start(void)
{
}

void clock_shift(int64_t by_ns)
{
	atomic_fetch_add(&shift_ns, (uint64_t)by_ns);
}

uint64_t clock_measure(void)
{
	return clock_read(CLOCK_MONOTONIC);
}
#endif
