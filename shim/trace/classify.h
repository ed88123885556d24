/*
 * classify: finds out what a descriptor is when it is first seen or made.
 *
 * Owns the rules which descriptors are watched (TCPSHIM_FDS) and which connections are traced
 * (TCPSHIM_MATCH).
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I9, I10.
 */
#ifndef TRACE_CLASSIFY_H
#define TRACE_CLASSIFY_H

#include <stdbool.h>

#include "conn/conn.h"

/* Returns whether a new socket with these arguments is to be watched. *kind: its kind. */
bool classify_is_watched_socket(int domain, int type, int protocol, enum conn_kind *kind);

/* Asks the kernel what fd is, which must be unknown to the table, and stores the answer. Returns
 * whether fd is watched from now on. If seccomp does not allow asking, fd stays unknown and
 * unwatched. */
bool classify_descriptor(int fd, uint64_t now_ns);

/* Classifies every open descriptor, so that the policies reach inherited connections whatever the
 * program does with them. Called in the constructor only. */
void classify_inherited(void);

/* Creates the connection of a new socket, with one reference. Returns NULL if there is no
 * memory. */
struct conn *classify_create(enum conn_kind kind, uint32_t forks, uint64_t now_ns);

/* Decides whether TCPSHIM_MATCH selects the connection in this role, as far as its addresses are
 * known. If not, it becomes untraced. fd: one of its descriptors. */
void classify_match(int fd, struct conn *conn, enum tcpshim_role role);

/* Reads both addresses from the kernel. An address that the kernel does not know stays
 * unchanged. */
void classify_read_addresses(int fd, struct conn *conn);

/* Returns the SO_COOKIE of a socket, 0 if it has none. */
uint64_t classify_cookie(int fd);

#endif
