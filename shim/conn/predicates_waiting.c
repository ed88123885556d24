/* Notes on waits, and on writes that mean something later, in the order of notes.def. */
#include "conn/predicate.h"

#include <errno.h>

enum { REPEATED_DELAYS = 3 };

/* Returns whether nothing is being sent, nothing is expected, and nobody would notice that the peer
 * is gone. */
static bool is_idle(const struct evidence *e)
{
	return e->before->phase == CONN_PHASE_OPEN && e->step->before.state == STATE_ESTABLISHED &&
	       e->facts->outstanding_bytes == 0 && e->before->blocked_ns == 0 &&
	       evidence_since(e->before->active_ns, e->step->now_ns) >= LONG_WAIT_NS;
}

/* Returns whether the call waits, or has waited, for what an idle peer may never send. A read that
 * would block is announced when it begins, and nothing is said of it later while it hangs. */
static bool is_waiting_idly(const struct evidence *e)
{
	bool is_read = e->step->effect == EFFECT_READ;
	uint64_t took_ns = evidence_since(e->step->start_ns, e->step->now_ns);

	if (is_read && e->step->is_sleeping)
		return e->step->before.state == STATE_ESTABLISHED &&
		       e->step->before.retransmits == 0;
	return (is_read || e->step->effect == EFFECT_WAIT) &&
	       (e->step->is_sleeping || took_ns >= LONG_WAIT_NS) && is_idle(e);
}

bool is_no_failure_detection(const struct evidence *e)
{
	return is_waiting_idly(e) && e->step->is_unlimited && !e->step->before.has_keepalive &&
	       !(e->step->effect == EFFECT_READ && e->step->before.has_receive_timeout);
}

bool is_peer_silent(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && e->step->result > 0 &&
	       e->facts->silence_ns >= IDLE_NS && e->before->fin_ns == 0 &&
	       e->step->pause.state != STATE_CLOSE_WAIT;
}

/* Returns whether the call has found nothing, or not yet. */
static bool is_waiting(const struct evidence *e)
{
	return e->step->is_sleeping || (e->step->effect == EFFECT_WAIT && e->step->result == 0) ||
	       (e->step->effect == EFFECT_WRITE && e->step->error == EAGAIN);
}

static bool is_waiting_for_room(const struct evidence *e)
{
	return is_waiting(e) && (e->step->is_asking_write || e->step->effect == EFFECT_WRITE) &&
	       e->step->before.state != STATE_UNKNOWN && e->facts->outstanding_bytes > 0;
}

/* Returns whether data waits although the peer's window is open, and none of it has left this
 * machine since the peer was last heard. Where nothing can be sent from the beginning, the kernel
 * probes although nothing is in flight. Otherwise its timer expires (tcpi_retransmits), but no
 * segment is sent again (tcpi_last_data_sent, tcpi_total_retrans): a retransmission would come
 * RTO_MIN after the data at the earliest. */
bool is_unsent(const struct tcpinfo *info)
{
	enum { LESS_THAN_RTO_MIN_MS = 150 };

	if (info->send_window_bytes == 0)
		return false;
	if (info->probes > 0 && info->in_flight == 0)
		return true;
	return info->retransmits > 0 &&
	       (info->retransmits_total == 0 ||
		info->last_data_sent_ms + LESS_THAN_RTO_MIN_MS >= info->last_ack_received_ms);
}

bool is_cannot_send(const struct evidence *e)
{
	return is_waiting(e) && evidence_is_sampled(&e->step->before) &&
	       e->facts->outstanding_bytes > 0 && is_unsent(&e->step->before);
}

bool is_retransmitting(const struct evidence *e)
{
	return is_waiting(e) && e->step->before.retransmits > 0 &&
	       e->facts->outstanding_bytes > 0 && e->step->before.send_window_bytes != 0 &&
	       !is_cannot_send(e);
}

bool is_peer_window_closed(const struct evidence *e)
{
	return is_waiting_for_room(e) && e->step->before.send_window_bytes == 0 &&
	       e->step->before.probes <= 1;
}

/* Returns whether the call ends a long wait for room, during which there was data to send. */
static bool is_held_up(const struct evidence *e)
{
	return !is_waiting(e) && e->step->effect != EFFECT_CLOSE &&
	       evidence_is_sampled(&e->step->before) && e->facts->waited_ns >= LONG_WAIT_NS &&
	       e->facts->busy_ns >= e->facts->waited_ns / 2 && !(e->after->flags & CONN_FLAG_DEAD);
}

/* Returns how long neither the peer's window nor the send buffer was the limit. */
static uint64_t path_limited_ns(const struct tcpshim_facts *facts)
{
	uint64_t limited_ns = facts->window_limited_ns + facts->buffer_limited_ns;

	return facts->busy_ns > limited_ns ? facts->busy_ns - limited_ns : 0;
}

bool is_held_up_by_peer(const struct evidence *e)
{
	return is_held_up(e) && e->facts->window_limited_ns >= e->facts->buffer_limited_ns &&
	       e->facts->window_limited_ns >= path_limited_ns(e->facts);
}

bool is_send_buffer_full(const struct evidence *e)
{
	return is_waiting_for_room(e) && e->step->before.send_window_bytes != 0 &&
	       e->step->before.retransmits == 0 && !is_cannot_send(e) &&
	       (e->step->effect == EFFECT_WRITE || e->before->blocked_ns != 0) &&
	       (e->step->is_sleeping || e->facts->waited_ns >= LONG_WAIT_NS);
}

bool is_held_up_by_buffer(const struct evidence *e)
{
	return is_held_up(e) && !is_held_up_by_peer(e) &&
	       e->facts->buffer_limited_ns >= path_limited_ns(e->facts);
}

bool is_held_up_by_path(const struct evidence *e)
{
	return is_held_up(e) && !is_held_up_by_peer(e) && !is_held_up_by_buffer(e);
}

/* Returns whether the program began something new on the connection: a client that had got its
 * answer, a server that had given it. Otherwise the peer may have shut down its sending side on
 * purpose, and still read. */
static bool is_new_request(const struct evidence *e)
{
	const struct conn_view *before = e->before;
	/* Of an adopted connection the kernel counts what came before; tcpi_bytes_acked counts the
	 * SYN too. */
	bool has_asked = before->sent_bytes > 0 || before->acknowledged_base > 1;
	bool has_got = before->received_bytes > 0 || before->received_base > 0;

	if (before->role == ROLE_CLIENT)
		return has_asked && has_got;
	return before->write_ns > before->heard_ns && e->step->pause.quiet_ns >= CONN_PAUSE_NS;
}

/* Returns whether this call wrote into a connection that the peer had closed while it lay idle. Who
 * has not read the answer yet is not about to ask again. */
bool is_stale_reuse(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && !e->step->is_sleeping && e->step->result > 0 &&
	       e->step->pause.state == STATE_CLOSE_WAIT && e->before->fin_ns == 0 &&
	       !(e->before->flags & (CONN_FLAG_DEAD | CONN_FLAG_SHUT_READ)) &&
	       !e->step->pause.has_unread && is_new_request(e) && e->step->alert == CONN_ALERT_NONE;
}

bool is_nagle_delay(const struct evidence *e)
{
	return e->facts->held_ns > 0;
}

/* Once may be the start of a session; each request, again and again, is a fault. */
bool is_nagle_repeated(const struct evidence *e)
{
	return e->facts->held_ns > 0 && e->facts->nagle_count >= REPEATED_DELAYS;
}
