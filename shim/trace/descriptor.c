#include "trace/descriptor.h"

#include <stddef.h>

#include "conn/conn.h"
#include "conn/fdtable.h"
#include "guest/process.h"
#include "sys/high_fd.h"
#include "sys/raw.h"

/* How many descriptors are searched for one that was not remembered. */
enum { LOW_FDS = 512 };

_Atomic uint32_t descriptor_watched;

static bool refers_to(int fd, const struct conn *conn)
{
	uint64_t slot = fdtable_load(fd), mine = conn_slot(conn);

	return fdtable_has_conn(slot) && fdtable_index(slot) == fdtable_index(mine) &&
	       fdtable_generation(slot) == fdtable_generation(mine);
}

void descriptor_remember(struct conn *conn, int fd)
{
	int known[CONN_FDS];

	for (unsigned i = 0; i < CONN_FDS; i++) {
		known[i] = atomic_load(&conn->fds[i]);
		if (known[i] == fd)
			return;
	}
	for (unsigned i = 0; i < CONN_FDS; i++)
		if (!refers_to(known[i], conn) &&
		    atomic_compare_exchange_strong(&conn->fds[i], &known[i], fd))
			return;
}

/* Collects the remembered descriptors that still refer to conn. Returns how many. Two threads may
 * have stored one of them twice. */
static unsigned collect(const struct conn *conn, int fds[CONN_FDS])
{
	unsigned count = 0;

	for (unsigned i = 0; i < CONN_FDS; i++) {
		int fd = atomic_load(&conn->fds[i]);
		bool is_new = refers_to(fd, conn);

		for (unsigned j = 0; j < count; j++)
			is_new &= fds[j] != fd;
		if (is_new)
			fds[count++] = fd;
	}
	return count;
}

static void store_slot(int fd, const struct conn *conn, uint64_t mine)
{
	uint64_t slot = fdtable_load(fd);

	if (slot == mine || !refers_to(fd, conn) || !fdtable_replace(fd, slot, mine))
		return;
	if (fdtable_state(mine) == FD_WATCHED)
		atomic_fetch_add(&descriptor_watched, 1);
	else
		atomic_fetch_sub(&descriptor_watched, 1);
}

void descriptor_update(int first, struct conn *conn)
{
	uint64_t mine = conn_slot(conn);
	uint32_t descriptors = atomic_load(&conn->descriptors);
	int fds[CONN_FDS] = {0};
	unsigned count = collect(conn, fds);

	if (descriptors <= 1) {
		store_slot(first, conn, mine);
	} else if (count >= descriptors) {
		for (unsigned i = 0; i < count; i++)
			store_slot(fds[i], conn, mine);
	} else {
		for (int fd = fdtable_next(0, INT32_MAX); fd >= 0;
		     fd = fdtable_next(fd + 1, INT32_MAX))
			store_slot(fd, conn, mine);
	}
}

bool descriptor_count(uint64_t slot)
{
	if (fdtable_state(slot) == FD_WATCHED)
		atomic_fetch_add(&descriptor_watched, 1);
	return fdtable_state(slot) == FD_WATCHED;
}

struct conn *descriptor_attach(int fd, struct conn *conn)
{
	bool is_stored;
	uint64_t mine = conn_slot(conn), before;
	struct conn *old = NULL;

	atomic_fetch_add(&conn->descriptors, 1);
	before = fdtable_exchange(fd, mine, &is_stored);
	if (!is_stored) {
		atomic_fetch_sub(&conn->descriptors, 1);
		conn_release(conn);
		return NULL;
	}
	descriptor_remember(conn, fd);
	descriptor_count(mine);
	if (!fdtable_has_conn(before))
		return NULL;
	if (fdtable_state(before) == FD_WATCHED)
		atomic_fetch_sub(&descriptor_watched, 1);
	old = conn_acquire(before);
	if (old) {
		atomic_fetch_sub(&old->descriptors, 1);
		conn_release(old); /* the table's reference; the acquired one is the caller's */
	}
	return old;
}

