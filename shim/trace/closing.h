/*
 * closing: the connections that a call which ends descriptors has detached.
 *
 * They are detached before the real call, since another thread may get the number at once (I9),
 * hang on struct call while it runs, and are attached again if it failed with the descriptor still
 * open.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1, I5, I9.
 */
#ifndef TRACE_CLOSING_H
#define TRACE_CLOSING_H

#include "guest/thread.h"
#include "trace/call.h"

/* Begins a call that closes [first, last]: detaches those that are watched and forgets the others.
 * False: nothing watched is among them. */
bool closing_enter(struct call *call, enum tcpshim_call id, unsigned first, unsigned last);

/* Begins dup and its relatives. to: the number that is taken over and so closed, -1 for none.
 * False: neither is watched; then the caller makes the real call and reports a copy by
 * descriptor_copied. */
bool closing_enter_dup(struct call *call, enum tcpshim_call id, int from, int to);

/* After the real call: ends the connections, or attaches them again. error: its errno, or 0. */
void closing_leave(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown);

/* Lets go of what the call has detached; nothing if closing_leave has run. */
void closing_abandon(struct call *call) __attribute__((nothrow));

/* A call that may detach. close is a cancellation point: closing_abandon runs when the function is
 * left by cancellation, too. */
#define CLOSING_CALL __attribute__((cleanup(closing_abandon))) struct call

#endif
