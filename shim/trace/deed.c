#include "trace/deed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "conn/rehearsed.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sys/raw.h"
#include "trace/call.h"
#include "trace/decode.h"
#include "trace/emit.h"

enum { MOST_TTL = 255 };

static long set_option(int fd, int level, int name, const void *value, size_t size)
{
	return raw_syscall6(SYS_setsockopt, fd, level, name, (long)value, (long)size, 0);
}

static long set_integer(int fd, int level, int name, int value)
{
	return set_option(fd, level, name, &value, sizeof(value));
}

static int get_integer(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return raw_syscall6(SYS_getsockopt, fd, level, name, (long)&value, (long)&size, 0) < 0
		       ? 0
		       : value;
}

/* Sets a key for segments to and from the address, or removes it. */
static long set_key(int fd, const void *address, size_t size, bool is_set)
{
	static const char key[] = "rehearsal";
	struct tcp_md5sig signature = {.tcpm_keylen = is_set ? sizeof(key) : 0};

	memcpy(&signature.tcpm_addr, address,
	       size < sizeof(signature.tcpm_addr) ? size : sizeof(signature.tcpm_addr));
	if (is_set)
		memcpy(signature.tcpm_key, key, sizeof(key));
	return set_option(fd, IPPROTO_TCP, TCP_MD5SIG, &signature, sizeof(signature));
}

static bool has_ipv6(int fd)
{
	return get_integer(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6;
}

/* Sets the minimum TTL that arriving segments need. An IPv6 socket may have an IPv4 connection. */
static long set_minimum(int fd, int ttl, int hop)
{
	long result = set_integer(fd, IPPROTO_IP, IP_MINTTL, ttl);

	return has_ipv6(fd) ? set_integer(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, hop) : result;
}

static long deafen(int fd, struct conn_rehearsal *rehearsal)
{
	atomic_store(&rehearsal->ttl, (uint8_t)get_integer(fd, IPPROTO_IP, IP_MINTTL));
	atomic_store(&rehearsal->hop,
		     has_ipv6(fd) ? (uint8_t)get_integer(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT) : 0);
	return set_minimum(fd, MOST_TTL, MOST_TTL);
}

/* Cuts the socket off from an address: by a key, or by the minimum TTL if that is refused or
 * preferred. */
long deed_cut(int fd, struct conn *conn, const void *address, size_t size)
{
	long result = -EOPNOTSUPP;

	if (config.rehearsal.means != REHEARSAL_BY_DEAF && !atomic_load(&conn->rehearsal.is_signed))
		result = set_key(fd, address, size, true);
	atomic_store(&conn->rehearsal.is_keyed, result == 0);
	if (result != 0 && config.rehearsal.means != REHEARSAL_BY_MD5)
		result = deafen(fd, &conn->rehearsal);
	return result;
}

long deed_cut_open(int fd, struct conn *conn)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	long result = raw_syscall3(SYS_getpeername, fd, (long)&peer, (long)&size);

	return result < 0 ? result : deed_cut(fd, conn, &peer, size);
}

static void heal(int fd, struct conn *conn, const void *address, size_t size)
{
	if (atomic_load(&conn->rehearsal.is_keyed))
		set_key(fd, address, size, false);
	else
		set_minimum(fd, atomic_load(&conn->rehearsal.ttl),
			    atomic_load(&conn->rehearsal.hop));
}

/* The key belongs to the address that the connection has, or that its connect was given. */
void deed_heal(int fd, struct conn *conn)
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&peer;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;
	socklen_t size = sizeof(peer);

	if (raw_syscall3(SYS_getpeername, fd, (long)&peer, (long)&size) < 0) {
		size = sizeof(*six);
		if (!has_ipv6(fd)) {
			four->sin_family = AF_INET;
			memcpy(&four->sin_addr, conn->peer.bytes, sizeof(four->sin_addr));
		} else {
			six->sin6_family = AF_INET6;
			if (conn->peer.family == AF_INET) {
				six->sin6_addr.s6_addr[10] = six->sin6_addr.s6_addr[11] = 0xff;
				memcpy(&six->sin6_addr.s6_addr[12], conn->peer.bytes, 4);
			} else {
				memcpy(&six->sin6_addr, conn->peer.bytes, 16);
			}
		}
	}
	heal(fd, conn, &peer, size);
}

