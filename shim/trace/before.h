/*
 * before: what has to be known, done or shown before the real call.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6,
 * I10.
 */
#ifndef TRACE_BEFORE_H
#define TRACE_BEFORE_H

#include "trace/call.h"

/* Prepares a call whose arguments are named: copies its input (I4), applies the policies to a
 * socket that is about to connect or listen, and announces a read or write that would block. */
void before_call(struct call *call);

/* The same for a read, which may be on an untraced descriptor. */
static inline void before_read(struct call *call)
{
	if (!call->is_eof_only)
		before_call(call);
}

/* Marks a wait, which before_call is not for, in the recording as the call that this thread is in.
 */
void before_wait(const struct call *call);

/* Whether a wait is to be made in two parts, so that it can be announced. */
bool before_is_announced(const struct call *call);

/* Announces a wait that has lasted its first second without a result. */
void before_announce(struct call *call);

/* Whether a setsockopt, with its arguments, is to be left out and success returned (TCPSHIM_FORCE).
 */
bool before_is_left_out(struct call *call);

#endif
