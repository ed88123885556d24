/*
 * fdtable: what each file descriptor of this process refers to, in one atomic word per descriptor.
 *
 * Owns a directory of pages, which are mapped as descriptors are used and never freed; the lowest
 * descriptors need no page. A slot holds a state and, if the descriptor is watched, the index and
 * generation of its connection: conn_acquire recognises a stale slot. The slot of an epoll instance
 * holds a serial number instead, so that no two are equal. Any descriptor up to the kernel's limit
 * is supported.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I9.
 */
#ifndef CONN_FDTABLE_H
#define CONN_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fd_state {
	FD_UNKNOWN,   /* never classified, or closed */
	FD_UNWATCHED, /* a file, a pipe, a socket that is not traced */
	FD_WATCHED,   /* the slot names a connection */
	/* an epoll instance that watched descriptors were added to; the index is its serial
	 * number */
	FD_EPOLL,
	FD_OURS, /* the library's own */
	/* was watched, and was closed: a second close is worth showing. Otherwise as FD_UNKNOWN */
	FD_CLOSED,
	/* the slot names a connection of which nothing is shown: its transfers pass through */
	FD_UNTRACED,
};

enum { FDTABLE_STATE_BITS = 3, FDTABLE_STATE_MASK = 7, FDTABLE_LOW = 1024 };

extern _Atomic uint64_t fdtable_low[FDTABLE_LOW];

/* Returns a slot: the index of a connection << 32, the low 29 bits of its generation << 3, and the
 * state. */
static inline uint64_t fdtable_slot(enum fd_state state, uint32_t index, uint32_t generation)
{
	return (uint64_t)index << 32 | (uint32_t)(generation << FDTABLE_STATE_BITS) | state;
}

static inline enum fd_state fdtable_state(uint64_t slot)
{
	return (enum fd_state)(slot & FDTABLE_STATE_MASK);
}

static inline uint32_t fdtable_index(uint64_t slot)
{
	return (uint32_t)(slot >> 32);
}

static inline uint32_t fdtable_generation(uint64_t slot)
{
	return (uint32_t)slot >> FDTABLE_STATE_BITS;
}

static inline bool fdtable_has_conn(uint64_t slot)
{
	return fdtable_state(slot) == FD_WATCHED || fdtable_state(slot) == FD_UNTRACED;
}

uint64_t fdtable_load_high(int fd);

/* Returns the slot of fd. 0 (FD_UNKNOWN) if it has none, and for negative numbers. */
static inline uint64_t fdtable_load(int fd)
{
	if ((unsigned)fd < FDTABLE_LOW)
		return atomic_load_explicit(&fdtable_low[fd], memory_order_acquire);
	return fdtable_load_high(fd);
}

static inline bool fdtable_is_known(uint64_t slot)
{
	return fdtable_state(slot) != FD_UNKNOWN && fdtable_state(slot) != FD_CLOSED;
}

/* Stores value and returns the previous slot. *is_stored is false if no page could be mapped: then
 * nothing has changed and the descriptor stays unknown. */
uint64_t fdtable_exchange(int fd, uint64_t value, bool *is_stored);

/* Stores value if the slot is still the expected one. Returns whether it did. */
bool fdtable_replace(int fd, uint64_t expected, uint64_t value);

/* Returns the first descriptor in [from, last] whose slot is known, or -1. */
int fdtable_next(int from, unsigned last);

#endif
