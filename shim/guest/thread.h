/*
 * thread: what each thread has of its own: its number, the guard, and a work area.
 *
 * The guard (I2) is up only inside the library. It is the address of the struct call on whose
 * behalf it was raised: a signal handler that leaves the library's code by siglongjmp leaves the
 * guard up, and a later call recognises it as dead, since its own struct lies no deeper on the
 * stack, or no signal frame lies between the two. A known hole: a call from a deeper frame that
 * holds the remains of a signal frame passes for a nested one, and is counted instead of shown; on
 * arm64 every call from a deeper frame, until there is one that is not. The work area is taken once
 * a thread and given to another when its owner has ended.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2, I5, I6.
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

/* What one thread's calls of a kind add up to. */
struct area_sum {
	uint64_t calls, errors, total_ns;
};

/* Memory to build an event in, off the program's stack: signal stacks are small. */
struct area {
	_Atomic int owner; /* tid */
	struct area *next;
	/* The block of the recording that its owner fills (sink/recording.h), of this epoch. */
	struct record_block *block;
	uint64_t block_number;
	uint32_t stream, block_epoch;
	struct tcpshim_event event;
	struct area_sum sums[CALL_COUNT]; /* for a summary: of all threads that had the area */
	bool is_of_several;               /* the event's call is on several connections */
	uint8_t state; /* after the step, as its notes say; STATE_UNKNOWN without them */
	struct conn_view before, after;
	struct conn_step step;
	/* Input of calls under way (trace/input.h), used in a circle; the head only grows, from 1
	 * store on. */
	uint8_t *store;
	size_t store_bytes;
	uint64_t store_head;
	void *walk; /* the stack that libunwind works on (guest/stack.h) */
	uint64_t frames[EVENT_FRAMES];
	struct iovec vector[AREA_VECTORS];
	unsigned char address[AREA_ADDRESS_BYTES];
	unsigned char value[AREA_VALUE_BYTES];
	char text[AREA_TEXT_BYTES];
};

struct thread {
	uintptr_t guard; /* 0: down */
	/* Where it goes on in a recording: what every recorded call needs stands together. */
	struct record_block *block; /* NULL: the next record takes one */
	uint32_t used;              /* of its bytes */
	uint32_t epoch;             /* process_epoch when tid was asked */
	uint32_t events;            /* in the block */
	uint32_t marks;             /* of the call that it is in, begun or complete */
	uint64_t last_ns;           /* the time that the next transfer counts from */
	struct area *area;
	uint64_t previous_ns;
	int tid;
	uint32_t number; /* 1: main */

	struct conn *pinned;              /* released if the guard is found dead */
	uint64_t lookup_ns, looked_up_ns; /* how long the last getaddrinfo took, and when it ended
					   */
	uint64_t signal_mask;             /* the program's, while has_blocked_signals */
	bool has_blocked_signals;
	bool is_unwinding; /* in libunwind (guest/stack.h) */
} __attribute__((aligned(64)));
extern __thread struct thread thread __attribute__((tls_model("initial-exec")));

/* Raises the guard; false if it is up: the library's own code was interrupted. frame: the struct
 * call, or where there is none any object of the function's own. */
bool thread_raise_guard(const void *frame);
void thread_lower_guard(void);

/* Holds back all signals until the guard is lowered: for an output that could make the thread wait,
 * so that no handler leaves by siglongjmp meanwhile, or that could raise a signal itself. Nothing
 * in quiet mode. */
void thread_block_signals(void);

/* The thread's own number and area, asked for at its first call and after fork. NULL: no memory. */
struct area *thread_area(void);

/* Whether the thread of this id has ended, or is this one; false where that cannot be asked. */
bool thread_is_gone(int tid);

/* All areas, one after the other, from NULL to NULL; and their sums set back. */
struct area *thread_next_area(const struct area *area);
void thread_clear_sums(void);

#endif
