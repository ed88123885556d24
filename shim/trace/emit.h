/*
 * tell: a connection takes a step, and what that meant goes into the event that is being made.
 *
 * The area's event and step belong to the thread while its guard is up.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I10.
 */
#ifndef TRACE_EMIT_H
#define TRACE_EMIT_H

#include "guest/thread.h"
#include "trace/call.h"

/* Whether notes are wanted at all: without them the kernel need not be asked. */
bool emit_has_notes(void);

/* The connection takes area->step; its notes are added to area->event if the call is shown. */
void emit_step(struct area *area, struct conn *conn, bool is_shown);

/* The same for each descriptor of a poll-like call. True if one of them is watched. */
bool emit_wait(struct area *area, const struct call *call, int64_t result, int error,
	       uint64_t now_ns, bool is_sleeping, bool is_shown);

/* A reference that is given back even if a signal handler leaves the library's code by
 * siglongjmp. */
void emit_pin(struct conn *conn);
void emit_unpin(struct conn *conn);

/* Hands area->event to the sinks, stamped now_ns. */
void emit_event(struct area *area, uint64_t now_ns);

#endif
