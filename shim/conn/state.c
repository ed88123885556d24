#include "conn/state.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "sys/hot.h"

#define NS_PER_MS UINT64_C(1000000)
enum { SMALL_BYTES = 4096 /* of writes in a row that Nagle's algorithm may hold back */ };

/* Exact to the byte. tcpi_bytes_acked counts an acknowledged FIN of this side as one byte more than
 * was written, so the difference is limited to 0. */
uint64_t state_outstanding_bytes(const struct conn_view *view, const struct tcpinfo *info)
{
	uint64_t written = view->sent_bytes + view->sent_before_bytes;
	uint64_t acknowledged = info->acknowledged_bytes - view->acknowledged_base;

	if (info->state == STATE_UNKNOWN || info->acknowledged_bytes < view->acknowledged_base)
		return 0;
	return written > acknowledged ? written - acknowledged : 0;
}

static bool is_end_error(int error)
{
	switch (error) {
	case ECONNRESET:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case ECONNABORTED:
	case EPIPE:
		return true;
	default:
		return false;
	}
}

bool state_is_clean_end(const struct conn_view *view, const struct conn_step *step)
{
	return (view->flags & CONN_FLAG_SHUT_WRITE) && step->after.state == STATE_CLOSE &&
	       (step->error == 0 || step->error == EPIPE) && !(step->revents & POLLERR) &&
	       state_outstanding_bytes(view, &step->after) == 0;
}

/* Returns the state after a FIN from the peer, for when the kernel cannot be asked. */
static uint8_t state_after_fin(uint8_t state)
{
	switch (state) {
	case STATE_FIN_WAIT_1: /* acknowledged by now, or by the peer's FIN */
	case STATE_FIN_WAIT_2:
		return STATE_TIME_WAIT;
	case STATE_ESTABLISHED:
		return STATE_CLOSE_WAIT;
	default:
		return state;
	}
}

static void open_connection(struct conn *conn, uint8_t role, uint64_t now_ns)
{
	atomic_store(&conn->role, role);
	atomic_store(&conn->state, STATE_ESTABLISHED);
	atomic_store(&conn->opened_ns, now_ns);
	atomic_store(&conn->active_ns, now_ns);
	atomic_store(&conn->heard_ns, now_ns);
	/* tcpi_bytes_acked counts the SYN of the side that connected. */
	atomic_store(&conn->acknowledged_base, role == ROLE_CLIENT ? 1 : 0);
	atomic_store(&conn->phase, CONN_PHASE_OPEN);
}

static void advance_connect(struct conn *conn, const struct conn_step *step)
{
	uint8_t phase = atomic_load(&conn->phase);

	if (step->is_disconnect && step->error == 0)
		conn_clear(conn, CONN_PHASE_NEW, step->now_ns);
	if (phase == CONN_PHASE_OPEN || phase == CONN_PHASE_LISTENING || step->is_disconnect)
		return;
	if (phase != CONN_PHASE_CONNECTING) /* a second connect asks for the result of the first */
		atomic_store(&conn->connect_ns, step->start_ns);
	/* With TCP_FASTOPEN_CONNECT nothing is sent before the first write. */
	if ((step->error == 0 && step->after.state != STATE_SYN_SENT) || step->error == EISCONN) {
		open_connection(conn, ROLE_CLIENT, step->now_ns);
	} else if (step->error == 0 || step->error == EINPROGRESS || step->error == EINTR ||
		   step->error == EALREADY) {
		atomic_store(&conn->role, ROLE_CLIENT);
		atomic_store(&conn->state, STATE_SYN_SENT);
		atomic_store(&conn->phase, CONN_PHASE_CONNECTING);
	} else {
		atomic_store(&conn->state, STATE_CLOSE);
		atomic_store(&conn->phase, CONN_PHASE_NEW);
	}
}

/* Returns whether the call shows that the handshake is complete, where the kernel cannot be
 * asked. */
static bool is_proof_of_connection(const struct conn_step *step)
{
	bool is_transfer = step->effect == EFFECT_READ || step->effect == EFFECT_WRITE;
	bool is_ready = step->effect == EFFECT_WAIT && (step->revents & POLLOUT) &&
			!(step->revents & (POLLERR | POLLHUP));

	return (is_transfer && step->result > 0) || is_ready;
}

