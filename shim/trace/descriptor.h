/*
 * descriptor: which descriptor refers to which connection.
 *
 * Keeps the fd table and the references of connections consistent: each watched descriptor has one
 * reference.
 * Context: any thread with its guard up, signal handler, after fork; descriptor_copied and
 * descriptor_replaced need no guard. Locks: none. Errno: untouched. Keeps I5, I6, I9.
 */
#ifndef TRACE_DESCRIPTOR_H
#define TRACE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "conn/conn.h"
#include "conn/fdtable.h"

extern _Atomic uint32_t descriptor_watched;

/* Returns how many descriptors are watched now. */
static inline uint32_t descriptor_watched_count(void)
{
	return atomic_load_explicit(&descriptor_watched, memory_order_relaxed);
}

/* Counts a slot that was stored. Returns whether it is a watched one. */
bool descriptor_count(uint64_t slot);

/* Stores conn in the table as fd, with the caller's reference. Returns the connection that fd
 * referred to before, if its close was not seen, with its reference; otherwise NULL. */
struct conn *descriptor_attach(int fd, struct conn *conn);

/* Remembers that fd refers to conn, in place of a descriptor that does not any more. */
void descriptor_remember(struct conn *conn, int fd);

/* Removes fd's connection from the table; its reference is the caller's then. Returns NULL if fd
 * has none. *is_last: no other descriptor of this process refers to it. */
struct conn *descriptor_detach(int fd, bool *is_last);

/* Stores that fd refers to something that is not watched. Releases a connection whose close was not
 * seen. */
void descriptor_replace(int fd, enum fd_state state);

/* Makes fd's slot unknown. Only for descriptors that are not watched. */
void descriptor_forget(int fd);

/* Stores in the slots of conn's descriptors whether it is untraced. first: one of them. If another
 * thread stores a slot at this moment, it may stay as it is until the next decision about the
 * connection. Walks the table only for a connection with more than CONN_FDS descriptors, if the
 * decision changes at its connect, its listen or its first use. */
void descriptor_update(int first, struct conn *conn);

/* Makes fd's slot that of an epoll instance with watched members, if it is not one yet. Returns the
 * slot, which identifies the instance to its members; it changes with each close. Returns 0 if fd
 * is something else. */
uint64_t descriptor_mark_epoll(int fd);

/* Finds the lowest other descriptor that refers to conn. Returns -1 if none is known. For a
 * connection with more than CONN_FDS descriptors only low numbers are searched, so the lowest may
 * be missed, or all of them. */
int descriptor_find_other(const struct conn *conn, int fd);

/* Makes to refer to what from refers to. */
void descriptor_copy(int from, int to);

/* Makes to refer to what from refers to, after a call that is not watched itself. Does nothing in
 * the child of vfork. */
void descriptor_copied(int from, int to);

/* Stores that fd now refers to something else, after a call that is not watched itself. Does
 * nothing in the child of vfork. */
void descriptor_replaced(int fd);

/* Duplicates fd to a high number for a moment. Returns the copy, which is certain to be the
 * connection of slot, or -1. fd itself is not certain: another thread may close it and get the
 * number again for another connection, which must not be acted on. What the table contains after
 * the copy was made was there when it was made, because a close detaches first (I9). Known holes: a
 * child that another thread forks at this moment keeps the connection open until it execs; and if
 * the limit on descriptors is low, the copy takes a number that another thread could get. */
int descriptor_hold(int fd, uint64_t slot);

#endif
