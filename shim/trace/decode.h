/*
 * decode: a call's arguments (I4).
 *
 * Output is read after success and never beyond the returned length. Input is what was copied
 * before the call (trace/input.h, input_copy_all): the program's memory is not looked at again.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5.
 */
#ifndef TRACE_DECODE_H
#define TRACE_DECODE_H

#include "guest/thread.h"
#include "trace/call.h"

/* Fills the area's event from the call. is_sleeping: it has not returned, result and error do not
 * count. */
void decode_call(struct area *area, const struct call *call, int64_t result, int error,
		 bool is_sleeping);

/* The descriptors of a poll-like call, one after the other. */
struct decode_wait {
	const struct call *call;
	int64_t result;
	uint64_t position, end;
	bool has_entries; /* the entries may be read */
	bool is_sparse;   /* only what is watched is looked at */
};

struct decode_entry {
	int fd;
	uint32_t events, revents;             /* POLL* for all calls, for connections */
	uint32_t shown_events, shown_revents; /* as the call itself calls them */
	uint64_t data;
};

void decode_wait_start(struct decode_wait *wait, const struct call *call, int64_t result, int error,
		       bool is_sleeping);
bool decode_wait_next(struct decode_wait *wait, struct decode_entry *entry);

#endif
