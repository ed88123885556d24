/*
 * fdtable: what each file descriptor number of this process stands for, one atomic word a number.
 *
 * Owns a directory of pages, mapped as numbers are used and never freed; the first numbers need no
 * page. A slot holds a state and, where the descriptor is watched, the connection's index and
 * generation: a stale slot is recognised by conn_acquire. The slot of an epoll instance holds a
 * serial number instead, so that no two of them are equal. Any number up to the kernel's limit.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I9.
 */
#ifndef CONN_FDTABLE_H
#define CONN_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fd_state {
	FD_UNKNOWN,   /* never asked about, or closed */
	FD_UNWATCHED, /* a file, a pipe, a socket that is not traced */
	FD_WATCHED,   /* the slot names a connection */
	/* an epoll instance that watched descriptors were added to; the index is its serial */
	FD_EPOLL,
	FD_OURS, /* the library's own */
	/* was watched, and closed: a second close is worth showing; else as FD_UNKNOWN */
	FD_CLOSED,
	/* the slot names a connection that nothing is shown of: its transfers pass */
	FD_UNTRACED,
};

enum { FDTABLE_STATE_BITS = 3, FDTABLE_STATE_MASK = 7, FDTABLE_LOW = 1024 };

extern _Atomic uint64_t fdtable_low[FDTABLE_LOW];

/* A word: the generation's low 29 bits and the index of a connection behind the state. */
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

/* The slot of fd; 0 (FD_UNKNOWN) for a number that has none, negative ones too. */
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

/* Puts value in place and returns what was there. *is_stored is false if no page could be mapped:
 * then nothing changed and the number stays unknown. */
uint64_t fdtable_exchange(int fd, uint64_t value, bool *is_stored);

/* Puts value in place if expected is still there. */
bool fdtable_replace(int fd, uint64_t expected, uint64_t value);

/* The first number in [from, last] whose slot is known, or -1. */
int fdtable_next(int from, unsigned last);

#endif
