/*
 * enforce: what the policies decide, done to one connection.
 *
 * Through real.*, so that a library below ours sees it; what was done is kept with the connection
 * until a line tells it, with the values that the kernel then has. Nothing in quiet mode: a filter
 * may end the process for a setsockopt.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5,
 * I10.
 */
#ifndef TRACE_ENFORCE_H
#define TRACE_ENFORCE_H

#include "conn/conn.h"

/* Sets the options on fd, once for a connection that TCPSHIM_MATCH selects. */
void enforce_options(int fd, struct conn *conn);

/* A read on fd has returned: acts on the end of stream, if it is one. Returns
 * POLICY_ACTION_SENT_FIN or POLICY_ACTION_SENT_RST if it was, else 0. */
uint8_t enforce_end(int fd, uint64_t slot, struct conn *conn, const struct conn_step *read);

/* The program is about to set this option: true if it is to be told success and nothing is to be
 * done. What it hands over must be such that the kernel would have taken it. */
bool enforce_leaves_out(struct conn *conn, int level, int name, const void *value, uint32_t size);

/* The program has set this option: if the policy's value is gone, that is to be told. */
void enforce_note_option(int fd, struct conn *conn, int level, int name);

#endif
