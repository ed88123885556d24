/*
 * enforce: applies the policies' decisions to one connection.
 *
 * Calls real.*, so that another preloaded library sees it. What was done is kept with the
 * connection, with the values that the kernel has then, until a line reports it. Does nothing if
 * restriction_is_filter(): a filter may end the process because of a setsockopt.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5,
 * I10.
 */
#ifndef TRACE_ENFORCE_H
#define TRACE_ENFORCE_H

#include "conn/conn.h"

/* Sets the options on fd, once per connection that TCPSHIM_MATCH selects. */
void enforce_options(int fd, struct conn *conn);

/* Acts on the end of stream that a read on fd has returned, if it did. Returns
 * POLICY_ACTION_SENT_FIN, POLICY_ACTION_SENT_RST, or 0. */
uint8_t enforce_end(int fd, uint64_t slot, struct conn *conn, const struct conn_step *read);

/* Returns whether the program's setsockopt of this option is to return success without being
 * carried out. False if the kernel would have refused its arguments. */
bool enforce_leaves_out(struct conn *conn, int level, int name, const void *value, uint32_t size);

/* Notes that the program has set this option: if the policy's value is gone, that will be
 * reported. */
void enforce_note_option(int fd, struct conn *conn, int level, int name);

#endif
