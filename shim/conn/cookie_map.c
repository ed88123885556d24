#include "conn/cookie_map.h"

#include <stddef.h>

/* Slots as in the fd table; 0 in entries that were never used. Pages that are never touched take no
 * memory. */
static _Atomic uint64_t map[COOKIE_MAP_ENTRIES];

/* Returns the entry of a probe. The kernel counts cookies upwards, so the low bits spread well, and
 * neighbours share a page. */
static _Atomic uint64_t *entry_of(uint64_t cookie, uint32_t probe)
{
	return &map[(cookie + probe) % COOKIE_MAP_ENTRIES];
}

void cookie_map_store(const struct conn *conn)
{
	uint64_t cookie = atomic_load(&conn->cookie), mine = conn_slot(conn);

	for (uint32_t probe = 0; probe < COOKIE_MAP_PROBES; probe++) {
		_Atomic uint64_t *entry = entry_of(cookie, probe);
		uint64_t slot = atomic_load(entry);

		if (!conn_peek(slot) && atomic_compare_exchange_strong(entry, &slot, mine))
			return;
	}
	atomic_store(entry_of(cookie, 0), mine);
}

struct conn *cookie_map_acquire(uint64_t cookie)
{
	for (uint32_t probe = 0; probe < COOKIE_MAP_PROBES; probe++) {
		uint64_t slot = atomic_load(entry_of(cookie, probe));
		struct conn *conn = conn_peek(slot);

		if (slot == 0)
			return NULL;
		/* Compared again with a reference: without one, conn may be reused for another
		 * connection. */
		if (!conn || atomic_load(&conn->cookie) != cookie || !(conn = conn_acquire(slot)))
			continue;
		if (atomic_load(&conn->cookie) == cookie)
			return conn;
		conn_release(conn);
	}
	return NULL;
}
