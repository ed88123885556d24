/*
 * rehearse: does to the program's connections what settings/rehearsal decides (TCPSHIM_REHEARSE).
 *
 * The kernel does the rest: its timers, states and errors are those of a real failure. Each deed is
 * a line of its own in the trace, rehearse(FD, SCENARIO), with a note. What is due by time is done
 * by the thread of guest/alarm, or by a call that comes first; it acts on a copy of the descriptor,
 * which is certain to be the connection. Does nothing under a filter, and nothing to other sockets
 * than TCP connections that TCPSHIM_MATCH selects.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I2, I3, I5, I8.
 */
#ifndef TRACE_REHEARSE_H
#define TRACE_REHEARSE_H

#include "guest/thread.h"
#include "trace/call.h"

/* Prepares the rehearsal. In the constructor. */
void rehearse_start(void);

/* Does what is due before a call: at a connect, a read or a write. conn: the call's, referenced. */
void rehearse_before(struct area *area, struct call *call, struct conn *conn);

/* Waits, for a moment at most, until no other thread acts on a connection. A call that a deed ends
 * comes after it: in the trace, and in what is known of the connection. */
void rehearse_await(void);

/* Returns the error of a call that has failed. A read that waits while its connection is reset here
 * gets EPIPE (Linux 6.4 and later), where a reset from the peer makes it ECONNRESET. */
int rehearse_error(const struct call *call, int error);

/* Does what is due after a call, whose own line has been written. */
void rehearse_after(struct area *area, const struct call *call, int64_t result);

/* Ends an interruption before the connection's last descriptor, fd, is closed: what the kernel
 * still has to send would be lost otherwise. */
void rehearse_closing(struct conn *conn, int fd);

/* The same for all connections, at the end of the program. */
void rehearse_end(struct area *area);

#endif
