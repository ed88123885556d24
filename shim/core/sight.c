#include "core/sight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/config.h"
#include "core/cookie_map.h"
#include "core/enforce.h"
#include "core/fdtable.h"
#include "core/process.h"
#include "core/raw.h"
#include "format/facts.h"

/* Numbers that are looked at for one that was not remembered. */
enum { LOW_FDS = 512 };

_Atomic uint32_t sight_watched;

bool sight_is_watched_socket(int domain, int type, int protocol, enum conn_kind *kind)
{
	bool is_ip = domain == AF_INET || domain == AF_INET6;

	if (is_ip && (type & 0xf) == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) {
		*kind = CONN_TCP;
		return true;
	}
	*kind = CONN_OTHER_SOCKET;
	return config.fds != CONFIG_FDS_TCP;
}

static int get_socket_integer(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);
	long result =
		raw_syscall6(SYS_getsockopt, fd, SOL_SOCKET, name, (long)&value, (long)&size, 0);

	return result < 0 ? (int)result : value;
}

static void read_address(long number, int fd, struct tcpshim_address *to)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	struct tcpshim_address read;

	if (raw_syscall3(number, fd, (long)&address, (long)&size) == 0 &&
	    facts_read_sockaddr(&read, &address, size))
		*to = read;
}

static bool stands_for(int fd, const struct conn *conn)
{
	uint64_t slot = fdtable_load(fd), mine = conn_slot(conn);

	return fdtable_has_conn(slot) && fdtable_index(slot) == fdtable_index(mine) &&
	       fdtable_generation(slot) == fdtable_generation(mine);
}

/* Remembers that fd stands for conn, in place of a number that does not any more. */
static void remember(struct conn *conn, int fd)
{
	int known[CONN_FDS];

	for (unsigned i = 0; i < CONN_FDS; i++) {
		known[i] = atomic_load(&conn->fds[i]);
		if (known[i] == fd)
			return;
	}
	for (unsigned i = 0; i < CONN_FDS; i++)
		if (!stands_for(known[i], conn) &&
		    atomic_compare_exchange_strong(&conn->fds[i], &known[i], fd))
			return;
}

/* Collects the remembered numbers that still stand for conn; returns how many. Two threads may have
 * stored one of them twice. */
static unsigned collect(const struct conn *conn, int fds[CONN_FDS])
{
	unsigned count = 0;

	for (unsigned i = 0; i < CONN_FDS; i++) {
		int fd = atomic_load(&conn->fds[i]);
		bool is_new = stands_for(fd, conn);

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

	if (slot == mine || !stands_for(fd, conn) || !fdtable_replace(fd, slot, mine))
		return;
	if (fdtable_state(mine) == FD_WATCHED)
		atomic_fetch_add(&sight_watched, 1);
	else
		atomic_fetch_sub(&sight_watched, 1);
}

/* The slots of a connection's descriptors say whether it is silent. One made by another thread at
 * this moment may keep the old word until it is next judged. Walks the table only for a connection
 * with more than CONN_FDS descriptors, which is judged otherwise than before at its connect, its
 * listen or its first use. */
static void store_silence(int first, struct conn *conn)
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

void sight_judge(int fd, struct conn *conn, enum tcpshim_role role)
{
	enum match_result match =
		conn->kind == CONN_TCP || config.match.count == 0
			? match_connection(&config.match, &conn->local, &conn->peer, role)
			: MATCH_NO;
	bool is_silent = !process_is_tracing || match == MATCH_NO;

	atomic_store(&conn->match, (uint8_t)match);
	if (atomic_exchange(&conn->is_silent, is_silent) != is_silent)
		store_silence(fd, conn);
}

struct conn *sight_make(enum conn_kind kind, uint32_t forks, uint64_t now_ns)
{
	struct conn *conn = conn_create(kind, CONN_NEW, forks, now_ns);

	if (conn)
		sight_judge(-1, conn, ROLE_NONE);
	return conn;
}

void sight_read_addresses(int fd, struct conn *conn)
{
	if (process_is_quiet())
		return;
	read_address(SYS_getsockname, fd, &conn->local);
	read_address(SYS_getpeername, fd, &conn->peer);
}

/* What a connection that was open before we saw it has behind it. */
static void adopt(int fd, struct conn *conn)
{
	struct tcpinfo info;

	if (tcpinfo_sample(fd, TCPINFO_QUEUES, &info) < 0)
		return;
	atomic_store(&conn->state, info.state);
	switch (info.state) {
	case STATE_LISTEN:
		atomic_store(&conn->phase, CONN_LISTENING);
		atomic_store(&conn->role, ROLE_LISTENER);
		break;
	case STATE_SYN_SENT:
		atomic_store(&conn->phase, CONN_CONNECTING);
		atomic_store(&conn->role, ROLE_CLIENT);
		break;
	case STATE_CLOSE:
		return;
	default:
		atomic_store(&conn->role, info.role);
		atomic_store(&conn->phase, CONN_OPEN);
		atomic_store(&conn->flags, CONN_ADOPTED | CONN_PASSED);
		atomic_store(&conn->acknowledged_base, info.acknowledged_bytes);
		atomic_store(&conn->sent_before_bytes, info.unsent_bytes);
		break;
	}
	sight_read_addresses(fd, conn);
	sight_judge(fd, conn, (enum tcpshim_role)atomic_load(&conn->role));
	enforce_options(fd, conn);
}

/* Descriptors that were inherited together often stand for one socket: inetd's 0, 1 and 2. */
static uint64_t get_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	raw_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, (long)&cookie, (long)&size, 0);
	return cookie;
}

