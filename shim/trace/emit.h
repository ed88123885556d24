/*
 * emit: advances a connection by a step, and adds what that meant to the event that is being built.
 *
 * The area's event and step belong to the thread while its guard is up.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I10.
 */
#ifndef TRACE_EMIT_H
#define TRACE_EMIT_H

#include "guest/thread.h"
#include "trace/call.h"

/* Returns whether notes are wanted: without them the kernel need not be asked. */
bool emit_has_notes(void);

/* Advances the connection by area->step. If the call is shown, adds the notes to area->event. */
void emit_step(struct area *area, struct conn *conn, bool is_shown);

/* Advances the connections of a poll-like call. Returns whether one of its descriptors is
 * watched. */
bool emit_wait(struct area *area, const struct call *call, int64_t result, int error,
	       uint64_t now_ns, bool is_sleeping, bool is_shown);

/* Mark a reference so that it is released even if a signal handler leaves the library's code by
 * siglongjmp; and release it. */
void emit_pin(struct conn *conn);
void emit_unpin(struct conn *conn);

/* Hands area->event to the sinks, with now_ns as its time. */
void emit_event(struct area *area, uint64_t now_ns);

#endif
