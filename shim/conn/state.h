/*
 * state: how one call changes what is known of its connection.
 *
 * Pure functions of the connection and the step: no system call, nothing outside the connection.
 * Each field changes atomically, so that threads that share a connection lose no counts.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5. Units:
 * bytes, nanoseconds.
 */
#ifndef CONN_STATE_H
#define CONN_STATE_H

#include "conn/conn.h"

/* Linux delays an acknowledgement by 40 ms, other systems by up to 200 ms. */
#define STATE_HELD_LEAST_NS UINT64_C(25000000)
#define STATE_HELD_MOST_NS UINT64_C(300000000)

/* Advances the connection's state by one step: counters, times, and which FINs and errors both
 * sides have sent. */
void state_advance(struct conn *conn, const struct conn_step *step);

/* Counts an ordinary read of this many bytes. 0: there was nothing to read. */
void state_received(struct conn *conn, uint64_t bytes, uint64_t now_ns);
/* Counts a write of 1 byte or more. idle_ns: how long the peer had been idle before it, or 0 if
 * that is not known. */
void state_sent(struct conn *conn, uint64_t bytes, uint64_t idle_ns, uint64_t start_ns,
		uint64_t now_ns);

/* Returns whether Nagle's algorithm may have held back the last write, whose answer now arrives:
 * the second or a later one in a row, some time ago. */
static inline bool state_may_be_held(const struct conn *conn, uint64_t now_ns)
{
	uint64_t write_ns = atomic_load_explicit(&conn->write_ns, memory_order_relaxed);
	uint64_t first_ns = atomic_load_explicit(&conn->unanswered_ns, memory_order_relaxed);

	return first_ns != 0 && first_ns != write_ns &&
	       now_ns - write_ns - STATE_HELD_LEAST_NS < STATE_HELD_MOST_NS - STATE_HELD_LEAST_NS;
}

/* Returns how long Nagle's algorithm held back the last write before this read. 0: it did not, or
 * that is not known. */
uint64_t state_held_ns(const struct conn_view *before, const struct conn_step *step);

/* Returns the exact number of bytes written and never acknowledged, or 0 if info was not
 * sampled. */
uint64_t state_outstanding_bytes(const struct conn_view *view, const struct tcpinfo *info);

/* Returns whether the connection ended without an error: this side shut down first and the peer's
 * FIN was received. The kernel reports CLOSE for the socket then (the connection is in TIME_WAIT,
 * or over after LAST_ACK). */
bool state_is_clean_end(const struct conn_view *view, const struct conn_step *step);

#endif
