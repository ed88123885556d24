/*
 * closing: the connections that a call which closes descriptors has detached.
 *
 * They are detached before the real call, because another thread may get the number at once (I9).
 * struct call keeps them while the real call runs. If it failed with the descriptor still open,
 * they are attached again.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1, I5, I9.
 */
#ifndef TRACE_CLOSING_H
#define TRACE_CLOSING_H

#include "guest/thread.h"
#include "trace/call.h"

/* Begins a call that closes the descriptors [first, last]: detaches the watched ones and forgets
 * the others. Returns false if none is watched. */
bool closing_enter(struct call *call, enum tcpshim_call id, unsigned first, unsigned last);

/* Notes that a child gets a copy of this descriptor, most often as its standard input or output,
 * for the program that it executes, although the original is close-on-exec. The caller may be the
 * child of a vfork, which shares this memory. */
void closing_note_copied(int fd);

/* Begins dup and its variants. to: the descriptor that is replaced and thereby closed, or -1.
 * Returns false if neither is watched: the caller then makes the real call and reports a copy by
 * descriptor_copied. */
bool closing_enter_dup(struct call *call, enum tcpshim_call id, int from, int to);

/* Ends the connections after the real call, or attaches them again. error: its errno, or 0. */
void closing_leave(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown);

/* Releases what the call has detached. Does nothing after closing_leave. */
void closing_abandon(struct call *call) __attribute__((nothrow));

/* Declares a call that may detach connections. close is a cancellation point, so closing_abandon
 * also runs if the function is left by cancellation. */
#define CLOSING_CALL __attribute__((cleanup(closing_abandon))) struct call

#endif
