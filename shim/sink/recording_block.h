/*
 * recording_block: the blocks of a recording, which threads fill.
 *
 * A thread owns one block at a time, and gives it back when it is full. Taking one is an atomic
 * addition, so threads never write to each other's cache lines. If the owner of a block has ended
 * in any way, another thread can take the block.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I6, I8. Units: bytes, nanoseconds.
 */
#ifndef SINK_RECORDING_BLOCK_H
#define SINK_RECORDING_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/thread.h"
#include "sink/recording_file.h"
#include "tcpshim/record.h"

/* Makes sure that the area's thread has a block with at least least bytes left. Returns false if
 * there is no room, or no recording (NULL). */
bool recording_block_has_room(struct recording *recording, struct area *area, size_t least,
			      uint64_t now_ns);

/* Completes the record of size bytes that was written there. */
static inline void recording_block_commit(size_t size, unsigned kind, unsigned flags)
{
	uint8_t *at = (uint8_t *)thread.block + thread.used;

	thread.used += (uint32_t)size;
	/* Leftovers of an earlier use of the block must not look like the next record. */
	if (thread.used < RECORD_BLOCK_BYTES)
		*(uint64_t *)(at + size) = 0;
	__atomic_store_n((uint32_t *)at, (uint32_t)size | kind << 16 | flags << 24,
			 __ATOMIC_RELEASE);
	/* Stored after the record: a block that was abandoned halfway has at least as many events
	 * as it claims. */
	thread.events += kind <= RECORD_EVENT;
	__atomic_store_n(&thread.block->events, thread.events, __ATOMIC_RELEASE);
}

/* Changes with every sixteenth of a recording that wraps. What was recorded once must then be
 * recorded again, because it may be overwritten. 0: nothing is recorded yet. */
extern _Atomic uint32_t recording_current_lap;
static inline uint32_t recording_block_lap(void)
{
	return atomic_load_explicit(&recording_current_lap, memory_order_relaxed);
}

#endif
