/*
 * process: which process this is, when it started, and what changed about it since.
 *
 * Owns the process's identity. A page with MADV_WIPEONFORK shows that a process is new, however it
 * was made; it takes a new identity at its first watched call (I6). Known holes: if two threads of
 * a new process make the first watched call at the same time, one line may show the parent's pid.
 * If the process was filtered from its start, madvise may be fatal and is not used: a child made by
 * libc's clone() or _Fork(), or by a system call not made through libc, then passes for its parent.
 * Context: process_identify in the constructor; the rest any thread, signal handler, after fork.
 * Locks: none. Errno: untouched. Keeps I5, I6, I8, I11. Units: nanoseconds.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: every call passes through at once and nothing is kept. Constant after the constructor. */
extern bool process_is_watching;

/* False: nothing is shown, and connections are watched for their policies only. Constant after the
 * constructor. */
extern bool process_is_tracing;

/* Takes the identity, and the base time that stamps count from. Called in the constructor.
 * start_over is called in a new process after it has taken its own identity. Returns false if there
 * is no memory. */
bool process_identify(void (*start_over)(void));

/* Non-zero as long as this is the process that last took its identity. */
extern const _Atomic uint32_t *process_alive;

void process_start_over(void);

/* Takes a new identity if this is a new process. Costs one load per watched call. */
static inline void process_check(void)
{
	if (__builtin_expect(atomic_load_explicit(process_alive, memory_order_relaxed) == 0, 0))
		process_start_over();
}

int process_pid(void);
/* Changes when a new process takes its identity. */
extern _Atomic uint32_t process_current_epoch;
static inline uint32_t process_epoch(void)
{
	return atomic_load_explicit(&process_current_epoch, memory_order_relaxed);
}

/* Counts a fork of this process. fork() calls it by itself (pthread_atfork). */
void process_note_fork(void);
/* Notes that this process is a child that shares no memory with its parent. Not needed where the
 * kernel wipes the page. */
void process_note_child(void);
bool process_is_child(void);  /* of a traced process, by fork without exec */
uint32_t process_forks(void); /* how often this process has forked, as far as known */

/* Returns false in the child of vfork and similar calls, which shares this memory but has its own
 * descriptors. Costs a system call. */
bool process_is_itself(void);

/* Returns whether the process has made a second thread. In the child of a fork, only threads that
 * made a watched call count. Costs two loads: the fast path asks it too. */
extern const char *process_single_threaded; /* what it points to is 0 after that */
static inline bool process_has_threads(void)
{
	return __atomic_load_n(__atomic_load_n(&process_single_threaded, __ATOMIC_RELAXED),
			       __ATOMIC_RELAXED) == 0;
}
/* Returns whether libc has made a thread in this process, or in the one that it was forked from. */
bool process_may_have_threads(void);
uint32_t process_next_thread(void); /* a number for another thread than the main one, from 2 */
uint32_t process_count(void);

uint64_t process_now_ns(void); /* CLOCK_MONOTONIC, the coarse one in strict mode */

/* Returns what has to be added to CLOCK_MONOTONIC to get the time of day. It changes when the clock
 * is set, or when the machine was suspended. */
int64_t process_realtime_offset_ns(void);
/* Returns whether the two clocks were compared in the second before now_ns. */
extern _Atomic uint64_t process_clock_checked_ns;
#define PROCESS_CLOCK_CHECK_NS UINT64_C(1000000000)
static inline bool process_is_clock_checked(uint64_t now_ns)
{
	return now_ns - atomic_load_explicit(&process_clock_checked_ns, memory_order_relaxed) <
	       PROCESS_CLOCK_CHECK_NS;
}
/* Compares the two clocks, at most once per second. Returns true if the offset has changed. */
bool process_check_clock(uint64_t now_ns);
/* when tracing began, in this process or in the one it was forked from */
uint64_t process_base_ns(void);
int64_t process_base_realtime_ns(void);

/* Returns true once, in one of the processes that share a trace. */
bool process_claim_base_line(void);
void process_unclaim_base_line(void);

#endif
