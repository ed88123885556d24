#include "guest/memory.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "sys/raw.h"
#include "sys/restriction.h"

#define PAGE_BYTES ((uintptr_t)1 << MEMORY_PAGE_BITS)

_Atomic uint64_t memory_known[1 << MEMORY_ENTRY_BITS];
_Atomic uint64_t memory_changes;

/* Makes the kernel read the word at this address, which must be a multiple of 4. FUTEX_CMP_REQUEUE
 * with 0 threads to wake and 0 to move compares the word and does nothing else
 * (kernel/futex/requeue.c). Every filter allows futex, because libc's own locks need it. */
static bool is_word_readable(uintptr_t word)
{
	return raw_syscall6(SYS_futex, (long)word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, 0,
			    (long)word, 0) != -EFAULT;
}

/* Checks whether the page of this address is readable, and stores it if it is. */
static bool learn(uintptr_t address, uint64_t now_ns)
{
	uint64_t page = address >> MEMORY_PAGE_BITS;
	uint64_t time = memory_time(now_ns); /* read first: a change during the check makes it stale
					      */

	/* The first page and the kernel's half of the address space are never readable; of 32 bits,
	 * a program has up to all. */
	if (page == 0 || (sizeof(address) == 8 && (intptr_t)address < 0) ||
	    restriction_is_strict() || !is_word_readable(address & ~(uintptr_t)3))
		return false;
	atomic_store_explicit(&memory_known[memory_entry(page)], memory_value(page, time),
			      memory_order_relaxed);
	return true;
}

size_t memory_copy(void *to, const void *from, size_t size, uint64_t now_ns)
{
	size_t done = 0;

	while (done < size) {
		uintptr_t at = (uintptr_t)from + done;
		size_t part = PAGE_BYTES - (at & (PAGE_BYTES - 1));

		if (part > size - done)
			part = size - done;
		if (!memory_is_known(at, now_ns) && !learn(at, now_ns))
			break;
		memcpy((char *)to + done, (const void *)at, part);
		done += part;
	}
	return done;
}
