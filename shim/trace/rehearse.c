#include "trace/rehearse.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "conn/fdtable.h"
#include "conn/rehearsed.h"
#include "format/facts.h"
#include "guest/alarm.h"
#include "guest/process.h"
#include "settings/rehearsal.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/choice.h"
#include "trace/decode.h"
#include "trace/descriptor.h"
#include "trace/emit.h"

/* LOOK_NS: how often a connection is looked at whose next segment is to be answered with a reset.
 * MOST_AWAITED_NS: how long a call waits for a deed that has ended it. */
enum { LOOK_NS = 20000000, MOST_AWAITED_NS = 100000000, MOST_TTL = 255, SLOW_SEGMENT = 1400 };

/* 0: no thread acts on a connection; otherwise one does, at most until then. */
static _Atomic uint64_t acting_until_ns;

/* --- Deeds: they return 0 or -errno. --- */

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
static long cut(int fd, struct conn *conn, const void *address, size_t size)
{
	long result = -EOPNOTSUPP;

	if (config.rehearsal.means != REHEARSAL_BY_DEAF && !atomic_load(&conn->rehearsal.is_signed))
		result = set_key(fd, address, size, true);
	atomic_store(&conn->rehearsal.is_keyed, result == 0);
	if (result != 0 && config.rehearsal.means != REHEARSAL_BY_MD5)
		result = deafen(fd, &conn->rehearsal);
	return result;
}

static long cut_open(int fd, struct conn *conn)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	long result = raw_syscall3(SYS_getpeername, fd, (long)&peer, (long)&size);

	return result < 0 ? result : cut(fd, conn, &peer, size);
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
static void heal_conn(int fd, struct conn *conn)
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

static long end_stream(int fd, struct conn *conn)
{
	struct tcpinfo info;

	atomic_store(&conn->rehearsal.unread_bytes,
		     tcpinfo_sample(fd, TCPINFO_QUEUES, &info) == 0 ? info.unread_bytes : 0);
	atomic_store(&conn->rehearsal.has_end, true);
	return raw_syscall2(SYS_shutdown, fd, SHUT_RD);
}

static long slow_down(int fd, struct conn *conn)
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
static long reset(int fd, struct conn *conn, const struct tcpinfo *info)
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
	heal_conn(fd, conn); /* the next connection of this socket is an ordinary one */
	return 0;
}

/* --- Lines. --- */

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

static void report(struct area *area, struct conn *conn, int fd, uint32_t action, long result,
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

/* --- What happens to an open connection. --- */

/* Returns when an interruption that began at this time ends. */
static uint64_t end_ns(uint64_t start_ns)
{
	uint64_t length_ns = config.rehearsal.length_ns;

	return length_ns == 0 || length_ns > UINT64_MAX - start_ns ? UINT64_MAX
								   : start_ns + length_ns;
}

static uint32_t action_of_cut(const struct conn *conn)
{
	return atomic_load(&conn->rehearsal.is_keyed) ? REHEARSAL_ACTION_CUT
						      : REHEARSAL_ACTION_DEAFENED;
}

/* Does the scenario's deed. The caller has made the stage busy. */
static void act(struct area *area, struct conn *conn, int fd, int copy)
{
	const struct scenario_row *row = rehearsal_scenario(&config.rehearsal);
	uint64_t now_ns = process_now_ns(), until_ns = end_ns(now_ns);
	uint32_t action = 0;
	long result = 0;

	atomic_store(&conn->rehearsal.acted_ns, now_ns);
	atomic_store(&conn->rehearsal.until_ns, until_ns);
	atomic_store(&conn->rehearsal.sent_bytes, atomic_load(&conn->sent_bytes));
	switch ((enum rehearsal_deed)row->deed) {
	case REHEARSAL_CUT:
		result = cut_open(copy, conn);
		action = action_of_cut(conn);
		break;
	case REHEARSAL_CLOSE:
		result = cut_open(copy, conn);
		if (result == 0)
			result = end_stream(copy, conn);
		action = REHEARSAL_ACTION_CLOSED;
		break;
	case REHEARSAL_END:
		result = end_stream(copy, conn);
		action = REHEARSAL_ACTION_ENDED;
		break;
	case REHEARSAL_SLOW:
		result = slow_down(copy, conn);
		action = REHEARSAL_ACTION_SLOWED;
		break;
	case REHEARSAL_MUTE:
	case REHEARSAL_REFUSE:
		break;
	}
	if (result == -ENOTCONN) { /* it has ended by itself: nothing is left to rehearse */
		atomic_store(&conn->rehearsal.acted_ns, 0);
		atomic_store(&conn->rehearsal.has_end, false);
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
		return;
	}
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_ACTED);
	if (result == 0 && !config.rehearsal.has_choice && row->deed != REHEARSAL_SLOW)
		choice_fail_peer(&conn->peer,
				 row->later == REHEARSAL_UNANSWERED ? until_ns : UINT64_MAX);
	if (row->sequel == REHEARSAL_RESET)
		alarm_set(now_ns + LOOK_NS);
	else if (until_ns != UINT64_MAX)
		alarm_set(until_ns);
	report(area, conn, fd, action, result, now_ns);
}

