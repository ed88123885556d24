/*
 * stream: the records of one thread of a recording, in order.
 *
 * The thread, and the threads that went on in its blocks after it had ended. The next event is made
 * at a time, without a copy of its payload where it is in one record. Damaged records are counted
 * in the reader and left out. Memory: about 38 KiB per stream, and a payload that is in several
 * records. Times are in nanoseconds of the recording's CLOCK_MONOTONIC.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_STREAM_H
#define READER_STREAM_H

#include "reader/block.h"
#include "reader/reader.h"

struct stream {
	struct reader *reader;
	uint32_t id;
	struct block_ref *blocks; /* filled by scan */
	size_t block_count, block_capacity, next_block;
	uint8_t *block; /* the one that is being read, NULL before the first */
	bool may_grow;  /* it was the last one when it was read */
	size_t position;
	uint64_t time_ns;       /* completion of the last record */
	uint64_t order_ns;      /* by which merge sorts; never decreases */
	uint64_t last_start_ns; /* of the last call that returned */
	uint64_t announced_ns;  /* start of the last call of which an event says that it waits */
	uint64_t previous_ns;   /* completion of the thread's last event */
	int32_t tid;
	uint32_t thread_number;
	struct polled_last polled;
	struct polled_last rested; /* the last that took a hundredth of a second or longer */
	uint64_t waited_ns;        /* end of the last wait that found something, or took a while */

	/* The next event, if has_ahead. line: not NULL if it is a line about the trace itself. */
	bool has_ahead, is_transfer;
	struct unpacked ahead;
	const char *line;
	uint32_t line_size;
	uint8_t *payload; /* one that is in several records */
	size_t payload_capacity;
	uint8_t *copy; /* of the record that it belongs to */
};

void stream_free(struct stream *stream);

/* Reads the next event to stream->ahead. Returns false if there is none, now. */
bool stream_advance(struct stream *stream);

/* Makes an event of the call that the stream's thread is in, or was in at its end. Returns false if
 * there is none. The stream has no more events. */
bool stream_current(struct stream *stream, struct unpacked *to);

#endif
