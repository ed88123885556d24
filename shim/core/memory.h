/*
 * memory: copies of the program's memory that cannot fault.
 *
 * Input of a call is copied before the call (I4): after it, another thread may have given the
 * buffer back, since the kernel has its copy. A page is read only if it is known to be readable: a
 * system call with harmless effect has read it in the last 67 ms, and not answered EFAULT.
 * What was found is kept in a small table, so that a buffer in use costs no system call. A known
 * hole: a page that was readable, is unmapped within that time, and is then passed to a call on
 * purpose, for its EFAULT: the copy faults.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3 to I5.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MEMORY_PAGE_BITS = 12, /* the least page of any machine */
	MEMORY_ENTRY_BITS = 12,
	MEMORY_TIME_SHIFT = 26, /* a page is asked about again after 2^26 ns, 67 ms */
	MEMORY_TIME_BITS = 19,  /* with 45 bits of page number: a 57-bit address space */
};

extern _Atomic uint64_t memory_known[1 << MEMORY_ENTRY_BITS];

/* Whether the page of this address was found readable in the last 67 ms before now_ns. */
static inline bool memory_is_known(uintptr_t address, uint64_t now_ns)
{
	uint64_t page = address >> MEMORY_PAGE_BITS;
	uint64_t hash = page * UINT64_C(0x9E3779B97F4A7C15) >> (64 - MEMORY_ENTRY_BITS);
	uint64_t time = now_ns >> MEMORY_TIME_SHIFT & ((1U << MEMORY_TIME_BITS) - 1);

	return page != 0 && atomic_load_explicit(&memory_known[hash], memory_order_relaxed) ==
				    (page << MEMORY_TIME_BITS | time);
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