/* Undoes it, when its time is over. */
static void undo(struct area *area, struct conn *conn, int fd, int copy)
{
	bool is_slow = rehearsal_scenario(&config.rehearsal)->deed == REHEARSAL_SLOW;

	if (is_slow)
		set_integer(copy, SOL_SOCKET, SO_MAX_PACING_RATE,
			    (int)atomic_load(&conn->rehearsal.rate_before));
	else
		heal_conn(copy, conn);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	report(area, conn, fd, is_slow ? REHEARSAL_ACTION_HASTENED : REHEARSAL_ACTION_HEALED, 0,
	       process_now_ns());
}

/* Resets the connection if something was sent since it was cut: by a write, a retransmission or a
 * keepalive probe. What had arrived before can be read first, until the program writes again: it
 * is lost then, but a program that does not read is reset as well. */
static void look_before(struct area *area, struct conn *conn, int fd, int copy, bool is_write)
{
	struct tcpinfo info;
	uint64_t now_ns = process_now_ns();
	bool is_answered;
	long result;

	if (tcpinfo_sample(copy, TCPINFO_QUEUES, &info) < 0 || info.state == STATE_CLOSE) {
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
		return;
	}
	is_answered = info.unsent_bytes > 0 || info.probes > 0 || info.retransmits > 0 ||
		      atomic_load(&conn->sent_bytes) != atomic_load(&conn->rehearsal.sent_bytes);
	result = is_answered && (info.unread_bytes == 0 || is_write) ? reset(copy, conn, &info)
								     : -EAGAIN;
	/* EBUSY: Linux 6.1 to 6.5 refuse it while a thread waits in a read. */
	if (result == -EAGAIN || result == -EBUSY) {
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_ACTED);
		return;
	}
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	report(area, conn, fd, REHEARSAL_ACTION_RESET, result, now_ns);
}

static void look(struct area *area, struct conn *conn, int fd, int copy)
{
	look_before(area, conn, fd, copy, false);
}

static void look_before_write(struct area *area, struct conn *conn, int fd, int copy)
{
	look_before(area, conn, fd, copy, true);
}

/* Returns whether a close has to end the cut: an interruption that is not over, whose data is to
 * arrive; and an end of stream after which the program has written nothing, so that its own is to
 * reach the peer. */
static bool is_to_be_healed(const struct conn *conn)
{
	uint8_t deed = rehearsal_scenario(&config.rehearsal)->deed;

	return atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED &&
	       (deed == REHEARSAL_CLOSE ||
		(config.rehearsal.length_ns != 0 && deed != REHEARSAL_SLOW));
}

/* Does something on a copy of the descriptor, if the connection is in this stage. Returns false if
 * it is not, or has no descriptor here. */
static bool do_to(struct area *area, struct conn *conn, enum rehearsal_stage stage,
		  void (*deed)(struct area *area, struct conn *conn, int fd, int copy))
{
	uint8_t expected = (uint8_t)stage;
	int fd, copy;

	if (atomic_load(&conn->rehearsal.stage) != stage)
		return false;
	fd = descriptor_find_other(conn, -1);
	thread_block_signals(); /* no handler leaves by siglongjmp meanwhile */
	if (fd < 0 || !process_is_itself() || restriction_is_filter() ||
	    !atomic_compare_exchange_strong(&conn->rehearsal.stage, &expected,
					    REHEARSAL_STAGE_BUSY))
		return false;
	copy = descriptor_hold(fd, conn_slot(conn));
	if (copy < 0) { /* all numbers are in use, or it is being closed */
		atomic_store(&conn->rehearsal.stage, (uint8_t)stage);
		alarm_set(process_now_ns() + LOOK_NS);
		return false;
	}
	atomic_store(&acting_until_ns, process_now_ns() + MOST_AWAITED_NS);
	deed(area, conn, fd, copy);
	atomic_store(&acting_until_ns, 0);
	/* Another thread may have closed the last descriptor meanwhile. */
	if (is_to_be_healed(conn) && atomic_load(&conn->descriptors) == 0)
		heal_conn(copy, conn);
	raw_close(copy);
	return true;
}

