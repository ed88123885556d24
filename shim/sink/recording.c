#include "sink/recording.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "format/names.h"
#include "format/strbuf.h"
#include "guest/complaint.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/recording_file.h"
#include "sys/aside.h"
#include "sys/hot.h"
#include "sys/raw.h"
#include "sys/restriction.h"

enum { MOST_PAUSES = 1000 };

static _Atomic(struct recording *) current;
static _Atomic bool is_making;
static _Atomic int failure; /* errno of creating the file; it is not tried again */
static _Atomic uint64_t lost;
static _Atomic uint32_t last_lap; /* at least that of the parent's recording */

void recording_count_lost(uint64_t count, int error)
{
	struct recording *recording = atomic_load(&current);

	if (recording) {
		__atomic_fetch_add(&recording->map.header->lost_events, count, __ATOMIC_RELAXED);
		__atomic_store_n(&recording->map.header->lost_error, error, __ATOMIC_RELAXED);
	}
	atomic_fetch_add(&lost, count);
}

void recording_count_nested(void)
{
	struct recording *recording = atomic_load(&current);

	if (recording)
		__atomic_fetch_add(&recording->map.header->nested_calls, 1, __ATOMIC_RELAXED);
}

/* Waits until another thread has created the recording. That takes less than a millisecond, except
 * on a slow disk. */
static struct recording *wait_for_recording(void)
{
	const struct timespec pause = {.tv_nsec = 100000};

	for (int i = 0; i < MOST_PAUSES && atomic_load(&failure) == 0; i++) {
		if (atomic_load(&current) || restriction_is_filter())
			break;
		raw_syscall2(SYS_nanosleep, (long)&pause, 0);
	}
	return atomic_load(&current);
}

static struct {
	struct recording *recording;
	int result;
} making;

static void make_aside(void *argument)
{
	(void)argument;
	making.result = recording_file_make(making.recording);
}

static struct recording *make(void)
{
	struct recording *recording;
	int result;

	if (atomic_load(&failure) != 0)
		return NULL;
	if (restriction_is_filter()) {
		result = -EPERM;
	} else if (atomic_exchange(&is_making, true)) {
		return wait_for_recording();
	} else {
		thread_block_signals(); /* so that no handler leaves by siglongjmp */
		recording = raw_map(sizeof(*recording));
		result = -ENOMEM;
		if (recording) {
			making.recording = recording;
			aside_run(make_aside, NULL);
			result = making.result;
		}
		if (result == 0) {
			atomic_store(&recording_current_lap, atomic_load(&last_lap) + 1);
			atomic_store(&current, recording);
			if (!process_is_child())
				recording_file_report_limit(recording);
			return recording;
		}
		if (recording)
			recording_file_unmap(recording);
	}
	if (atomic_exchange(&failure, -result) == 0)
		recording_file_complain(-result);
	return NULL;
}

bool recording_start(const char *program)
{
	int error = recording_file_start(program);

	if (error != 0)
		recording_file_complain(error);
	return error == 0;
}

/* Makes all threads take new blocks: their blocks are the parent's. */
static void forget_all(void)
{
	for (struct area *area = thread_next_area(NULL); area; area = thread_next_area(area))
		area->block = NULL;
}

void recording_start_over(void)
{
	struct recording *recording = atomic_exchange(&current, NULL);

	/* If a handler forked in the middle of a record, the interrupted code continues to write
	 * it, so the recording stays mapped. */
	if (recording && thread.guard == 0) {
		forget_all();
		recording_file_unmap(recording);
	}
	/* A child has its parent's connections, and must record their addresses again. */
	atomic_fetch_add(&last_lap, atomic_exchange(&recording_current_lap, 0));
	atomic_store(&is_making, false);
	atomic_store(&failure, 0);
	atomic_store(&lost, 0);
}

void recording_begin(struct area *area, uint64_t now_ns)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (recording)
		recording_block_has_room(recording, area, 0, now_ns);
}

void recording_restrict(struct area *area, uint64_t now_ns)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (!recording)
		recording = make();
	if (!recording)
		return;
	recording_map_whole(&recording->map);
	recording_begin(area, now_ns);
}

void recording_save_memory(void)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (recording)
		recording_map_save_memory(&recording->map);
}

void recording_unlock(void)
{
	const struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (recording)
		recording_map_unlock(&recording->map);
}

uint8_t *recording_room(struct area *area, size_t least, size_t *room, uint64_t now_ns)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (!recording)
		recording = make();
	if (!recording_block_has_room(recording, area, least, now_ns)) {
		recording_count_lost(1, recording ? recording->map.header->lost_error
						  : atomic_load(&failure));
		return NULL;
	}
	*room = RECORD_BLOCK_BYTES - thread.used;
	return (uint8_t *)thread.block + thread.used;
}

/* --- End. --- */

static void say_lost(const char *path, uint64_t count, int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: ");
	strbuf_count(&line, count, "event");
	strbuf_string(&line, " could not be recorded in ");
	recording_file_append_path(&line, path);
	if (error != 0) {
		strbuf_string(&line, ": ");
		names_error(&line, error);
	} else {
		strbuf_string(&line,
			      config.record_wraps
				      ? ", because threads were filling all of its blocks. "
					"Use a larger TCPSHIM_RECORD_SIZE."
				      : ", which was full. Use a larger TCPSHIM_RECORD_SIZE, or "
					"TCPSHIM_RECORD_FULL=wrap to keep the newest events.");
	}
	complaint_write(line.text, line.size);
}

static void end_aside(void *recording)
{
	recording_file_end(recording);
}

void recording_end(int status, uint64_t now_ns)
{
	struct recording *recording = atomic_load(&current);
	uint64_t count = atomic_load(&lost);

	if (!recording) {
		if (count > 0)
			say_lost(config.record_path, count, atomic_load(&failure));
		return;
	}
	recording->map.header->exit_status = status;
	recording->map.header->end_ns = now_ns;
	__atomic_store_n(&recording->map.header->end, RECORD_ENDED, __ATOMIC_RELEASE);
	if (count > 0)
		say_lost(recording->path, count, recording->map.header->lost_error);
	if (restriction_is_filter())
		return;
	aside_run(end_aside, recording);
	recording_file_report_removed(recording);
}

/* Returns the block that this thread is filling, or NULL. */
static struct record_block *own_block(void)
{
	return thread.epoch == process_epoch() ? thread.block : NULL;
}

void recording_mark(const struct record_current *mark)
{
	struct record_block *block = own_block();

	if (!block) { /* a thread's first call may be the one that never returns */
		struct area *area = thread_area();

		if (area)
			recording_begin(area, mark->start_ns);
		block = own_block();
	}
	if (!block)
		return;
	__atomic_store_n(&block->current.sequence, ++thread.marks, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block->current.argument_count = mark->argument_count;
	block->current.serial = mark->serial;
	block->current.fd = mark->fd;
	block->current.start_ns = mark->start_ns;
	memcpy(block->current.arguments, mark->arguments, sizeof(mark->arguments));
	block->current.call = mark->call;
	__atomic_store_n(&block->current.sequence, ++thread.marks, __ATOMIC_RELEASE);
}

void recording_unmark(void)
{
	struct record_block *block = own_block();

	if (block)
		__atomic_store_n(&block->current.call, 0, __ATOMIC_RELEASE);
}
