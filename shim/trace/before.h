/*
 * before: does what must be known, done or shown before the real call.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6,
 * I10.
 */
#ifndef TRACE_BEFORE_H
#define TRACE_BEFORE_H

#include "trace/call.h"

/* Prepares a call whose arguments are set: copies its input (I4), applies the policies to a socket
 * that is about to connect or listen, and announces a read or write that would block. */
void before_call(struct call *call);

/* Prepares a read, unless it is on an untraced descriptor. */
static inline void before_read(struct call *call)
{
	if (!call->is_eof_only)
		before_call(call);
}

/* Marks a wait in the recording as the call that this thread is in. before_call is not for
 * waits. */
void before_wait(const struct call *call);

/* Returns whether a wait is to be made in two parts, so that it can be announced after the
 * first. */
bool before_is_announced(const struct call *call);

/* Announces a wait whose first second has passed without a result. */
void before_announce(struct call *call);

/* Returns whether a setsockopt is not to be carried out, and to return success instead
 * (TCPSHIM_FORCE). The arguments must be set. */
bool before_is_left_out(struct call *call);

#endif
