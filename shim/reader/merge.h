/*
 * merge: the events of several recordings, in the order of time.
 *
 * Recordings of one machine, since one boot, are compared by CLOCK_MONOTONIC. The times of others
 * are put on the clock of the one that was booted first, by the time of day when they began.
 * Memory: that of the recordings, and what is known of each connection.
 */
#ifndef READER_MERGE_H
#define READER_MERGE_H

#include "reader/reader.h"

/* What is known of a connection, by its serial. */
struct known {
	uint32_t serial;
	uint8_t role, state;
	struct tcpshim_address local, peer;
};

struct merge {
	struct reader **readers;
	size_t count;
	struct stream **heap; /* those with an event ahead, the earliest first */
	size_t heap_size, heap_capacity;
	struct stream *last; /* whose event was handed out last */
	/* Those whose threads are in a call, by its start; NULL: not looked for yet. */
	struct stream **in_call;
	size_t in_call_count, next_in_call;
	bool has_prefixes; /* the events say themselves which prefix they had as text */
	uint64_t base_ns;
	int64_t realtime_offset_ns; /* of that clock */
};

/* What stands next: an event, or a line about the trace itself. Good until the next is asked for.
 */
struct item {
	struct reader *reader;
	struct tcpshim_event *event;
	uint64_t stored_bytes; /* of its payload */
	const char *line;      /* NULL: an event */
	size_t line_size;
};

void merge_start(struct merge *merge, struct reader **readers, size_t count);

/* False: there is nothing more, now. */
bool merge_next(struct merge *merge, struct item *item);

/* After the last: the calls that threads are in, or were in at their end, by their start; each once
 * until the next merge_refresh. */
bool merge_next_current(struct merge *merge, struct item *item, struct unpacked *to);

/* Looks for more, in recordings that are being written. */
void merge_refresh(struct merge *merge);

/* What is known of the connection of this serial, or NULL. */
const struct known *merge_find(const struct reader *reader, uint32_t serial);

void merge_end(struct merge *merge);

#endif
