/*
 * rehearsed: what the kernel would report of a connection if its end were not a rehearsal.
 *
 * After a rehearsed end of stream the kernel's state stays ESTABLISHED, and after a rehearsed reset
 * its counters begin at 0. The notes are about what the program would see, so they are based on the
 * state after a FIN and on the counters as they were.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5. Units:
 * bytes, nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef CONN_REHEARSED_H
#define CONN_REHEARSED_H

#include "conn/conn.h"

/* Remembers the counters before the connection is reset. */
void rehearsed_keep(struct conn *conn, const struct tcpinfo *info, uint64_t now_ns);

/* Changes a sample taken at this time. Does nothing to connections that were not rehearsed. */
void rehearsed_restore(const struct conn *conn, uint64_t now_ns, struct tcpinfo *info);

/* Returns what a wait would report of it: a rehearsed reset after an end of stream leaves no
 * POLLERR, which a real one does until the connection is known to be dead. */
uint32_t rehearsed_events(const struct conn *conn, uint32_t events);

#endif
