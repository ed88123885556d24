/*
 * after: updates what is known after the real call has returned: new and closed descriptors, and
 * the states of connections.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6,
 * I9, I10.
 */
#ifndef TRACE_AFTER_H
#define TRACE_AFTER_H

#include "trace/call.h"

/* Ends a call. result: what the real call returned, with errno set if it is negative. Returns
 * result. */
int64_t after_call(struct call *call, int64_t result);

/* Slow path of after_read: acts on a possible end of stream of an untraced descriptor. Returns
 * result. */
int64_t after_untraced_read(struct call *call, int64_t result);

/* Ends a read that returns a number of bytes. Returns result. */
static inline int64_t after_read(struct call *call, int64_t result)
{
	if (!call->is_eof_only)
		return after_call(call, result);
	return result != 0 ? result : after_untraced_read(call, result);
}

/* Ends a read that returns a number of messages, one of which may be empty. Returns result. */
static inline int64_t after_read_messages(struct call *call, int64_t result)
{
	if (!call->is_eof_only)
		return after_call(call, result);
	return result < 0 ? result : after_untraced_read(call, result);
}

/* Returns what the program's shutdown shall return: 0 instead of ENOTCONN if close-on-EOF has
 * already done what it asks for. */
int after_shutdown(const struct call *call, int result);

/* Remembers the name lookup of this thread that began at start_ns and has just ended: the next
 * connect shows its duration. */
void after_lookup(uint64_t start_ns);

/* Prints, once, that the program has made an io_uring, whose calls are not seen. */
void after_ring(void);

#endif
