/*
 * classify: what a descriptor is, when it is first seen or made.
 *
 * Owns the rule which descriptors are watched (TCPSHIM_FDS) and which connections are traced
 * (TCPSHIM_MATCH).
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I9, I10.
 */
#ifndef TRACE_CLASSIFY_H
#define TRACE_CLASSIFY_H

#include <stdbool.h>

#include "conn/conn.h"

/* Whether a new socket of this kind is to be watched; *kind is what it is. */
bool classify_is_watched_socket(int domain, int type, int protocol, enum conn_kind *kind);

/* Asks the kernel what fd, of which the table knows nothing, is, and stores the answer. Returns
 * whether it is watched from now on. Where seccomp does not allow asking, it stays unknown and
 * unwatched. */
bool classify_descriptor(int fd, uint64_t now_ns);

/* Classifies every descriptor that is open, so that the policies reach connections that the program
 * inherited, whatever it does with them. In the constructor only. */
void classify_inherited(void);

/* Creates the connection of a new socket, with one reference; NULL if memory is short. */
struct conn *classify_create(enum conn_kind kind, uint32_t forks, uint64_t now_ns);

/* Decides whether TCPSHIM_MATCH selects the connection, as far as it is known, as this role. What
 * it does not select becomes untraced. fd: one of its descriptors. */
void classify_match(int fd, struct conn *conn, enum tcpshim_role role);

/* Asks the kernel for both addresses; leaves those that it does not know as they are. */
void classify_read_addresses(int fd, struct conn *conn);

#endif
