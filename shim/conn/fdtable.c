#include "conn/fdtable.h"

#include <stddef.h>

#include "sys/raw.h"

/* 2^31 descriptors in pages of 2^13. The directory takes address space only; its untouched part
 * takes no memory. */
enum { PAGE_BITS = 13, PAGE_SLOTS = 1 << PAGE_BITS, DIRECTORY_SIZE = 1 << (31 - PAGE_BITS) };

_Atomic uint64_t fdtable_low[FDTABLE_LOW];
static _Atomic(_Atomic uint64_t *) directory[DIRECTORY_SIZE];
static _Atomic int32_t last_slot = FDTABLE_LOW - 1; /* no page holds a higher descriptor */

static _Atomic uint64_t *find_slot(int fd)
{
	_Atomic uint64_t *page;

	if (fd < 0)
		return NULL;
	if (fd < FDTABLE_LOW)
		return &fdtable_low[fd];
	page = atomic_load_explicit(&directory[fd >> PAGE_BITS], memory_order_acquire);
	return page ? &page[fd & (PAGE_SLOTS - 1)] : NULL;
}

static _Atomic uint64_t *make_slot(int fd)
{
	_Atomic uint64_t *slot = find_slot(fd), *page, *expected = NULL;
	int32_t last = fd | (PAGE_SLOTS - 1), known = atomic_load(&last_slot);

	if (slot || fd < 0)
		return slot;
	page = raw_map(PAGE_SLOTS * sizeof(*page));
	if (!page)
		return NULL;
	if (!atomic_compare_exchange_strong(&directory[fd >> PAGE_BITS], &expected, page)) {
		raw_unmap(page, PAGE_SLOTS * sizeof(*page));
		page = expected;
	}
	while (known < last && !atomic_compare_exchange_weak(&last_slot, &known, last))
		;
	return &page[fd & (PAGE_SLOTS - 1)];
}

uint64_t fdtable_load_high(int fd)
{
	_Atomic uint64_t *slot = find_slot(fd);

	return slot ? atomic_load_explicit(slot, memory_order_acquire) : 0;
}

uint64_t fdtable_exchange(int fd, uint64_t value, bool *is_stored)
{
	/* Making a descriptor unknown that was never stored needs no page. */
	_Atomic uint64_t *slot = fdtable_state(value) == FD_UNKNOWN ? find_slot(fd) : make_slot(fd);

	*is_stored = slot || fdtable_state(value) == FD_UNKNOWN;
	return slot ? atomic_exchange_explicit(slot, value, memory_order_acq_rel) : 0;
}

bool fdtable_replace(int fd, uint64_t expected, uint64_t value)
{
	_Atomic uint64_t *slot = make_slot(fd);

	return slot && atomic_compare_exchange_strong(slot, &expected, value);
}

int fdtable_next(int from, unsigned last)
{
	int64_t fd = from < 0 ? 0 : from;
	int64_t most = atomic_load(&last_slot), end = last > most ? most : last;

	while (fd <= end) {
		_Atomic uint64_t *slot = find_slot((int)fd);

		if (!slot)
			fd = (fd / PAGE_SLOTS + 1) * PAGE_SLOTS;
		else if (fdtable_is_known(atomic_load_explicit(slot, memory_order_relaxed)))
			return (int)fd;
		else
			fd++;
	}
	return -1;
}
