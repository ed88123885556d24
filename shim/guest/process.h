/*
 * process: who this process is, when it began, and how it ends.
 *
 * Owns the process's identity. A page with MADV_WIPEONFORK tells a new process however it was made;
 * the identity is then taken anew at its first watched call (I6). Known holes: two threads that
 * both make the first watched call of a new process at once may stamp one line with the parent's
 * pid; in a process that was filtered from its start, where madvise may be fatal, the child of a
 * clone() or _Fork() of libc, or of a system call that is not libc's, passes for its parent.
 * Context: process_identify in the constructor; the rest any thread, signal handler, after fork.
 * Locks: none. Errno: untouched. Keeps I5, I6, I8, I11.
 */
#ifndef GUEST_PROCESS_H
#define GUEST_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: every call passes through at once, nothing is kept. Constant after the constructor. */
extern bool process_is_watching;

/* False: nothing is shown, connections are watched for their policies only. Constant likewise. */
extern bool process_is_tracing;

/* In the constructor: takes the identity, and the time that stamps count from. start_over: to be
 * called in a new process after it has taken its own. False: no memory. */
bool process_identify(void (*start_over)(void));

/* Non-zero as long as this is the process that last took its identity. */
extern const _Atomic uint32_t *process_alive;

void process_start_over(void);

/* One load a watched call. */
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

/* This process has forked: by fork() it is told itself. */
void process_note_fork(void);
/* This process is a child that shares no memory with its parent; told already where the kernel
 * tells it. */
void process_note_child(void);
bool process_is_child(void);  /* of a traced process, since its own start */
uint32_t process_forks(void); /* how often this process has forked by fork() */

/* False in the child of vfork and the like: it shares this memory, but has descriptors of its own.
 * Costs a system call. */
bool process_is_itself(void);

/* More than one thread has been made, or more than one process writes to the same trace. */
bool process_has_threads(void);
/* libc has made a thread in this process, or in the one that it was forked from. */
bool process_may_have_threads(void);
/* The same, but only threads that have made a watched call count. */
extern bool process_has_many_threads;
uint32_t process_next_thread(void); /* a number for a thread that is not the main one, from 2 */
uint32_t process_count(void);

uint64_t process_now_ns(void); /* CLOCK_MONOTONIC, coarse in strict mode */

/* The time of day is CLOCK_MONOTONIC and this offset; it changes when the clock is set, or the
 * machine was suspended. */
int64_t process_realtime_offset_ns(void);
/* Whether it was compared in the second before now_ns. */
extern _Atomic uint64_t process_clock_checked_ns;
#define PROCESS_CLOCK_CHECK_NS UINT64_C(1000000000)
static inline bool process_is_clock_checked(uint64_t now_ns)
{
	return now_ns - atomic_load_explicit(&process_clock_checked_ns, memory_order_relaxed) <
	       PROCESS_CLOCK_CHECK_NS;
}
/* Compares it, once a second; true if it has changed. */
bool process_check_clock(uint64_t now_ns);
/* when tracing began, in this process or the one it was forked from */
uint64_t process_base_ns(void);
int64_t process_base_realtime_ns(void);

/* True the first time it is called in the processes that share a trace. */
bool process_claim_base_line(void);
void process_unclaim_base_line(void);

#endif