void rehearse_await(void)
{
	while (atomic_load(&acting_until_ns) > process_now_ns())
		raw_syscall1(SYS_sched_yield, 0);
}

/* How long the last look at all connections took. */
static _Atomic uint64_t look_took_ns;

/* Returns when to look again. */
static uint64_t next_look_ns(uint64_t now_ns)
{
	uint64_t rest_ns = 10 * atomic_load(&look_took_ns);

	return now_ns + (rest_ns > LOOK_NS ? rest_ns : LOOK_NS);
}

/* Does what is due on the connection by time, and sets the alarm for what comes next. has_time: not
 * in a call of the program. */
static void check(struct area *area, struct conn *conn, uint64_t now_ns, bool has_time)
{
	const struct scenario_row *row = rehearsal_scenario(&config.rehearsal);
	uint64_t due_ns;

	switch (atomic_load(&conn->rehearsal.stage)) {
	case REHEARSAL_STAGE_CHOSEN:
		due_ns = rehearsal_due_ns(&config.rehearsal, atomic_load(&conn->opened_ns),
					  atomic_load(&conn->active_ns));
		if (due_ns > now_ns)
			alarm_set(due_ns);
		else
			do_to(area, conn, REHEARSAL_STAGE_CHOSEN, act);
		break;
	case REHEARSAL_STAGE_ACTED:
		due_ns = atomic_load(&conn->rehearsal.until_ns);
		if (row->sequel == REHEARSAL_RESET) {
			if (has_time)
				do_to(area, conn, REHEARSAL_STAGE_ACTED, look);
			alarm_set(next_look_ns(now_ns));
		} else if (due_ns > now_ns)
			alarm_set(due_ns);
		else
			do_to(area, conn, REHEARSAL_STAGE_ACTED, undo);
		break;
	default:
		break;
	}
}

/* Does all that is due. */
static void check_all(struct area *area, bool has_time)
{
	struct conn *pinned = thread.pinned;
	uint64_t now_ns = process_now_ns();

	for (uint32_t i = 0; i < conn_slab_size(); i++) {
		struct conn *conn = conn_acquire_at(i);

		if (!conn)
			continue;
		emit_pin(conn);
		if (conn->kind == CONN_KIND_TCP)
			check(area, conn, now_ns, has_time);
		emit_unpin(conn);
	}
	thread.pinned = pinned;
	if (has_time)
		atomic_store(&look_took_ns, process_now_ns() - now_ns);
}

/* Does what has come due since, in a call of the program. */
static void check_due(struct area *area)
{
	if (process_now_ns() < atomic_load(&alarm_next_ns))
		return;
	thread_block_signals(); /* a handler could leave with the time taken */
	if (alarm_take(process_now_ns()))
		check_all(area, false);
}

/* The alarm. */
static void ring(void)
{
	struct area *area = thread_area();

	if (area && process_is_itself())
		check_all(area, true);
}

void rehearse_start(void)
{
	if (choice_is_on())
		alarm_start(ring);
}

/* --- Connects. --- */

/* Lets the connect get no answer. until_ns: for how long. */
static void mute(struct area *area, struct call *call, struct conn *conn, int copy,
		 uint64_t until_ns)
{
	long result = cut(copy, conn, call->address, call->address_size);

	atomic_store(&conn->rehearsal.acted_ns, process_now_ns());
	atomic_store(&conn->rehearsal.until_ns, until_ns);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_ACTED);
	if (until_ns != UINT64_MAX)
		alarm_set(until_ns);
	report(area, conn, call->fd, REHEARSAL_ACTION_UNANSWERED, result, process_now_ns());
}

/* Returns whether a connect to port 0 of the loopback interface would not be refused at once: its
 * SYN would leave through another interface. */
static bool is_bound_elsewhere(const struct call *call, int copy)
{
	enum { BINDTOIFINDEX = 62 };
	struct sockaddr_in6 six;

	if (get_integer(copy, SOL_SOCKET, BINDTOIFINDEX) != 0)
		return true;
	if (call->address_size < sizeof(six))
		return false;
	memcpy(&six, call->address, sizeof(six));
	return six.sin6_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr);
}