struct conn *descriptor_detach(int fd, bool *is_last)
{
	uint64_t slot = fdtable_load(fd), after;
	struct conn *conn;

	do {
		if (!fdtable_has_conn(slot))
			return NULL;
		after = fdtable_slot(fdtable_state(slot) == FD_WATCHED ? FD_CLOSED : FD_UNKNOWN, 0,
				     0);
	} while (!fdtable_replace(fd, slot, after) && (slot = fdtable_load(fd), true));
	if (fdtable_state(slot) == FD_WATCHED)
		atomic_fetch_sub(&descriptor_watched, 1);
	/* The table's reference is the caller's now, so the connection is alive. */
	conn = conn_acquire(slot);
	if (!conn)
		return NULL;
	conn_release(conn);
	*is_last = atomic_fetch_sub(&conn->descriptors, 1) == 1;
	return conn;
}

/* Returns a slot that no epoll instance had before: connections that remember another slot are no
 * members. */
static uint64_t epoll_slot(void)
{
	static _Atomic uint32_t serial;

	return fdtable_slot(FD_EPOLL, atomic_fetch_add(&serial, 1) + 1, 0);
}

void descriptor_replace(int fd, enum fd_state state)
{
	bool is_stored, is_last;
	struct conn *old = descriptor_detach(fd, &is_last);

	if (old)
		conn_release(old);
	fdtable_exchange(fd, state == FD_EPOLL ? epoll_slot() : fdtable_slot(state, 0, 0),
			 &is_stored);
}

uint64_t descriptor_mark_epoll(int fd)
{
	uint64_t slot = fdtable_load(fd);

	if (fdtable_state(slot) != FD_EPOLL) {
		fdtable_replace(fd, slot, epoll_slot());
		slot = fdtable_load(fd); /* another thread may have done it first */
	}
	return fdtable_state(slot) == FD_EPOLL ? slot : 0;
}

void descriptor_forget(int fd)
{
	uint64_t slot = fdtable_load(fd);

	if (fdtable_state(slot) == FD_UNWATCHED || fdtable_state(slot) == FD_EPOLL ||
	    fdtable_state(slot) == FD_CLOSED)
		fdtable_replace(fd, slot, fdtable_slot(FD_UNKNOWN, 0, 0));
}

int descriptor_find_other(const struct conn *conn, int fd)
{
	uint32_t others = atomic_load(&conn->descriptors);
	int fds[CONN_FDS] = {0}, lowest = -1, other;
	unsigned count = collect(conn, fds), found = 0;

	for (unsigned i = 0; i < count; i++) {
		if (fds[i] == fd)
			continue;
		found++;
		if (lowest < 0 || fds[i] < lowest)
			lowest = fds[i];
	}
	if (found >= others)
		return lowest;
	for (other = fdtable_next(0, LOW_FDS - 1); other >= 0;
	     other = fdtable_next(other + 1, LOW_FDS - 1))
		if (other != fd && refers_to(other, conn))
			return other;
	return lowest;
}

void descriptor_copy(int from, int to)
{
	uint64_t slot = fdtable_load(from);
	struct conn *conn = conn_acquire(slot);

	if (conn) {
		struct conn *old = descriptor_attach(to, conn);

		if (old)
			conn_release(old);
	} else if (fdtable_state(slot) == FD_UNWATCHED || fdtable_state(slot) == FD_EPOLL) {
		descriptor_replace(to, fdtable_state(slot));
	} else {
		descriptor_replace(to, FD_UNKNOWN);
	}
}

void descriptor_replaced(int fd)
{
	if (process_is_watching && process_is_itself())
		descriptor_replace(fd, FD_UNKNOWN);
}

void descriptor_copied(int from, int to)
{
	if (process_is_watching && process_is_itself())
		descriptor_copy(from, to);
}

int descriptor_hold(int fd, uint64_t slot)
{
	int copy = high_fd_duplicate(fd, false);

	if (copy < 0)
		return -1;
	if (fdtable_load(fd) != slot) {
		raw_close(copy);
		return -1;
	}
	return copy;
}