long deed_end_stream(int fd, struct conn *conn)
{
	struct tcpinfo info;

	atomic_store(&conn->rehearsal.unread_bytes,
		     tcpinfo_sample(fd, TCPINFO_QUEUES, &info) == 0 ? info.unread_bytes : 0);
	atomic_store(&conn->rehearsal.has_end, true);
	return raw_syscall2(SYS_shutdown, fd, SHUT_RD);
}

long deed_slow_down(int fd, struct conn *conn)
{
	unsigned rate = (unsigned)config.rehearsal.rate;

	atomic_store(&conn->rehearsal.rate, rate);
	atomic_store(&conn->rehearsal.rate_before,
		     (unsigned)get_integer(fd, SOL_SOCKET, SO_MAX_PACING_RATE));
	return set_option(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
}

/* Ends the connection as a reset from the peer does. connect to AF_UNSPEC ends it with ECONNRESET
 * pending; shutdown makes what follows the same as after a reset: reads return 0, and poll reports
 * POLLIN too. After an end of stream, a reset is reported as EPIPE by writes alone. */
long deed_reset(int fd, struct conn *conn, const struct tcpinfo *info)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	long result;

	rehearsed_keep(conn, info, process_now_ns());
	result = raw_syscall3(SYS_connect, fd, (long)&nowhere, sizeof(nowhere));
	if (result < 0) {
		atomic_store(&conn->rehearsal.reset_ns, 0);
		return result;
	}
	raw_syscall2(SYS_shutdown, fd, SHUT_RDWR);
	if (rehearsal_scenario(&config.rehearsal)->deed == REHEARSAL_CLOSE)
		get_integer(fd, SOL_SOCKET, SO_ERROR);
	deed_heal(fd, conn); /* the next connection of this socket is an ordinary one */
	return 0;
}

void deed_hasten(int fd, const struct conn *conn)
{
	set_integer(fd, SOL_SOCKET, SO_MAX_PACING_RATE,
		    (int)atomic_load(&conn->rehearsal.rate_before));
}

void deed_discard(int fd, struct conn *conn)
{
	enum { AT_ONCE = 1 << 20 };
	char byte;
	long size;

	while ((size = raw_syscall6(SYS_recvfrom, fd, (long)&byte, AT_ONCE,
				    MSG_TRUNC | MSG_DONTWAIT, 0, 0)) > 0)
		atomic_fetch_add(&conn->received_base, (uint64_t)size);
}

void deed_take_error(int fd)
{
	get_integer(fd, SOL_SOCKET, SO_ERROR);
}

void deed_limit_segments(int fd)
{
	enum { SLOW_SEGMENT = 1400 };

	set_integer(fd, IPPROTO_TCP, TCP_MAXSEG, SLOW_SEGMENT);
}

bool deed_is_bound_to_device(int fd)
{
	enum { BINDTOIFINDEX = 62 };

	return get_integer(fd, SOL_SOCKET, BINDTOIFINDEX) != 0;
}

/* Writes the line of a deed, with its note. now_ns: before the deed, which may end a call. */
static void write_line(struct area *area, struct conn *conn, int fd, uint64_t now_ns)
{
	struct call call;

	if (!process_is_tracing || atomic_load(&conn->is_untraced))
		return;
	call_describe(&call, CALL_rehearse, fd, conn_slot(conn));
	call_integer(&call, fd);
	call_integer(&call, config.rehearsal.scenario);
	decode_call(area, &call, 0, 0, false);
	area->step = (struct conn_step){.effect = EFFECT_REHEARSE,
					.fd = fd,
					.other_fd = -1,
					.start_ns = now_ns,
					.now_ns = now_ns};
	emit_step(area, conn, true);
	emit_event(area, now_ns);
}

void deed_report(struct area *area, struct conn *conn, int fd, uint32_t action, long result,
		 uint64_t now_ns)
{
	if (result != 0) {
		atomic_store(&conn->policy_error, (int)-result);
		action = REHEARSAL_ACTION_FAILED;
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	}
	atomic_fetch_or(&conn->unreported, action);
	conn_is_changed(conn);
	write_line(area, conn, fd, now_ns);
}
