/*
 * decode: converts a call's arguments to an event (I4).
 *
 * Output is read after success and never beyond the returned length. Input is what was copied
 * before the call (trace/input.h, input_copy_all); the program's memory is not read again for it.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5.
 */
#ifndef TRACE_DECODE_H
#define TRACE_DECODE_H

#include "guest/thread.h"
#include "trace/call.h"

/* Fills the area's event from the call. is_sleeping: the call has not returned; result and error
 * are not used. */
void decode_call(struct area *area, const struct call *call, int64_t result, int error,
		 bool is_sleeping);

/* Iterates over the descriptors of a poll-like call. */
struct decode_wait {
	const struct call *call;
	int64_t result;
	uint64_t position, end;
	bool has_entries; /* the entries may be read */
	bool is_sparse;   /* only watched descriptors are visited */
};

struct decode_entry {
	int fd;
	uint32_t events, revents;             /* POLL* for all calls; used for connections */
	uint32_t shown_events, shown_revents; /* with the call's own constants; used for printing */
	uint64_t data;
};

void decode_wait_start(struct decode_wait *wait, const struct call *call, int64_t result, int error,
		       bool is_sleeping);
bool decode_wait_next(struct decode_wait *wait, struct decode_entry *entry);

#endif
