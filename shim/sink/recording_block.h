/*
 * recording_block: the blocks of a recording that threads fill.
 *
 * A thread owns one block at a time, and gives it back when it is full. Taking one is an atomic
 * addition, so threads never touch each other's lines. A block whose owner has ended, however it
 * ended, can be taken.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I6, I8.
 */
#ifndef SINK_RECORDING_BLOCK_H
#define SINK_RECORDING_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/thread.h"
#include "sink/recording_file.h"
#include "tcpshim/record.h"

/* Makes sure that the thread, whose area this is, has a block with at least least bytes left; false
 * if there is no room, or no recording (NULL). */
bool recording_block_has_room(struct recording *recording, struct area *area, size_t least,
			      uint64_t now_ns);

/* The record of size bytes that was written there is complete. */
static inline void recording_block_commit(size_t size, unsigned kind, unsigned flags)
{
	uint8_t *at = (uint8_t *)thread.block + thread.used;

	thread.used += (uint32_t)size;
	/* What an earlier use of the block left behind must not pass for the next record. */
	if (thread.used < RECORD_BLOCK_BYTES)
		*(uint64_t *)(at + size) = 0;
	__atomic_store_n((uint32_t *)at, (uint32_t)size | kind << 16 | flags << 24,
			 __ATOMIC_RELEASE);
	/* Behind it: a block that was left in the middle holds no fewer than it says. */
	thread.events += kind <= RECORD_EVENT;
	__atomic_store_n(&thread.block->events, thread.events, __ATOMIC_RELEASE);
}

/* Changes with every sixteenth of a recording that wraps: what was told once has to be told again,
 * since it may be overwritten. 0: nothing is recorded yet. */
extern _Atomic uint32_t recording_current_lap;
static inline uint32_t recording_block_lap(void)
{
	return atomic_load_explicit(&recording_current_lap, memory_order_relaxed);
}

#endif
