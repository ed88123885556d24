/*
 * memory: copies the program's memory without faulting.
 *
 * A call's input is copied before the call (I4): after it, another thread may have freed the
 * buffer, since the kernel has its copy. A page is read only if it is known to be readable: in the
 * last 8 ms, a system call without side effects read it and did not return EFAULT. The pages found
 * readable are kept in a small table, so that a buffer in use costs no further system call. The
 * whole table is forgotten when the program removes memory through libc's munmap, mprotect and
 * similar functions. Known holes, in which the copy faults where the call would have failed with
 * EFAULT: memory that is removed during the copy; and memory that was readable in the last 8 ms and
 * was then removed in another way: by free, by a system call not made through libc, by truncating a
 * mapped file, by mmap with MAP_FIXED.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3 to I5.
 * Units: bytes, nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MEMORY_PAGE_BITS = 12, /* the smallest page size of any machine */
	MEMORY_ENTRY_BITS = 12,
	MEMORY_TIME_SHIFT = 23, /* a page is checked again after 2^23 ns, 8 ms */
	MEMORY_TIME_BITS = 19,  /* with 45 bits of page number: enough for a 57-bit address space */
};

extern _Atomic uint64_t memory_known[1 << MEMORY_ENTRY_BITS];
extern _Atomic uint64_t memory_changes; /* how often memory was removed */

/* Returns the time that is stored with a page. Time passing and removed memory both change it,
 * which invalidates what is known. */
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

/* Returns whether the page of this address was found readable in the last 8 ms before now_ns. */
static inline bool memory_is_known(uintptr_t address, uint64_t now_ns)
{
	uint64_t page = address >> MEMORY_PAGE_BITS;

	return page != 0 &&
	       atomic_load_explicit(&memory_known[memory_entry(page)], memory_order_relaxed) ==
		       memory_value(page, memory_time(now_ns));
}

/* Forgets all pages: the program has removed memory, or made it unreadable. */
static inline void memory_forget(void)
{
	atomic_fetch_add_explicit(&memory_changes, 1, memory_order_relaxed);
}

/* Copies size bytes from from to to, or only those before the first page that is not readable.
 * Returns how many were copied. now_ns: CLOCK_MONOTONIC. */
size_t memory_copy(void *to, const void *from, size_t size, uint64_t now_ns);

/* Copies size bytes. Returns whether all of them were readable. */
static inline bool memory_copy_all(void *to, const void *from, size_t size, uint64_t now_ns)
{
	return memory_copy(to, from, size, now_ns) == size;
}

#endif
