/*
 * choice: which connections a rehearsal concerns.
 *
 * Counts the connections of the process, remembers the peers that have failed, and asks
 * settings/rehearsal. What is due by time is announced to guest/alarm.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I5.
 */
#ifndef TRACE_CHOICE_H
#define TRACE_CHOICE_H

#include "conn/conn.h"
#include "settings/config.h"

static inline bool choice_is_on(void)
{
	return config.rehearsal.is_on;
}

/* Returns whether TCPSHIM_MATCH selects it, and the kernel may be told to do something to it. */
bool choice_is_selected(const struct conn *conn);

/* Decides about a connection that has been opened or adopted. Does nothing if that was done. */
void choice_opened(struct conn *conn);

/* Decides about a connect that the program is about to make. */
bool choice_of_connect(const struct conn *conn);

/* Remembers that a peer has failed. until_ns: UINT64_MAX: to the end. If there are too many, later
 * connections to it are decided by themselves. */
void choice_fail_peer(const struct tcpshim_address *peer, uint64_t until_ns);

/* Returns until when the peer has failed, 0 if it has not. */
uint64_t choice_failed_until_ns(const struct tcpshim_address *peer);

#endif
