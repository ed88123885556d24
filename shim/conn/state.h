/*
 * state: how one call changes what is known of its connection.
 *
 * Pure functions of the connection and the step: no system call, nothing outside the connection.
 * Each field changes atomically, so that threads which share a connection lose no byte.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_STATE_H
#define CONN_STATE_H

#include "conn/conn.h"

/* The step of the connection's state: counts, times, what both sides have said. A pure function of
 * the connection and the step; each field changes atomically. */
void state_advance(struct conn *conn, const struct conn_step *step);

/* An ordinary read of so many bytes; 0: it found none. */
void state_received(struct conn *conn, uint64_t bytes, uint64_t now_ns);
/* A write of so many bytes, 1 or more, idle_ns after the peer was heard, 0 if that is not known.
 */
void state_sent(struct conn *conn, uint64_t bytes, uint64_t idle_ns, uint64_t start_ns,
		uint64_t now_ns);

/* Bytes written and never acknowledged, exactly; 0 if info was not sampled. */
uint64_t state_outstanding_bytes(const struct conn_view *view, const struct tcpinfo *info);

/* This side shut down first and the peer's FIN came: the kernel's socket says CLOSE, but nothing
 * went wrong (the connection is in TIME_WAIT, or over after LAST_ACK). */
bool state_is_clean_end(const struct conn_view *view, const struct conn_step *step);

#endif
