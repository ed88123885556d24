#include "conn/epoll_map.h"

#include <stdatomic.h>
#include <stddef.h>

#include "sys/raw.h"
#include "sys/restriction.h"

enum { MAP_BITS = 17, MAP_ENTRIES = 1 << MAP_BITS, PROBES = 16 };

/* owner: (epoll_fd + 1) << 32 | fd, so that 0 means free. It is stored last; a reader compares it
 * before and after reading data. */
struct entry {
	_Atomic uint64_t data, owner;
};

static _Atomic(struct entry *) map; /* mapped when first needed; untouched parts take no memory */

static struct entry *find_map(void)
{
	struct entry *entries = atomic_load_explicit(&map, memory_order_acquire), *expected = NULL;

	if (entries || restriction_is_strict())
		return entries;
	entries = raw_map(MAP_ENTRIES * sizeof(*entries));
	if (entries && !atomic_compare_exchange_strong(&map, &expected, entries)) {
		raw_unmap(entries, MAP_ENTRIES * sizeof(*entries));
		entries = expected;
	}
	return entries;
}

static uint32_t hash(int epoll_fd, uint64_t data)
{
	uint64_t mixed = (data ^ (uint64_t)epoll_fd << 48) * UINT64_C(0x9E3779B97F4A7C15);

	return (uint32_t)(mixed >> (64 - MAP_BITS));
}

static uint64_t owner_of(int epoll_fd, int fd)
{
	return ((uint64_t)epoll_fd + 1) << 32 | (uint32_t)fd;
}

void epoll_map_store(int epoll_fd, uint64_t data, int fd)
{
	struct entry *entries = find_map(), *place = NULL;
	uint32_t first = hash(epoll_fd, data);

	if (!entries)
		return;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct entry *entry = &entries[(first + i) & (MAP_ENTRIES - 1)];
		uint64_t owner = atomic_load(&entry->owner);

		if (owner >> 32 == (uint64_t)epoll_fd + 1 && atomic_load(&entry->data) == data) {
			place = entry;
			break;
		}
		if (!place && owner == 0)
			place = entry;
	}
	if (!place)
		place = &entries[first];
	atomic_store(&place->owner, 0);
	atomic_store(&place->data, data);
	atomic_store(&place->owner, owner_of(epoll_fd, fd));
}

int epoll_map_find(int epoll_fd, uint64_t data)
{
	struct entry *entries = atomic_load_explicit(&map, memory_order_acquire);
	uint32_t first = hash(epoll_fd, data);

	for (uint32_t i = 0; entries && i < PROBES; i++) {
		struct entry *entry = &entries[(first + i) & (MAP_ENTRIES - 1)];
		uint64_t owner = atomic_load(&entry->owner);

		if (owner >> 32 == (uint64_t)epoll_fd + 1 && atomic_load(&entry->data) == data &&
		    atomic_load(&entry->owner) == owner)
			return (int)(uint32_t)owner;
	}
	return -1;
}
