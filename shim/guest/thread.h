/*
 * thread: what each thread has of its own: its number, the guard, and a work area.
 *
 * The guard (I2) is up only inside the library. Its value is the address of the struct call for
 * which it was raised. If a signal handler leaves the library's code by siglongjmp, the guard stays
 * up. A later call recognises it as dead: its own struct call is no deeper on the stack, or there
 * is no signal frame between the two. Known hole: a call from a deeper frame, with the remains of a
 * signal frame in between, looks like a nested call, and is counted instead of shown. On arm64 this
 * holds for every call from a deeper frame, until there is a call that is not deeper. A thread
 * takes its work area once; the area is given to another thread when its owner has ended.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2, I5, I6.
 * Units: bytes, nanoseconds.
 */
#ifndef GUEST_THREAD_H
#define GUEST_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn/conn.h"
#include "tcpshim/record.h"

enum {
	AREA_TEXT_BYTES = 8192,
	AREA_VECTORS = 64,
	AREA_ADDRESS_BYTES = 128,
	AREA_VALUE_BYTES = 256
};

/* The totals of one thread's calls to one function. */
struct area_sum {
	uint64_t calls, errors, would_block, total_ns; /* errors: without those of would_block */
};

/* Memory to build an event in, not on the program's stack: signal stacks are small. */
struct area {
	_Atomic int owner; /* tid */
	struct area *next;
	/* The recording's block that the owner fills (sink/recording.h), taken in block_epoch. */
	struct record_block *block;
	uint64_t block_number;
	uint32_t stream, block_epoch;
	struct tcpshim_event event;
	struct area_sum sums[CALL_COUNT]; /* for a summary, of all threads that had this area */
	bool is_of_several;               /* the event's call is on several connections */
	uint8_t state; /* after the step, as its notes show it; STATE_UNKNOWN without notes */
	struct conn_view before, after;
	struct conn_step step;
	/* Ring buffer for the input of calls in progress (trace/input.h). The head only grows; the
	 * first position is not 0. */
	uint8_t *store;
	size_t store_bytes;
	uint64_t store_head;
	void *walk; /* the stack that libunwind runs on (guest/stack.h) */
	uint64_t frames[EVENT_FRAMES];
	struct iovec vector[AREA_VECTORS];
	unsigned char address[AREA_ADDRESS_BYTES];
	unsigned char value[AREA_VALUE_BYTES];
	char text[AREA_TEXT_BYTES];
};

/* A cache line. Where a program loads the library at run time, glibc has no room for thread-local
 * storage that is aligned to more than its own control block, which is 16 bytes on arm64. */
#if defined(__aarch64__)
enum { THREAD_ALIGNMENT = 16 };
#else
enum { THREAD_ALIGNMENT = 64 };
#endif

struct thread {
	uintptr_t guard; /* 0: the guard is down */
	/* The thread's position in the recording, next to everything else that a recorded call
	 * needs. */
	struct record_block *block; /* NULL: the next record takes a block */
	uint32_t used;              /* bytes of the block */
	uint32_t epoch;             /* process_epoch when tid was read */
	uint32_t events;            /* transfers and events in the block */
	uint32_t marks;             /* sequence of the block's struct record_current */
	uint64_t last_ns;           /* the time that the next transfer counts from */
	struct area *area;
	uint64_t previous_ns;
	int tid;
	uint32_t number; /* 1: main */

	struct conn *pinned; /* referenced connection; released if the guard is found dead */
	uint64_t lookup_ns, looked_up_ns; /* how long the last getaddrinfo took, and when it ended
					   */
	uint64_t signal_mask;             /* the program's, while has_blocked_signals */
	bool has_blocked_signals;
	bool is_unwinding; /* inside libunwind (guest/stack.h) */
} __attribute__((aligned(THREAD_ALIGNMENT)));
extern __thread struct thread thread __attribute__((tls_model("initial-exec")));

/* Raises the guard. Returns false if it is up already: the library's own code was interrupted.
 * frame: the struct call, or any object in the caller's frame if there is none. */
bool thread_raise_guard(const void *frame);
void thread_lower_guard(void);

/* Blocks all signals until the guard is lowered. For output that could make the thread wait, so
 * that no handler leaves by siglongjmp meanwhile, or that could raise a signal itself. Does nothing
 * under a filter. */
void thread_block_signals(void);

/* Returns the thread's area. Takes the area and the thread's number at its first call and after
 * fork. NULL: no memory. */
struct area *thread_area(void);

/* Returns whether the thread with this id has ended, or is this one. False if that cannot be
 * checked. */
bool thread_is_gone(int tid);

/* Return the area after the given one; NULL begins and ends the list. The second function resets
 * the sums of all areas. */
struct area *thread_next_area(const struct area *area);
void thread_clear_sums(void);

#if defined(__i386__)
/* Finds where the frames of signal handlers return to. In the constructor. */
void thread_find_restorers(uintptr_t vdso);
#endif

#endif
