/*
 * after: what a call that has returned changed: new descriptors, closed ones, connections a step
 * further.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6,
 * I9, I10.
 */
#ifndef TRACE_AFTER_H
#define TRACE_AFTER_H

#include "trace/call.h"

/* Ends a call. result: of the real call, with errno set if it is negative. Returns result. */
int64_t after_call(struct call *call, int64_t result);

/* Cold half of after_read: acts on what may be an end of stream of an untraced descriptor. */
int64_t after_untraced_read(struct call *call, int64_t result);

/* The same for a read that returns a number of bytes. */
static inline int64_t after_read(struct call *call, int64_t result)
{
	if (!call->is_eof_only)
		return after_call(call, result);
	return result != 0 ? result : after_untraced_read(call, result);
}

/* The same for a read that returns a number of messages, of which one may be empty. */
static inline int64_t after_read_messages(struct call *call, int64_t result)
{
	if (!call->is_eof_only)
		return after_call(call, result);
	return result < 0 ? result : after_untraced_read(call, result);
}

/* Returns what the program's shutdown is to return: 0 instead of ENOTCONN where close-on-EOF had
 * done what it asks for. */
int after_shutdown(const struct call *call, int result);

/* Remembers that this thread's name lookup, begun at start_ns, is over: the connect that follows
 * shows it. */
void after_lookup(uint64_t start_ns);

/* Prints, once, that the program has made an io_uring, whose calls are not seen. */
void after_ring(void);

#endif
