/*
 * merge: the events of several recordings, in the order of time.
 *
 * Recordings of one machine since one boot are compared by CLOCK_MONOTONIC. The times of other
 * recordings are converted to the clock of the machine that was booted first, by the time of day
 * when they began. All times are in nanoseconds.
 * Memory: that of the recordings, and what is known of each connection.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_MERGE_H
#define READER_MERGE_H

#include "reader/stream.h"

/* What is known of a connection. */
struct known_connection {
	uint32_t serial;
	uint8_t role, state;
	uint64_t cookie; /* of its socket, 0: not known */
	struct tcpshim_address local, peer;
	struct hanging hanging;
};

struct merge {
	struct reader **readers;
	size_t count;
	struct stream **heap; /* streams with a next event, the earliest first */
	size_t heap_size, heap_capacity;
	struct stream *last; /* the stream of the event that was returned last */
	/* Streams whose threads are in a call, by its start; NULL before they are searched for. */
	struct stream **in_call;
	size_t in_call_count, next_in_call;
	bool has_prefixes; /* text was written too: the events' flags tell its prefixes */
	uint64_t base_ns;
	int64_t realtime_offset_ns; /* of that clock */
};

/* An event, or a line about the trace itself. Valid until the next one is asked for. */
struct item {
	struct reader *reader;
	struct tcpshim_event *event;
	uint64_t stored_bytes; /* of its payload, in the recording */
	const char *line;      /* NULL if it is an event */
	size_t line_size;
	struct stream *stream;
	bool is_announced; /* it has not returned, and an event before said so already */
};

/* Starts with the first events of count recordings. readers: the caller's, until merge_end. */
void merge_start(struct merge *merge, struct reader **readers, size_t count);

/* Returns the next event or line in *item, or false if there is none, now. */
bool merge_next(struct merge *merge, struct item *item);

/* Returns the SO_COOKIE of a connection of the recording, 0 if it is not known so far. */
uint64_t merge_cookie(const struct reader *reader, uint32_t serial);

/* Returns, after the last event, the calls that threads are in, or were in at their end, by their
 * start. Each is returned once until the next merge_refresh; then false is returned. */
bool merge_next_current(struct merge *merge, struct item *item, struct unpacked *to);

/* Looks for further events, in recordings that are being written. */
void merge_refresh(struct merge *merge);

/* Frees all but the readers. */
void merge_end(struct merge *merge);

#endif
