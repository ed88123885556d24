#include "sink/recording_block.h"

#include <errno.h>

#include "format/pack.h"
#include "settings/config.h"
#include "sys/hot.h"

enum { LAPS = 16 };

_Atomic uint32_t recording_current_lap HOT_DATA;

static void raise_to(uint64_t *to, uint64_t value)
{
	uint64_t known = __atomic_load_n(to, __ATOMIC_RELAXED);

	while (known < value && !__atomic_compare_exchange_n(to, &known, value, true,
							     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Ends the recording at this number: only the blocks before it remain. */
static void end_at(struct recording *recording, uint64_t number)
{
	uint64_t count = atomic_load(&recording->block_count);

	__atomic_store_n(&recording->map.header->lost_error, ENOSPC, __ATOMIC_RELAXED);
	while (number < count &&
	       !atomic_compare_exchange_weak(&recording->block_count, &count, number))
		;
}

/* Makes the thread the owner of a block that has no owner or whose owner has ended. If this
 * thread's id owns it already, it was left by siglongjmp, or by an earlier thread with the same
 * id. */
static bool own(_Atomic int32_t *owner)
{
	int32_t known = atomic_load(owner);

	return (known == 0 || thread_is_gone(known)) &&
	       atomic_compare_exchange_strong(owner, &known, thread.tid);
}

static void disown(struct recording *recording, uint64_t number)
{
	int32_t mine = thread.tid;

	if (recording->owners)
		atomic_compare_exchange_strong(&recording->owners[number], &mine, 0);
}

/* Maps a block that the thread has taken. Reserves the pages of a new one: if the disk is full, a
 * store would raise SIGBUS. Returns NULL if there is no memory or no room. */
static struct record_block *map_block(struct recording *recording, uint64_t number, bool is_new)
{
	struct record_block *block = recording_map_block(&recording->map, number);

	if (!block) {
		__atomic_store_n(&recording->map.header->lost_error, ENOMEM, __ATOMIC_RELAXED);
	} else if (is_new && recording_file_reserve((uint8_t *)block, RECORD_BLOCK_BYTES) < 0) {
		recording_map_leave(&recording->map, number);
		end_at(recording, number);
		block = NULL;
	}
	if (!block)
		disown(recording, number);
	return block;
}

/* Takes the next block that nobody is filling. *number: its place in the ring. Returns NULL if
 * there is none. The count is read again after a number was taken: at the end, recording_file_end
 * lowers it, and a store into a block beyond it would be past the end of the file. */
static struct record_block *take_next(struct recording *recording, uint64_t *sequence,
				      uint64_t *number)
{
	for (uint64_t tries = 0; tries < 2 * config.record_bytes / RECORD_BLOCK_BYTES; tries++) {
		uint64_t count = atomic_load(&recording->block_count);
		struct record_block *block;

		if (count == 0 || (!config.record_wraps && atomic_load(&recording->next) >= count))
			return NULL;
		*sequence = atomic_fetch_add(&recording->next, 1);
		count = atomic_load(&recording->block_count);
		if (*sequence >= RECORDING_CLOSED || count == 0 ||
		    (!config.record_wraps && *sequence >= count))
			return NULL;
		*number = *sequence % count;
		if (config.record_wraps && !own(&recording->owners[*number]))
			continue;
		block = map_block(recording, *number, *sequence < count);
		if (!block && recording->map.header->lost_error == ENOMEM)
			return NULL;
		if (!block)
			continue;
		if (config.record_wraps && *number % (count / LAPS + 1) == 0)
			atomic_fetch_add(&recording_current_lap, 1);
		return block;
	}
	return NULL;
}

/* Gives a block back, if it is still this thread's. */
static void leave_block(struct recording *recording, const struct area *area,
			struct record_block *block)
{
	int32_t mine = thread.tid;

	if (!recording->owners || atomic_load_explicit(&recording->owners[area->block_number],
						       memory_order_relaxed) == mine) {
		__atomic_store_n(&block->current.call, 0, __ATOMIC_RELAXED);
		disown(recording, area->block_number);
	}
	recording_map_leave(&recording->map, area->block_number);
}

static bool take_block(struct recording *recording, struct area *area, uint64_t now_ns)
{
	uint64_t sequence, number;
	struct record_block *block = take_next(recording, &sequence, &number);

	if (!block)
		return false;
	if (block->sequence != 0)
		__atomic_fetch_add(&recording->map.header->overwritten_events, block->events,
				   __ATOMIC_RELAXED);
	__atomic_store_n(&block->sequence, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (area->stream == 0)
		area->stream = atomic_fetch_add(&recording->streams, 1) + 1;
	block->stream = area->stream;
	block->tid = thread.tid;
	block->thread_number = thread.number;
	block->events = thread.events = 0;
	block->previous_ns = thread.previous_ns;
	block->time_ns = now_ns;
	block->current = (struct record_current){0};
	*(uint64_t *)(block + 1) = 0;
	__atomic_store_n(&block->sequence, sequence + 1, __ATOMIC_RELEASE);
	raise_to(&recording->map.header->blocks_taken, sequence + 1);
	area->block_number = number;
	area->block = thread.block = block;
	thread.used = sizeof(*block);
	thread.last_ns = now_ns;
	return true;
}

/* Returns where the records of a block end that another thread filled. */
static uint32_t find_end(const struct record_block *block)
{
	uint32_t used = sizeof(*block);

	while (used < RECORD_BLOCK_BYTES) {
		const struct record_head *head =
			(const struct record_head *)((const uint8_t *)block + used);

		if (head->size == 0)
			break;
		used += head->size;
	}
	return used;
}

/* Makes the area's block this thread's again, if possible. Another thread may have found it
 * abandoned and made it part of its own stream. */
static bool own_again(struct recording *recording, const struct area *area)
{
	_Atomic int32_t *owner = &recording->owners[area->block_number];

	if (!own(owner))
		return false;
	if (area->block->sequence != 0 && area->block->stream == area->stream)
		return true;
	atomic_store(owner, 0);
	return false;
}

/* Continues the area's block after its last complete record. The block was another thread's, which
 * has ended, or this one's, which left the library by siglongjmp and may have been writing a
 * record. */
static void take_over(struct recording *recording, struct area *area, uint64_t now_ns)
{
	const struct record_thread record = {
		.tid = thread.tid,
		.thread_number = thread.number,
		.previous_ns = thread.previous_ns,
		.time_ns = now_ns,
	};

	if (recording->owners && !own_again(recording, area)) {
		recording_map_leave(&recording->map, area->block_number);
		area->block = NULL;
		return;
	}
	thread.used = find_end(area->block);
	if (thread.used + sizeof(record) > RECORD_BLOCK_BYTES) {
		struct record_block *full = area->block;

		area->block = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		leave_block(recording, area, full);
		return;
	}
	thread.block = area->block;
	thread.events = thread.block->events;
	thread.block->current.call = 0;
	thread.last_ns = now_ns;
	pack_body((uint8_t *)thread.block + thread.used, &record, sizeof(record));
	recording_block_commit(sizeof(record), RECORD_THREAD, 0);
}

bool recording_block_has_room(struct recording *recording, struct area *area, size_t least,
			      uint64_t now_ns)
{
	if (area->block_epoch != thread.epoch) { /* what it points to was the parent's */
		area->block = NULL;
		area->stream = 0;
		area->block_epoch = thread.epoch;
	}
	if (!recording)
		return false;
	if (!thread.block && area->block)
		take_over(recording, area, now_ns);
	if (thread.block && thread.used + least > RECORD_BLOCK_BYTES) {
		struct record_block *full = thread.block;

		/* The pointers are cleared first: a handler may leave by siglongjmp in between. */
		area->block = thread.block = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		leave_block(recording, area, full);
	}
	return thread.block || take_block(recording, area, now_ns);
}
