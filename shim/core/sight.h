/*
 * sight: what a descriptor is, when it is first seen or made.
 *
 * Owns the rule which descriptors are watched (TCPSHIM_FDS) and puts connections into the fd table.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I9, I10.
 */
#ifndef CORE_SIGHT_H
#define CORE_SIGHT_H

#include <stdbool.h>

#include "core/conn.h"
#include "core/fdtable.h"

/* Whether a new socket of this kind is to be watched; *kind is what it is. */
bool sight_is_watched_socket(int domain, int type, int protocol, enum conn_kind *kind);

/* Asks the kernel what fd, of which the table knows nothing, is, and stores the answer. True if it
 * is watched from now on. Not possible in quiet mode: then it stays unknown and unwatched. */
bool sight_classify(int fd, uint64_t now_ns);

/* The connection of a new socket, with one reference; NULL if memory is short. */
struct conn *sight_make(enum conn_kind kind, uint32_t forks, uint64_t now_ns);

/* Asks about every descriptor that is open, so that the policies reach connections that the program
 * was given, whatever it does with them. In the constructor only. */
void sight_adopt_inherited(void);

/* Puts conn into the table as fd, with the caller's reference. Returns what the number stood for as
 * a connection of which no close was seen, with its reference; else NULL. */
struct conn *sight_attach(int fd, struct conn *conn);

/* Takes fd's connection out of the table; the reference is the caller's then. NULL if it has none.
 * *is_last: no other descriptor of this process stands for it. */
struct conn *sight_detach(int fd, bool *is_last);

/* The number stands for something that is not watched. A connection of which no close was seen is
 * let go. */
void sight_replace(int fd, enum fd_state state);

/* The number's slot becomes unknown; only for what is not watched. */
void sight_forget(int fd);

/* Whether TCPSHIM_MATCH selects the connection, as far as it is known, as this role; what it does
 * not select becomes silent. fd: one of its descriptors. */
void sight_judge(int fd, struct conn *conn, enum tcpshim_role role);

/* Asks the kernel for both addresses; leaves those that it does not tell as they are. */
void sight_read_addresses(int fd, struct conn *conn);

extern _Atomic uint32_t sight_watched;

/* How many descriptors are watched now. */
static inline uint32_t sight_count(void)
{
	return atomic_load_explicit(&sight_watched, memory_order_relaxed);
}

/* Makes the number that of an epoll instance with watched members, if it is not one yet. Returns
 * its slot, by which the members know it: it is another one after a close. 0 if it is none. */
uint64_t sight_note_epoll(int fd);

/* Finds the lowest other descriptor that stands for conn; -1 if none is known. Of one with more
 * than CONN_FDS descriptors the others are looked for among low numbers only, so the lowest may be
 * missed, or all of them be unknown. */
int sight_find_other(const struct conn *conn, int fd);

#endif
