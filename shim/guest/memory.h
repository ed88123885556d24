/*
 * memory: copies of the program's memory that cannot fault.
 *
 * Input of a call is copied before the call (I4): after it, another thread may have given the
 * buffer back, since the kernel has its copy. A page is read only if it is known to be readable: a
 * system call with harmless effect has read it in the last 8 ms, and not answered EFAULT.
 * What was found is kept in a small table, so that a buffer in use costs no system call; all of it
 * is forgotten when the program takes memory away by libc's munmap, mprotect and the like.
 * Known holes, where the copy faults and the call would have failed with EFAULT: memory that is
 * taken away while it is copied; that was readable in the last 8 ms and was then taken away
 * otherwise: by free, by a system call that is not libc's, by cutting a mapped file short, by
 * mmap with MAP_FIXED.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3 to I5.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MEMORY_PAGE_BITS = 12, /* the least page of any machine */
	MEMORY_ENTRY_BITS = 12,
	MEMORY_TIME_SHIFT = 23, /* a page is asked about again after 2^23 ns, 8 ms */
	MEMORY_TIME_BITS = 19,  /* with 45 bits of page number: a 57-bit address space */
};

extern _Atomic uint64_t memory_known[1 << MEMORY_ENTRY_BITS];
extern _Atomic uint64_t memory_changes; /* how often memory was taken away */

/* What is known at now_ns: it goes by the time and by the changes. */
static inline uint64_t memory_time(uint64_t now_ns)
{
	return (now_ns >> MEMORY_TIME_SHIFT) +
	       atomic_load_explicit(&memory_changes, memory_order_relaxed);
}

static inline unsigned memory_entry(uint64_t page)
{
	return (unsigned)(page * UINT64_C(0x9E3779B97F4A7C15) >> (64 - MEMORY_ENTRY_BITS));
}

static inline uint64_t memory_value(uint64_t page, uint64_t time)
{
	return page << MEMORY_TIME_BITS | (time & ((1U << MEMORY_TIME_BITS) - 1));
}

/* Whether the page of this address was found readable in the last 8 ms before now_ns. */
static inline bool memory_is_known(uintptr_t address, uint64_t now_ns)
{
	uint64_t page = address >> MEMORY_PAGE_BITS;

	return page != 0 &&
	       atomic_load_explicit(&memory_known[memory_entry(page)], memory_order_relaxed) ==
		       memory_value(page, memory_time(now_ns));
}

/* The program has taken memory away, or its being readable. */
static inline void memory_forget(void)
{
	atomic_fetch_add_explicit(&memory_changes, 1, memory_order_relaxed);
}

/* Copies size bytes at from to to, or as many as lie before the first page that is not readable.
 * Returns how many. now_ns: CLOCK_MONOTONIC. */
size_t memory_copy(void *to, const void *from, size_t size, uint64_t now_ns);

/* Copies all size bytes: true if they are readable. */
static inline bool memory_copy_all(void *to, const void *from, size_t size, uint64_t now_ns)
{
	return memory_copy(to, from, size, now_ns) == size;
}

#endif