/* Takes the result of a connect in the background from another call. The peer may have closed
 * already. */
static void advance_handshake(struct conn *conn, const struct conn_step *step)
{
	switch (step->after.state) {
	case STATE_UNKNOWN:
		if (is_proof_of_connection(step))
			open_connection(conn, ROLE_CLIENT, step->now_ns);
		break;
	case STATE_SYN_SENT:
	case STATE_SYN_RECV:
		break;
	case STATE_CLOSE:
		if (step->error != 0) /* returned: the socket may try again */
			atomic_store(&conn->phase, CONN_PHASE_NEW);
		break;
	default:
		open_connection(conn, ROLE_CLIENT, step->now_ns);
	}
}

/* Returns whether end of stream can be the peer's FIN. If the kernel reports that none was
 * received, another process has shut down the reading side. */
static bool may_have_fin(uint8_t state)
{
	return state != STATE_ESTABLISHED && state != STATE_FIN_WAIT_1 && state != STATE_FIN_WAIT_2;
}

/* Stores a time of a transfer. If threads share a connection, their counters lose no byte, but any
 * of their times will do. */
static void set(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

HOT void state_received(struct conn *conn, uint64_t bytes, uint64_t now_ns)
{
	atomic_store_explicit(&conn->is_ready, false, memory_order_relaxed);
	atomic_store_explicit(&conn->polls, 0, memory_order_relaxed);
	if (bytes == 0)
		return;
	atomic_fetch_add_explicit(&conn->received_bytes, bytes, memory_order_relaxed);
	set(&conn->heard_ns, now_ns);
	set(&conn->active_ns, now_ns);
	set(&conn->unanswered_ns, 0);
	set(&conn->idle_ns, 0);
}

HOT void state_sent(struct conn *conn, uint64_t bytes, uint64_t idle_ns, uint64_t start_ns,
		    uint64_t now_ns)
{
	uint64_t before = atomic_fetch_add_explicit(&conn->sent_bytes, bytes, memory_order_relaxed);

	atomic_store_explicit(&conn->polls, 0, memory_order_relaxed);
	set(&conn->active_ns, now_ns);
	set(&conn->write_ns, start_ns);
	set(&conn->write_bytes, bytes);
	if (idle_ns != 0 || atomic_load_explicit(&conn->unanswered_ns, memory_order_relaxed) == 0) {
		set(&conn->idle_ns, idle_ns);
		set(&conn->sent_before_idle, before);
		set(&conn->unanswered_ns, start_ns);
	}
}

/* Notes when the peer's FIN arrived, the first time that it is known. */
static void note_fin(struct conn *conn, uint64_t arrived_ns, uint64_t quiet_ns, bool is_bound)
{
	if (atomic_load(&conn->fin_arrived_ns) != 0)
		return;
	atomic_store(&conn->fin_quiet_ns, quiet_ns);
	if (is_bound)
		atomic_fetch_or(&conn->flags, CONN_FLAG_FIN_BOUND);
	atomic_store(&conn->fin_arrived_ns, arrived_ns);
}

/* Takes the time of the peer's FIN from a sample: the last segment from the peer, because nothing
 * of ours was to be acknowledged after it. */
static void note_sampled_fin(struct conn *conn, const struct tcpinfo *info, uint64_t at_ns)
{
	uint64_t age_ns = info->last_ack_received_ms * NS_PER_MS;
	uint64_t data_ns = info->last_data_ms * NS_PER_MS;

	note_fin(conn, at_ns > age_ns ? at_ns - age_ns : 1, data_ns > age_ns ? data_ns - age_ns : 0,
		 info->may_have_acknowledged);
}

/* Notes what the kernel has counted of waiting to send. Not while a write waits: the wait is
 * measured from before its beginning. */
static void note_limits(struct conn *conn, const struct tcpinfo *info, uint64_t at_ns)
{
	set(&conn->limits_busy_ns, info->busy_ns);
	set(&conn->limits_window_ns, info->window_limited_ns);
	set(&conn->limits_buffer_ns, info->buffer_limited_ns);
	set(&conn->limits_at_ns, at_ns);
}

/* Takes what the sample of a step shows beside its state. */
static void note_sample(struct conn *conn, const struct conn_view *view,
			const struct conn_step *step)
{
	const struct tcpinfo *info = step->after.state != STATE_UNKNOWN ? &step->after
									: &step->before;
	bool is_before = step->effect == EFFECT_CLOSE || step->effect == EFFECT_SHUTDOWN;
	uint64_t at_ns = is_before ? step->start_ns : step->now_ns;
	bool is_waiting = view->blocked_ns != 0 && !(step->revents & POLLOUT) &&
			  !(step->effect == EFFECT_WRITE && step->result > 0);

	if (info->state == STATE_UNKNOWN || info->state == STATE_LISTEN)
		return;
	set(&conn->asked_ns, step->now_ns);
	if (info->state == STATE_CLOSE_WAIT || state_is_clean_end(view, step))
		note_sampled_fin(conn, info, at_ns);
	if (!is_waiting)
		note_limits(conn, info, at_ns);
}

uint64_t state_held_ns(const struct conn_view *before, const struct conn_step *step)
{
	uint64_t since_ns = step->now_ns - before->write_ns;
	uint64_t sent_ns = step->before.last_data_sent_ms * NS_PER_MS;

	/* The segment that carried the last write was sent later than it was written; and it was
	 * not sent again, which would look the same. */
	if (step->effect != EFFECT_READ || step->result <= 0 || !step->before.is_nagle ||
	    step->before.retransmits_total != 0 || step->now_ns < before->write_ns ||
	    step->before.window_limited_ns > before->limits.window_ns ||
	    since_ns > STATE_HELD_MOST_NS || (before->flags & CONN_FLAG_USES_MORE) ||
	    before->sent_bytes - before->sent_before_idle > SMALL_BYTES ||
	    since_ns < sent_ns + STATE_HELD_LEAST_NS)
		return 0;
	return since_ns - sent_ns;
}

static void note_held(struct conn *conn, const struct conn_view *view, const struct conn_step *step)
{
	uint64_t held_ns = state_held_ns(view, step);

	if (held_ns == 0)
		return;
	atomic_fetch_add(&conn->nagle_count, 1);
	atomic_fetch_add(&conn->nagle_lost_ns, held_ns);
}

static void advance_read(struct conn *conn, const struct conn_view *view,
			 const struct conn_step *step)
{
	state_received(conn, step->result > 0 && !step->is_peek ? (uint64_t)step->result : 0,
		       step->now_ns);
	if (step->result > 0 && step->is_peek) {
		set(&conn->heard_ns, step->now_ns);
		set(&conn->active_ns, step->now_ns);
		set(&conn->unanswered_ns, 0);
		set(&conn->idle_ns, 0);
	} else if (step->result == 0 && step->asked_bytes > 0 && may_have_fin(step->after.state) &&
		   !(view->flags & (CONN_FLAG_SHUT_READ | CONN_FLAG_DEAD))) {
		if (view->fin_ns == 0)
			atomic_store(&conn->fin_ns, step->now_ns);
		if (!step->is_peek)
			atomic_fetch_add(&conn->eof_count, 1);
		atomic_store(&conn->state, state_after_fin(view->state));
	}
}

/* Notes since when writes find no room. Each byte that is taken begins a new wait. */
static void note_room(struct conn *conn, const struct conn_view *view, const struct conn_step *step)
{
	bool is_short = step->result > 0 && (uint64_t)step->result < step->asked_bytes;

	if (step->error == EAGAIN)
		set(&conn->blocked_ns, view->blocked_ns != 0 ? view->blocked_ns : step->now_ns);
	else if (step->result > 0)
		set(&conn->blocked_ns, is_short ? step->now_ns : 0);
}

static void advance_write(struct conn *conn, const struct conn_view *view,
			  const struct conn_step *step)
{
	const struct conn_pause *pause = &step->pause;

	atomic_store_explicit(&conn->polls, 0, memory_order_relaxed);
	note_room(conn, view, step);
	if (pause->state == STATE_CLOSE_WAIT) {
		note_fin(conn, step->start_ns - pause->fin_ns, pause->quiet_ns,
			 pause->is_fin_bound);
		if (view->state == STATE_ESTABLISHED)
			atomic_store(&conn->state, STATE_CLOSE_WAIT);
	}
	if (step->has_more)
		atomic_fetch_or(&conn->flags, CONN_FLAG_USES_MORE);
	if (step->result <= 0)
		return;
	state_sent(conn, (uint64_t)step->result, pause->has_outstanding ? 0 : pause->silence_ns,
		   step->start_ns, step->now_ns);
	if (step->alert != CONN_ALERT_NONE) {
		atomic_store(&conn->alert, step->alert);
		atomic_store(&conn->alert_ns, step->start_ns);
	}
}

/* Counts a wait once, even if it waited for several descriptors of this connection. */
static void advance_polls(struct conn *conn, uint64_t now_ns)
{
	if (atomic_exchange(&conn->polled_ns, now_ns) != now_ns)
		atomic_fetch_add(&conn->polls, 1);
}

static void advance_shutdown(struct conn *conn, const struct conn_view *view,
			     const struct conn_step *step)
{
	uint32_t flags = 0;

	if (step->how == SHUT_RD || step->how == SHUT_RDWR)
		flags |= CONN_FLAG_SHUT_READ;
	if (step->how == SHUT_WR || step->how == SHUT_RDWR) {
		flags |= CONN_FLAG_SHUT_WRITE;
		if (view->fin_ns == 0 && step->before.state != STATE_CLOSE_WAIT &&
		    !(view->flags & CONN_FLAG_SHUT_WRITE))
			flags |= CONN_FLAG_FIN_FIRST;
	}
	atomic_fetch_or(&conn->flags, flags);
	if (!(flags & CONN_FLAG_SHUT_WRITE))
		return;
	/* If the peer's FIN is already queued, the kernel knows it before the program reads it. */
	if (step->before.state == STATE_CLOSE_WAIT || view->state == STATE_CLOSE_WAIT)
		atomic_store(&conn->state, STATE_LAST_ACK);
	else if (view->state == STATE_ESTABLISHED)
		atomic_store(&conn->state, STATE_FIN_WAIT_1);
}

/* Returns whether the socket is closed or may be. An ICMP error that the program asked for
 * (IP_RECVERR) is returned while the connection goes on. */
static bool is_closed_or_unknown(uint8_t state)
{
	return state == STATE_CLOSE || state == STATE_UNKNOWN;
}

static bool is_found_dead(const struct conn_view *view, const struct tcpinfo *info)
{
	return info->state == STATE_CLOSE &&
	       (!(view->flags & CONN_FLAG_SHUT_WRITE) || info->has_error ||
		state_outstanding_bytes(view, info) > 0);
}

/* Stores the state that the kernel reported after the call, and notes whether the connection is
 * dead. After a clean end the kernel reports CLOSE, while the connection is in TIME_WAIT or over:
 * the state known before is more exact and is kept. */
static void note_state(struct conn *conn, const struct conn_view *view,
		       const struct conn_step *step)
{
	bool is_opening = step->effect == EFFECT_CONNECT || step->effect == EFFECT_ACCEPT;
	bool is_clean = state_is_clean_end(view, step);
	bool is_own_pipe = step->error == EPIPE && (view->flags & CONN_FLAG_SHUT_WRITE);

	/* Without POLLERR there is no error: another thread is just shutting the connection down,
	 * or has taken the error and reports it. */
	if (is_opening || (step->effect == EFFECT_WAIT && step->revents != 0 &&
			   step->after.state == STATE_CLOSE && !(step->revents & POLLERR)))
		return;
	if (step->after.state != STATE_UNKNOWN && !is_clean)
		atomic_store(&conn->state, step->after.state);
	if (view->phase != CONN_PHASE_OPEN)
		return;
	if ((step->effect == EFFECT_CLOSE && is_found_dead(view, &step->before)) ||
	    (is_end_error(step->error) && is_closed_or_unknown(step->after.state) &&
	     !is_own_pipe) ||
	    (step->after.state == STATE_CLOSE && !is_clean))
		atomic_fetch_or(&conn->flags, CONN_FLAG_DEAD);
}

/* Advances the state of a connection that a policy ended at the peer's FIN. */
static void advance_policy_end(struct conn *conn, const struct conn_step *step)
{
	if (step->policy_end == 0)
		return;
	atomic_store(&conn->state,
		     step->policy_end == POLICY_ACTION_SENT_FIN ? STATE_LAST_ACK : STATE_CLOSE);
	atomic_fetch_or(&conn->flags,
			CONN_FLAG_POLICY_ENDED | CONN_FLAG_SHUT_READ | CONN_FLAG_SHUT_WRITE |
				(step->policy_end == POLICY_ACTION_SENT_RST ? CONN_FLAG_DEAD : 0U));
}

/* Returns whether the step only counts bytes: nothing else of the connection changes. */
static bool is_plain_transfer(const struct conn *conn, const struct conn_step *step)
{
	if ((step->effect != EFFECT_READ && step->effect != EFFECT_WRITE) || step->result <= 0 ||
	    step->error != 0 || step->is_sleeping || step->is_peek || step->policy_end != 0 ||
	    step->before.state != STATE_UNKNOWN || step->after.state != STATE_UNKNOWN ||
	    atomic_load_explicit(&conn->phase, memory_order_relaxed) != CONN_PHASE_OPEN)
		return false;
	return step->effect == EFFECT_READ ||
	       (step->alert == CONN_ALERT_NONE && !step->has_more &&
		step->pause.state == STATE_UNKNOWN && (uint64_t)step->result >= step->asked_bytes &&
		atomic_load_explicit(&conn->blocked_ns, memory_order_relaxed) == 0);
}

/* select without a read set does not wake up when the connection dies. */
static void advance_sleeping(struct conn *conn, const struct conn_view *view,
			     const struct conn_step *step)
{
	if (view->phase != CONN_PHASE_OPEN || !is_found_dead(view, &step->before))
		return;
	atomic_fetch_or(&conn->flags, CONN_FLAG_DEAD);
	atomic_store(&conn->state, STATE_CLOSE);
	conn_is_changed(conn);
}

static void count_transfer(struct conn *conn, const struct conn_step *step)
{
	if (step->effect == EFFECT_READ)
		state_received(conn, (uint64_t)step->result, step->now_ns);
	else
		state_sent(conn, (uint64_t)step->result, step->pause.silence_ns, step->start_ns,
			   step->now_ns);
}

void state_advance(struct conn *conn, const struct conn_step *step)
{
	struct conn_view view;

	if (is_plain_transfer(conn, step)) {
		count_transfer(conn, step);
		return;
	}
	conn_read(conn, &view);
	note_sample(conn, &view, step);
	if (step->is_sleeping) {
		advance_sleeping(conn, &view, step);
		return;
	}
	if (view.phase == CONN_PHASE_CONNECTING && step->effect != EFFECT_CONNECT)
		advance_handshake(conn, step);
	switch (step->effect) {
	case EFFECT_CONNECT:
		advance_connect(conn, step);
		break;
	case EFFECT_ACCEPT:
		open_connection(conn, ROLE_SERVER, step->now_ns);
		break;
	case EFFECT_LISTEN:
		if (step->error == 0) {
			atomic_store(&conn->phase, CONN_PHASE_LISTENING);
			atomic_store(&conn->role, ROLE_LISTENER);
			atomic_store(&conn->state, STATE_LISTEN);
		}
		break;
	case EFFECT_READ:
		note_held(conn, &view, step);
		advance_read(conn, &view, step);
		break;
	case EFFECT_WRITE:
		if (view.phase == CONN_PHASE_NEW && conn->kind == CONN_KIND_TCP &&
		    (step->result > 0 || step->error == EINPROGRESS)) {
			/* MSG_FASTOPEN: the data went with the SYN */
			atomic_store(&conn->role, ROLE_CLIENT);
			atomic_store(&conn->connect_ns, step->start_ns);
			atomic_store(&conn->phase, CONN_PHASE_CONNECTING);
		}
		advance_write(conn, &view, step);
		break;
	case EFFECT_SHUTDOWN:
		if (step->error == 0)
			advance_shutdown(conn, &view, step);
		break;
	case EFFECT_WAIT:
		if (step->revents & (POLLIN | POLLERR | POLLHUP))
			atomic_store_explicit(&conn->is_ready, true, memory_order_relaxed);
		if ((step->revents & (POLLERR | POLLHUP)) && step->after.state == STATE_CLOSE)
			advance_polls(conn, step->now_ns);
		break;
	default:
		break;
	}
	note_state(conn, &view, step);
	advance_policy_end(conn, step);
	conn_is_changed(conn);
}