static struct conn *make_conn(int fd, uint64_t now_ns, bool *is_open)
{
	int protocol = get_socket_integer(fd, SO_PROTOCOL);
	enum conn_kind kind = CONN_FILE;
	bool is_wanted = config.fds == CONFIG_FDS_ALL || (config.has_stdio && fd <= 2);
	struct conn *conn;

	*is_open = protocol != -EBADF;
	if (protocol >= 0)
		is_wanted |=
			sight_is_watched_socket(get_socket_integer(fd, SO_DOMAIN),
						get_socket_integer(fd, SO_TYPE), protocol, &kind);
	if (!is_wanted || !*is_open)
		return NULL;
	if (kind == CONN_TCP) {
		uint64_t cookie = get_cookie(fd);

		conn = cookie != 0 ? cookie_map_acquire(cookie) : NULL;
		if (conn)
			return conn;
		conn = sight_make(kind, process_forks(), now_ns);
		if (conn) {
			adopt(fd, conn);
			atomic_store(&conn->cookie, cookie);
			if (cookie != 0)
				cookie_map_store(conn);
		}
		return conn;
	}
	return sight_make(kind, process_forks(), now_ns);
}

/* A slot that has been stored. True if it is a watched one. */
static bool count_watched(uint64_t slot)
{
	if (fdtable_state(slot) == FD_WATCHED)
		atomic_fetch_add(&sight_watched, 1);
	return fdtable_state(slot) == FD_WATCHED;
}

bool sight_classify(int fd, uint64_t now_ns)
{
	uint64_t before = fdtable_load(fd);
	uint64_t mine;
	bool is_open;
	struct conn *conn;

	/* The child of vfork has descriptors of its own, and no table. */
	if (fd < 0 || process_is_quiet() || fdtable_is_known(before) || !process_is_itself())
		return false;
	conn = make_conn(fd, now_ns, &is_open);
	if (!conn) {
		if (is_open)
			fdtable_replace(fd, before, fdtable_slot(FD_UNWATCHED, 0, 0));
		return false;
	}
	atomic_fetch_add(&conn->descriptors, 1);
	mine = conn_slot(conn);
	if (!fdtable_replace(fd, before, mine)) {
		atomic_fetch_sub(&conn->descriptors, 1);
		conn_release(conn);
		return fdtable_state(fdtable_load(fd)) == FD_WATCHED;
	}
	remember(conn, fd);
	return count_watched(mine);
}

/* A name in /proc/self/fd; "." and ".." are none. */
static int read_fd(const char *name)
{
	int fd = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		fd = fd * 10 + (*name - '0');
	return *name == '\0' ? fd : -1;
}

/* Without /proc each descriptor is seen at its first use. */
void sight_adopt_inherited(void)
{
	char entries[2048] __attribute__((aligned(8)));
	long listing = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/fd",
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long size;

	if (listing < 0)
		return;
	while ((size = raw_syscall3(SYS_getdents64, listing, (long)entries, sizeof(entries))) > 0) {
		for (long at = 0; at < size;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
			int fd = read_fd(entry->d_name);

			if (fd >= 0 && fd != listing)
				sight_classify(fd, process_now_ns());
			at += entry->d_reclen;
		}
	}
	raw_close((int)listing);
}

struct conn *sight_attach(int fd, struct conn *conn)
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
	remember(conn, fd);
	count_watched(mine);
	if (!fdtable_has_conn(before))
		return NULL;
	if (fdtable_state(before) == FD_WATCHED)
		atomic_fetch_sub(&sight_watched, 1);
	old = conn_acquire(before);
	if (old) {
		atomic_fetch_sub(&old->descriptors, 1);
		conn_release(old); /* the table's reference; the acquired one is the caller's */
	}
	return old;
}

struct conn *sight_detach(int fd, bool *is_last)
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
		atomic_fetch_sub(&sight_watched, 1);
	/* The table's reference is ours now: the connection is alive. */
	conn = conn_acquire(slot);
	if (!conn)
		return NULL;
	conn_release(conn);
	*is_last = atomic_fetch_sub(&conn->descriptors, 1) == 1;
	return conn;
}

/* Makes a slot that no epoll instance had before: what remembers another is no member of it. */
static uint64_t epoll_slot(void)
{
	static _Atomic uint32_t serial;

	return fdtable_slot(FD_EPOLL, atomic_fetch_add(&serial, 1) + 1, 0);
}

void sight_replace(int fd, enum fd_state state)
{
	bool is_stored, is_last;
	struct conn *old = sight_detach(fd, &is_last);

	if (old)
		conn_release(old);
	fdtable_exchange(fd, state == FD_EPOLL ? epoll_slot() : fdtable_slot(state, 0, 0),
			 &is_stored);
}

uint64_t sight_note_epoll(int fd)
{
	uint64_t slot = fdtable_load(fd);

	if (fdtable_state(slot) != FD_EPOLL) {
		fdtable_replace(fd, slot, epoll_slot());
		slot = fdtable_load(fd); /* another thread may have been faster */
	}
	return fdtable_state(slot) == FD_EPOLL ? slot : 0;
}

void sight_forget(int fd)
{
	uint64_t slot = fdtable_load(fd);

	if (fdtable_state(slot) == FD_UNWATCHED || fdtable_state(slot) == FD_EPOLL ||
	    fdtable_state(slot) == FD_CLOSED)
		fdtable_replace(fd, slot, fdtable_slot(FD_UNKNOWN, 0, 0));
}

int sight_find_other(const struct conn *conn, int fd)
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
		if (other != fd && stands_for(other, conn))
			return other;
	return lowest;
}
