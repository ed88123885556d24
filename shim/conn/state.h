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

/* Advances the connection's state by one step: counters, times, and which FINs and errors both
 * sides have sent. */
void state_advance(struct conn *conn, const struct conn_step *step);

/* Counts an ordinary read of this many bytes. 0: there was nothing to read. */
void state_received(struct conn *conn, uint64_t bytes, uint64_t now_ns);
/* Counts a write of 1 byte or more. idle_ns: how long the peer had been idle before it, or 0 if
 * that is not known. */
void state_sent(struct conn *conn, uint64_t bytes, uint64_t idle_ns, uint64_t start_ns,
		uint64_t now_ns);

/* Returns the exact number of bytes written and never acknowledged, or 0 if info was not
 * sampled. */
uint64_t state_outstanding_bytes(const struct conn_view *view, const struct tcpinfo *info);

/* Returns whether the connection ended without an error: this side shut down first and the peer's
 * FIN was received. The kernel reports CLOSE for the socket then (the connection is in TIME_WAIT,
 * or over after LAST_ACK). */
bool state_is_clean_end(const struct conn_view *view, const struct conn_step *step);

#endif