static void refuse(struct area *area, struct call *call, struct conn *conn, int copy)
{
	call->is_refused = true;
	call->is_refused_here = is_bound_elsewhere(call, copy);
	atomic_store(&conn->rehearsal.acted_ns, process_now_ns());
	report(area, conn, call->fd, REHEARSAL_ACTION_REFUSED, 0, process_now_ns());
}

static void begin_connect(struct area *area, struct call *call, struct conn *conn, int copy)
{
	const struct scenario_row *row = rehearsal_scenario(&config.rehearsal);
	struct tcpshim_address peer = {0};
	uint64_t now_ns = process_now_ns(), failed_ns;

	if (call_is_disconnect(call)) {
		if (atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED &&
		    rehearsal_has_cut(row))
			heal_conn(copy, conn);
		return;
	}
	if (call->address_size == 0 || call->address_size != call->arguments[2] ||
	    !facts_read_sockaddr(&peer, call->address, call->address_size) ||
	    !choice_is_selected(conn) || atomic_load(&conn->phase) != CONN_PHASE_NEW)
		return;
	if (atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED) {
		heal_conn(copy, conn); /* its last connect got no answer */
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_NONE);
	}
	conn->peer = peer;
	/* The kernel paces no connection before its first ten segments, which are of 64 KiB each on
	 * the loopback interface (tcp_update_skb_after_send, net/ipv4/tcp_output.c). */
	if (row->deed == REHEARSAL_SLOW && !config.rehearsal.has_choice)
		set_integer(copy, IPPROTO_TCP, TCP_MAXSEG, SLOW_SEGMENT);
	if (row->place == REHEARSAL_CONNECT) {
		bool is_due = choice_of_connect(conn);

		if (!is_due || !rehearsal_is_time(&config.rehearsal, process_base_ns(), now_ns))
			return;
		if (row->deed == REHEARSAL_REFUSE)
			refuse(area, call, conn, copy);
		else
			mute(area, call, conn, copy,
			     end_ns(rehearsal_connects_ns(&config.rehearsal, process_base_ns())));
		return;
	}
	failed_ns = choice_failed_until_ns(&peer);
	if (row->later == REHEARSAL_UNANSWERED && failed_ns > now_ns)
		mute(area, call, conn, copy, failed_ns);
}

/* Decides about a connect on a copy of the descriptor, which is certain to be the connection. */
static void prepare_connect(struct area *area, struct call *call, struct conn *conn)
{
	int copy;

	thread_block_signals();
	copy = descriptor_hold(call->fd, call->slot);
	if (copy < 0)
		return;
	begin_connect(area, call, conn, copy);
	raw_close(copy);
}

void rehearse_nowhere(const struct call *call, struct sockaddr_storage *nowhere)
{
	struct sockaddr_in *four = (struct sockaddr_in *)nowhere;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)nowhere;

	memset(nowhere, 0, sizeof(*nowhere));
	memcpy(nowhere, call->address, call->address_size);
	if (nowhere->ss_family == AF_INET) {
		four->sin_port = 0;
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return;
	}
	six->sin6_port = 0;
	six->sin6_scope_id = 0;
	if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		const uint32_t loopback = htonl(INADDR_LOOPBACK);

		memcpy(&six->sin6_addr.s6_addr[12], &loopback, sizeof(loopback));
	} else {
		six->sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	}
}

/* --- Calls. --- */

/* Throws away what the peer has sent after the rehearsed end of stream: a peer that has finished
 * sending would not have sent it, and the kernel would give it to the program. */
static void discard(const struct call *call, struct conn *conn)
{
	enum { AT_ONCE = 1 << 20 };
	char byte;
	long size;
	int copy;

	thread_block_signals();
	copy = descriptor_hold(call->fd, call->slot);
	if (copy < 0)
		return;
	while ((size = raw_syscall6(SYS_recvfrom, copy, (long)&byte, AT_ONCE,
				    MSG_TRUNC | MSG_DONTWAIT, 0, 0)) > 0)
		atomic_fetch_add(&conn->received_base, (uint64_t)size);
	raw_close(copy);
}

/* Returns whether the program has read all that had arrived before the rehearsed end of stream. */
static bool is_at_end(const struct conn *conn)
{
	return atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_ACTED &&
	       atomic_load(&conn->rehearsal.has_end) &&
	       atomic_load(&conn->rehearsal.unread_bytes) == 0;
}

