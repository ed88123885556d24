/*
 * deed: what a rehearsal does to one connection, and the line that tells it.
 *
 * Each deed is a few system calls on a descriptor that is certain to be the connection's
 * (descriptor_hold); it returns 0 or -errno. What has to be put back is kept with the connection.
 * Context: any thread with its guard up and its signals blocked, after fork. Locks: none. Errno:
 * untouched. Keeps I3, I5.
 */
#ifndef TRACE_DEED_H
#define TRACE_DEED_H

#include "guest/thread.h"

/* Cuts the socket off from an address: by a key, or by the minimum TTL if that is refused or
 * preferred. */
long deed_cut(int fd, struct conn *conn, const void *address, size_t size);

/* The same for the peer of a connection. -ENOTCONN: it has ended. */
long deed_cut_open(int fd, struct conn *conn);

/* Takes the cut back. */
void deed_heal(int fd, struct conn *conn);

/* Lets the program read end of stream. */
long deed_end_stream(int fd, struct conn *conn);

/* Throws away what can be read. */
void deed_discard(int fd, struct conn *conn);

/* Ends the connection as a reset from the peer does. info: a sample from before. */
long deed_reset(int fd, struct conn *conn, const struct tcpinfo *info);

/* Takes the pending error, so that it is reported once. */
void deed_take_error(int fd);

/* Paces what is sent, and takes that back. */
long deed_slow_down(int fd, struct conn *conn);
void deed_hasten(int fd, const struct conn *conn);

/* Makes the segments of a connection that is still to be made small. */
void deed_limit_segments(int fd);

bool deed_is_bound_to_device(int fd);

/* Writes the line of a deed, with its note. action: enum rehearsal_action. result: not 0: the deed
 * failed, and nothing follows. now_ns: before the deed, which may end a call. */
void deed_report(struct area *area, struct conn *conn, int fd, uint32_t action, long result,
		 uint64_t now_ns);

#endif
