/*
 * alarm: calls a function of the library at a time, from a thread of its own.
 *
 * The thread exists only in a process that has set a time, which only a rehearsal does: the program
 * is in a call then, perhaps for ever, and has to stay there. The thread has its own thread-local
 * storage, all zero, so that it may use what a thread of the program uses of the library, and it
 * calls no function of libc that needs more. It blocks all signals, and ends with the process, or
 * when the process executes a program. A child of fork starts its own when it needs it.
 *
 * What it changes for the program: /proc/self/task has one more entry, unshare(CLONE_NEWUSER) and
 * setns(2) of a user or mount namespace fail as in a program with threads, setuid() leaves the
 * thread's user as it was, and a process of which all threads end by the exit system call, not by
 * libc, does not end.
 * Under a filter that the process was started with, the thread is made all the same: a rehearsal
 * was asked for, and the usual lists allow it.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I8; the second exception to I11. Units: nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef GUEST_ALARM_H
#define GUEST_ALARM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern _Atomic uint64_t alarm_next_ns; /* UINT64_MAX: none */

/* Stores the function. It is called with the guard up. In the constructor. */
void alarm_start(void (*ring)(void));

/* Sees to it that the function is called at this time, or soon after it. If no thread can be made,
 * it is not. */
void alarm_set(uint64_t at_ns);

/* Starts the thread in a child, which has inherited the times. */
void alarm_check(void);

/* Returns whether a time has come, and forgets it: the caller does what the function would. */
static inline bool alarm_take(uint64_t now_ns)
{
	uint64_t next_ns = atomic_load_explicit(&alarm_next_ns, memory_order_relaxed);

	return now_ns >= next_ns &&
	       atomic_compare_exchange_strong(&alarm_next_ns, &next_ns, UINT64_MAX);
}

#endif
