#include "trace/classify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "conn/cookie_map.h"
#include "conn/fdtable.h"
#include "format/facts.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/descriptor.h"
#include "trace/enforce.h"

bool classify_is_watched_socket(int domain, int type, int protocol, enum conn_kind *kind)
{
	bool is_ip = domain == AF_INET || domain == AF_INET6;

	if (is_ip && (type & 0xf) == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) {
		*kind = CONN_KIND_TCP;
		return true;
	}
	*kind = CONN_KIND_SOCKET;
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

void classify_match(int fd, struct conn *conn, enum tcpshim_role role)
{
	enum match_result match =
		conn->kind == CONN_KIND_TCP || config.match.count == 0
			? match_connection(&config.match, &conn->local, &conn->peer, role)
			: MATCH_NO;
	bool is_untraced = !process_is_tracing || match == MATCH_NO;

	atomic_store(&conn->match, (uint8_t)match);
	if (atomic_exchange(&conn->is_untraced, is_untraced) != is_untraced)
		descriptor_update(fd, conn);
}

struct conn *classify_create(enum conn_kind kind, uint32_t forks, uint64_t now_ns)
{
	struct conn *conn = conn_create(kind, CONN_PHASE_NEW, forks, now_ns);

	if (conn)
		classify_match(-1, conn, ROLE_NONE);
	return conn;
}

void classify_read_addresses(int fd, struct conn *conn)
{
	if (restriction_is_filter())
		return;
	read_address(SYS_getsockname, fd, &conn->local);
	read_address(SYS_getpeername, fd, &conn->peer);
}

/* Returns whether the peer's FIN was received, which tcpi_bytes_received counts. */
static bool has_fin(uint8_t state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING;
}

/* Fills in what the kernel knows of a connection that was open before it was first seen. */
static void adopt(int fd, struct conn *conn)
{
	struct tcpinfo info;

	if (tcpinfo_sample(fd, TCPINFO_QUEUES, &info) < 0)
		return;
	atomic_store(&conn->state, info.state);
	switch (info.state) {
	case STATE_LISTEN:
		atomic_store(&conn->phase, CONN_PHASE_LISTENING);
		atomic_store(&conn->role, ROLE_LISTENER);
		break;
	case STATE_SYN_SENT:
		atomic_store(&conn->phase, CONN_PHASE_CONNECTING);
		atomic_store(&conn->role, ROLE_CLIENT);
		break;
	case STATE_CLOSE:
		return;
	default:
		atomic_store(&conn->role, info.role);
		atomic_store(&conn->phase, CONN_PHASE_OPEN);
		atomic_store(&conn->flags, CONN_FLAG_ADOPTED | CONN_FLAG_PASSED);
		atomic_store(&conn->acknowledged_base, info.acknowledged_bytes);
		atomic_store(&conn->sent_before_bytes, info.unsent_bytes);
		atomic_store(&conn->received_base,
			     info.received_bytes - info.unread_bytes - has_fin(info.state));
		break;
	}
	classify_read_addresses(fd, conn);
	classify_match(fd, conn, (enum tcpshim_role)atomic_load(&conn->role));
	enforce_options(fd, conn);
}

uint64_t classify_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	raw_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, (long)&cookie, (long)&size, 0);
	return cookie;
}

/* Descriptors that were inherited together often refer to one socket: inetd's 0, 1 and 2. */
static struct conn *make_conn(int fd, uint64_t now_ns, bool *is_open)
{
	int protocol = get_socket_integer(fd, SO_PROTOCOL);
	enum conn_kind kind = CONN_KIND_FILE;
	bool is_wanted = config.fds == CONFIG_FDS_ALL || (config.has_standard_fds && fd <= 2);
	struct conn *conn;

	*is_open = protocol != -EBADF;
	if (protocol >= 0)
		is_wanted |= classify_is_watched_socket(get_socket_integer(fd, SO_DOMAIN),
							get_socket_integer(fd, SO_TYPE), protocol,
							&kind);
	if (!is_wanted || !*is_open)
		return NULL;
	if (kind == CONN_KIND_TCP) {
		uint64_t cookie = classify_cookie(fd);

		conn = cookie != 0 ? cookie_map_acquire(cookie) : NULL;
		if (conn)
			return conn;
		conn = classify_create(kind, process_forks(), now_ns);
		if (conn) {
			adopt(fd, conn);
			atomic_store(&conn->cookie, cookie);
			if (cookie != 0)
				cookie_map_store(conn);
		}
		return conn;
	}
	return classify_create(kind, process_forks(), now_ns);
}

bool classify_descriptor(int fd, uint64_t now_ns)
{
	uint64_t before = fdtable_load(fd);
	uint64_t mine;
	bool is_open;
	struct conn *conn;

	/* The child of vfork has its own descriptors, but no table of its own. */
	if (fd < 0 || restriction_is_filter() || fdtable_is_known(before) || !process_is_itself())
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
	descriptor_remember(conn, fd);
	return descriptor_count(mine);
}

/* Converts a name in /proc/self/fd to a number. Returns -1 for "." and "..". */
static int read_fd(const char *name)
{
	int fd = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		fd = fd * 10 + (*name - '0');
	return *name == '\0' ? fd : -1;
}

/* Without /proc each descriptor is classified at its first use. */
void classify_inherited(void)
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
				classify_descriptor(fd, process_now_ns());
			at += entry->d_reclen;
		}
	}
	raw_close((int)listing);
}
