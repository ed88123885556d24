#include "trace/rehearse.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "guest/alarm.h"
#include "guest/process.h"
#include "settings/rehearsal.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/choice.h"
#include "trace/connecting.h"
#include "trace/deed.h"
#include "trace/descriptor.h"
#include "trace/emit.h"

/* LOOK_NS: how often a connection is looked at whose next segment is to be answered with a reset.
 * MOST_AWAITED_NS: how long a call waits for a deed that has ended it. */
enum { LOOK_NS = 20000000, MOST_AWAITED_NS = 100000000 };

/* 0: no thread acts on a connection; otherwise one does, at most until then. */
static _Atomic uint64_t acting_until_ns;

/* --- What happens to an open connection. --- */

static uint32_t action_of_cut(const struct conn *conn)
{
	return atomic_load(&conn->rehearsal.is_keyed) ? REHEARSAL_ACTION_CUT
						      : REHEARSAL_ACTION_DEAFENED;
}

/* Does the scenario's deed. The caller has made the stage busy. */
static void act(struct area *area, struct conn *conn, int fd, int copy)
{
	const struct scenario_row *row = rehearsal_scenario(&config.rehearsal);
	uint64_t now_ns = process_now_ns(), until_ns = rehearsal_end_ns(&config.rehearsal, now_ns);
	uint32_t action = 0;
	long result = 0;

	atomic_store(&conn->rehearsal.acted_ns, now_ns);
	atomic_store(&conn->rehearsal.until_ns, until_ns);
	atomic_store(&conn->rehearsal.sent_bytes, atomic_load(&conn->sent_bytes));
	switch ((enum rehearsal_deed)row->deed) {
	case REHEARSAL_CUT:
		result = deed_cut_open(copy, conn);
		action = action_of_cut(conn);
		break;
	case REHEARSAL_CLOSE:
		result = deed_cut_open(copy, conn);
		if (result == 0)
			result = deed_end_stream(copy, conn);
		action = REHEARSAL_ACTION_CLOSED;
		break;
	case REHEARSAL_END:
		result = deed_end_stream(copy, conn);
		action = REHEARSAL_ACTION_ENDED;
		break;
	case REHEARSAL_SLOW:
		result = deed_slow_down(copy, conn);
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
	deed_report(area, conn, fd, action, result, now_ns);
}

/* Undoes it, when its time is over. */
static void undo(struct area *area, struct conn *conn, int fd, int copy)
{
	bool is_slow = rehearsal_scenario(&config.rehearsal)->deed == REHEARSAL_SLOW;

	if (is_slow)
		deed_hasten(copy, conn);
	else
		deed_heal(copy, conn);
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	deed_report(area, conn, fd, is_slow ? REHEARSAL_ACTION_HASTENED : REHEARSAL_ACTION_HEALED,
		    0, process_now_ns());
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
	result = is_answered && (info.unread_bytes == 0 || is_write) ? deed_reset(copy, conn, &info)
								     : -EAGAIN;
	/* EBUSY: Linux 6.1 to 6.5 refuse it while a thread waits in a read. */
	if (result == -EAGAIN || result == -EBUSY) {
		atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_ACTED);
		return;
	}
	atomic_store(&conn->rehearsal.stage, REHEARSAL_STAGE_OVER);
	deed_report(area, conn, fd, REHEARSAL_ACTION_RESET, result, now_ns);
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
		deed_heal(copy, conn);
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

/* --- Calls. --- */

/* Throws away what the peer has sent after the rehearsed end of stream: a peer that has finished
 * sending would not have sent it, and the kernel would give it to the program. */
static void discard(const struct call *call, struct conn *conn)
{
	int copy;

	thread_block_signals();
	copy = descriptor_hold(call->fd, call->slot);
	if (copy < 0)
		return;
	deed_discard(copy, conn);
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
		connecting_begin(area, call, conn);
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
		deed_take_error(copy); /* it is reported once */
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
	deed_heal(fd, conn);
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
