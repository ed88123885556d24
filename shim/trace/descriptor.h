/*
 * descriptor: which number stands for which connection.
 *
 * Keeps the fd table and the connections' references in step: each watched number holds one.
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

/* Counts a slot that has been stored. Returns whether it is a watched one. */
bool descriptor_count(uint64_t slot);

/* Puts conn into the table as fd, with the caller's reference. Returns the connection that the
 * number stood for, if its close was not seen, with its reference; else NULL. */
struct conn *descriptor_attach(int fd, struct conn *conn);

/* Remembers that fd stands for conn, in place of a number that does not any more. */
void descriptor_remember(struct conn *conn, int fd);

/* Takes fd's connection out of the table; its reference is the caller's then. NULL if it has none.
 * *is_last: no other descriptor of this process stands for it. */
struct conn *descriptor_detach(int fd, bool *is_last);

/* Stores that the number stands for something that is not watched. Lets a connection go whose close
 * was not seen. */
void descriptor_replace(int fd, enum fd_state state);

/* Makes the number's slot unknown; only for what is not watched. */
void descriptor_forget(int fd);

/* Stores in the slots of conn's descriptors whether it is untraced. first: one of them. A slot that
 * another thread makes at this moment may keep the old word until the connection is next judged.
 * Walks the table only for a connection with more than CONN_FDS descriptors that is judged
 * otherwise than before at its connect, its listen or its first use. */
void descriptor_update(int first, struct conn *conn);

/* Makes the number that of an epoll instance with watched members, if it is not one yet. Returns
 * its slot, by which the members know it: it is another one after a close. 0 if it is none. */
uint64_t descriptor_mark_epoll(int fd);

/* Finds the lowest other descriptor that stands for conn; -1 if none is known. Of a connection with
 * more than CONN_FDS descriptors the others are looked for among low numbers only, so the lowest
 * may be missed, or all of them be unknown. */
int descriptor_find_other(const struct conn *conn, int fd);

/* Makes to stand for what from stands for. */
void descriptor_copy(int from, int to);

/* The same after a call that is not watched itself. Does nothing in the child of vfork. */
void descriptor_copied(int from, int to);

/* Stores that the number stands for something else now, by a way that is not seen. */
void descriptor_replaced(int fd);

#endif