/* Counts what was read of that. */
static void count_read(struct conn *conn, uint64_t size)
{
	uint64_t unread = atomic_load(&conn->rehearsal.unread_bytes);

	atomic_store(&conn->rehearsal.unread_bytes, unread > size ? unread - size : 0);
}

void rehearse_before(struct area *area, struct call *call, struct conn *conn)
{
	enum tcpshim_effect effect = call_effect(call);
	bool is_write = effect == EFFECT_WRITE;

	if (!process_is_itself())
		return;
	alarm_check();
	if (atomic_load(&conn->phase) == CONN_PHASE_OPEN)
		choice_opened(conn);
	check_due(area);
	if (effect == EFFECT_CONNECT)
		prepare_connect(area, call, conn);
	if ((is_write || effect == EFFECT_READ) &&
	    atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_CHOSEN &&
	    rehearsal_is_due_at(&config.rehearsal, is_write,
				atomic_load(is_write ? &conn->rehearsal.writes
						     : &conn->rehearsal.reads)))
		do_to(area, conn, REHEARSAL_STAGE_CHOSEN, act);
	if (is_write && rehearsal_scenario(&config.rehearsal)->sequel == REHEARSAL_RESET)
		do_to(area, conn, REHEARSAL_STAGE_ACTED, look_before_write);
	if (effect == EFFECT_READ && is_at_end(conn) && !restriction_is_filter())
		discard(call, conn);
}

int rehearse_error(const struct call *call, int error)
{
	struct conn *conn;
	int copy;

	if (error != EPIPE || call_effect(call) != EFFECT_READ || restriction_is_filter())
		return error;
	conn = conn_acquire(call->slot);
	if (!conn)
		return error;
	thread_block_signals();
	copy = atomic_load(&conn->rehearsal.reset_ns) > call->start_ns
		       ? descriptor_hold(call->fd, call->slot)
		       : -1;
	if (copy >= 0) {
		get_integer(copy, SOL_SOCKET, SO_ERROR); /* it is reported once */
		raw_close(copy);
		error = ECONNRESET;
	}
	conn_release(conn);
	return error;
}

/* Returns whether the program itself has set a key, which must stay. */
static bool is_signing(const struct call *call)
{
	enum { MD5SIG_EXT = 32, AO_ADD_KEY = 38 };
	int name = (int)call->arguments[2];

	return call_effect(call) == EFFECT_SET_OPTION && (int)call->arguments[1] == IPPROTO_TCP &&
	       (name == TCP_MD5SIG || name == MD5SIG_EXT || name == AO_ADD_KEY);
}

void rehearse_after(struct area *area, const struct call *call, int64_t result)
{
	enum tcpshim_effect effect = call_effect(call);
	struct conn *conn = NULL;

	check_due(area);
	if (effect == EFFECT_WRITE || effect == EFFECT_READ || is_signing(call))
		conn = conn_acquire(call->slot);
	if (!conn)
		return;
	emit_pin(conn);
	if (is_signing(call))
		atomic_store(&conn->rehearsal.is_signed, true);
	if (result > 0 && (effect == EFFECT_WRITE || effect == EFFECT_READ))
		atomic_fetch_add(effect == EFFECT_WRITE ? &conn->rehearsal.writes
							: &conn->rehearsal.reads,
				 1);
	if (result > 0 && effect == EFFECT_READ &&
	    !(call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_PEEK))
		count_read(conn, (uint64_t)call_bytes(call, result));
	if (rehearsal_scenario(&config.rehearsal)->sequel == REHEARSAL_RESET)
		do_to(area, conn, REHEARSAL_STAGE_ACTED, look);
	emit_unpin(conn);
}

/* --- Ends. --- */

/* Returns whether another process heals the connection: a child has it too, as far as is known. */
static bool is_left_to_others(const struct conn *conn)
{
	return conn_is_maybe_shared(conn, process_forks()) && !process_is_child();
}

void rehearse_closing(struct conn *conn, int fd)
{
	if (!is_to_be_healed(conn) || is_left_to_others(conn) || restriction_is_filter())
		return;
	heal_conn(fd, conn);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	atomic_fetch_or(&conn->unreported, REHEARSAL_ACTION_HEALED);
}

void rehearse_end(struct area *area)
{
	for (uint32_t i = 0; i < conn_slab_size(); i++) {
		struct conn *conn = conn_acquire_at(i);

		if (!conn)
			continue;
		emit_pin(conn);
		if (is_to_be_healed(conn) && !is_left_to_others(conn))
			do_to(area, conn, REHEARSAL_STAGE_ACTED, undo);
		emit_unpin(conn);
	}
}
