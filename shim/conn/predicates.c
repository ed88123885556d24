#include "conn/predicates.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A write this long after the peer's FIN is worth a warning. A reply is ordinary, and on a busy
 * machine it takes its time. */
#define LATE_WRITE_NS UINT64_C(1000000000)
/* A name lookup of this duration is worth a note. */
#define LONG_LOOKUP_NS UINT64_C(100000000)
/* The first SYN is sent again after a second, less the kernel's ticks. */
#define SYN_TIMEOUT_NS UINT64_C(900000000)
/* A connection that waited this long in the accept queue is worth a warning. */
#define LONG_QUEUE_NS UINT64_C(1000000000)
enum { SPINNING_POLLS = 8, IGNORED_EOFS = 3, REPEATED_DELAYS = 3 };

/* The predicates, in the order of notes.def. */

static bool is_adopted(const struct evidence *e)
{
	return (e->after->flags & CONN_FLAG_ADOPTED) && e->after->phase == CONN_PHASE_OPEN;
}

static bool is_closed_unseen(const struct evidence *e)
{
	return (e->step->effect == EFFECT_CREATE || e->step->effect == EFFECT_ACCEPT) &&
	       e->step->other_fd >= 0 && e->step->error == 0;
}

static bool is_connecting(const struct evidence *e)
{
	return e->step->effect == EFFECT_CONNECT && e->step->error == EINPROGRESS;
}

static bool is_any_connected(const struct evidence *e)
{
	return e->before->phase != CONN_PHASE_OPEN && e->after->phase == CONN_PHASE_OPEN &&
	       e->step->effect != EFFECT_ACCEPT;
}

static bool is_connected_later(const struct evidence *e)
{
	return is_any_connected(e) && e->before->phase == CONN_PHASE_CONNECTING;
}

static bool is_connected(const struct evidence *e)
{
	return is_any_connected(e) && e->before->phase != CONN_PHASE_CONNECTING;
}

static bool is_connect_slow(const struct evidence *e)
{
	/* tcpi_total_retrans counts data too, if the program looks late. */
	return is_any_connected(e) && e->step->after.retransmits_total > 0 &&
	       e->facts->handshake_ns >= SYN_TIMEOUT_NS;
}

/* Returns whether a connect may have failed in this call: its own error, or the one that the
 * program read by SO_ERROR later. */
static bool has_connect_failed(const struct evidence *e)
{
	if (e->after->phase == CONN_PHASE_OPEN || e->before->phase == CONN_PHASE_OPEN)
		return false;
	return e->step->effect == EFFECT_CONNECT || e->before->phase == CONN_PHASE_CONNECTING;
}

static bool is_connect_refused(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ECONNREFUSED;
}

static bool is_connect_timed_out(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ETIMEDOUT;
}

static bool is_connect_unreachable(const struct evidence *e)
{
	return has_connect_failed(e) &&
	       (e->step->error == EHOSTUNREACH || e->step->error == ENETUNREACH);
}

static bool is_connect_reset(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == ECONNRESET;
}

/* Returns whether only a local port can have been missing: the socket is not bound to one, and an
 * address of its family exists. IPv4 has no other reason for EADDRNOTAVAIL (__inet_hash_connect,
 * net/ipv4/inet_hashtables.c). */
static bool lacks_port(const struct evidence *e)
{
	return e->after->local.port == 0 && e->step->ports.ports != 0 &&
	       (e->after->peer.family == AF_INET || e->step->ports.has_ipv6);
}

static bool is_ports_exhausted(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == EADDRNOTAVAIL && lacks_port(e);
}

static bool is_no_local_address(const struct evidence *e)
{
	return has_connect_failed(e) && e->step->error == EADDRNOTAVAIL && !lacks_port(e);
}

static bool is_name_lookup(const struct evidence *e)
{
	return e->step->effect == EFFECT_CONNECT && e->step->lookup_ns >= LONG_LOOKUP_NS;
}

static bool is_any_accepted(const struct evidence *e)
{
	return e->step->effect == EFFECT_ACCEPT && e->step->error == 0 && !e->step->is_sleeping;
}

static bool is_accepted(const struct evidence *e)
{
	return is_any_accepted(e) && e->step->after.state != STATE_SYN_RECV;
}

static bool is_accepted_early(const struct evidence *e)
{
	return is_any_accepted(e) && e->step->after.state == STATE_SYN_RECV;
}

static bool is_accept_late(const struct evidence *e)
{
	return is_accepted(e) && e->facts->queued_ns >= LONG_QUEUE_NS;
}

/* The queue lets in one connection more than its limit, and this one has left it. */
static bool is_accept_queue_full(const struct evidence *e)
{
	return is_accepted(e) && e->step->queue_limit > 0 &&
	       e->step->queue_length > e->step->queue_limit;
}

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

static bool is_no_failure_detection(const struct evidence *e)
{
	return is_waiting_idly(e) && e->step->is_unlimited && !e->step->before.has_keepalive &&
	       !(e->step->effect == EFFECT_READ && e->step->before.has_receive_timeout);
}

static bool is_peer_silent(const struct evidence *e)
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
static bool is_unsent(const struct tcpinfo *info)
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

static bool is_cannot_send(const struct evidence *e)
{
	return is_waiting(e) && evidence_is_sampled(&e->step->before) &&
	       e->facts->outstanding_bytes > 0 && is_unsent(&e->step->before);
}

static bool is_retransmitting(const struct evidence *e)
{
	return is_waiting(e) && e->step->before.retransmits > 0 &&
	       e->facts->outstanding_bytes > 0 && e->step->before.send_window_bytes != 0 &&
	       !is_cannot_send(e);
}

static bool is_peer_window_closed(const struct evidence *e)
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

static bool is_held_up_by_peer(const struct evidence *e)
{
	return is_held_up(e) && e->facts->window_limited_ns >= e->facts->buffer_limited_ns &&
	       e->facts->window_limited_ns >= path_limited_ns(e->facts);
}

static bool is_send_buffer_full(const struct evidence *e)
{
	return is_waiting_for_room(e) && e->step->before.send_window_bytes != 0 &&
	       e->step->before.retransmits == 0 && !is_cannot_send(e) &&
	       (e->step->effect == EFFECT_WRITE || e->before->blocked_ns != 0) &&
	       (e->step->is_sleeping || e->facts->waited_ns >= LONG_WAIT_NS);
}

static bool is_held_up_by_buffer(const struct evidence *e)
{
	return is_held_up(e) && !is_held_up_by_peer(e) &&
	       e->facts->buffer_limited_ns >= path_limited_ns(e->facts);
}

static bool is_held_up_by_path(const struct evidence *e)
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
static bool is_stale_reuse(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && !e->step->is_sleeping && e->step->result > 0 &&
	       e->step->pause.state == STATE_CLOSE_WAIT && e->before->fin_ns == 0 &&
	       !(e->before->flags & (CONN_FLAG_DEAD | CONN_FLAG_SHUT_READ)) &&
	       !e->step->pause.has_unread && is_new_request(e) && e->step->alert == CONN_ALERT_NONE;
}

static bool is_nagle_delay(const struct evidence *e)
{
	return e->facts->held_ns > 0;
}

/* Once may be the start of a session; each request, again and again, is a fault. */
static bool is_nagle_repeated(const struct evidence *e)
{
	return e->facts->held_ns > 0 && e->facts->nagle_count >= REPEATED_DELAYS;
}

/* The first 0 from a read that asked for more. Not the 0 after this side's shutdown(SHUT_RD), nor
 * the one after an error that was reported before. */
static bool is_any_peer_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && e->before->fin_ns == 0 && e->after->fin_ns != 0 &&
	       e->cause == CAUSE_NONE;
}

static bool is_peer_fin_late(const struct evidence *e)
{
	return is_any_peer_fin(e) && e->facts->fin_time != FIN_SEEN &&
	       e->facts->fin_age_ns >= CONN_PAUSE_NS;
}

static bool is_peer_fin(const struct evidence *e)
{
	return is_any_peer_fin(e) && !is_peer_fin_late(e);
}

static bool is_write_after_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && !e->step->is_sleeping && e->step->result > 0 &&
	       e->before->fin_ns != 0 && !(e->before->flags & CONN_FLAG_DEAD) &&
	       e->facts->since_fin_ns >= LATE_WRITE_NS && e->step->alert == CONN_ALERT_NONE;
}

static bool is_half_open(const struct evidence *e)
{
	bool is_long = e->step->is_sleeping ||
		       evidence_since(e->step->start_ns, e->step->now_ns) >= LONG_WAIT_NS;

	return e->step->effect == EFFECT_WAIT && is_long && e->before->fin_ns != 0 &&
	       !(e->after->flags & (CONN_FLAG_DEAD | CONN_FLAG_SHUT_WRITE)) &&
	       e->facts->since_fin_ns >= LONG_WAIT_NS && e->facts->now == STATE_CLOSE_WAIT;
}

static bool is_eof_ignored(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && e->before->fin_ns != 0 && e->cause == CAUSE_NONE &&
	       e->after->eof_count >= IGNORED_EOFS && e->after->eof_count > e->before->eof_count;
}

static bool is_reset_peer_forgot(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_FORGOT;
}

static bool is_reset_of_probe(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_OF_PROBE;
}

static bool is_destroyed_here(const struct evidence *e)
{
	return e->cause == CAUSE_DESTROYED_HERE;
}

/* Returns whether all that was lost is a TLS alert. TLS 1.3 encrypts the type of a record: there
 * the size, and that the peer had closed, have to do. */
static bool is_alert_lost_alone(const struct evidence *e)
{
	return e->facts->lost_bytes > 0 && e->facts->lost_bytes == e->before->write_bytes &&
	       (e->before->alert == CONN_ALERT_YES ||
		(e->before->alert == CONN_ALERT_MAYBE && e->cause == CAUSE_RESET_AFTER_FIN));
}

static bool is_reset_after_fin(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_AFTER_FIN && !is_alert_lost_alone(e);
}

static bool is_reset_of_alert(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_AFTER_FIN && is_alert_lost_alone(e);
}

static bool is_reset_by_peer(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_BY_PEER;
}

static bool is_reset_unknown(const struct evidence *e)
{
	return e->cause == CAUSE_RESET;
}

static bool is_timed_out_unsent(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && is_unsent(&e->step->after);
}

/* The peer's window was closed, and it no longer answered the probes of it. */
static bool is_timed_out_window(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && e->facts->retransmits == 0 &&
	       e->facts->probes > 0 && e->step->after.send_window_bytes == 0;
}

static bool is_timed_out_data(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && !is_timed_out_unsent(e) &&
	       !is_timed_out_window(e);
}

static bool is_timed_out_user(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_USER;
}

static bool is_timed_out_probing(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_KEEPALIVE && e->facts->probing_ns > 0;
}

static bool is_timed_out_keepalive(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_KEEPALIVE && e->facts->probing_ns == 0;
}

static bool is_timed_out(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT;
}

static bool is_dead(const struct evidence *e)
{
	return e->cause == CAUSE_UNKNOWN;
}

static bool is_any_lost(const struct evidence *e)
{
	return e->cause != CAUSE_NONE && !(e->before->flags & CONN_FLAG_DEAD) &&
	       e->facts->lost_bytes > 0;
}

static bool is_data_lost(const struct evidence *e)
{
	return is_any_lost(e) && !is_alert_lost_alone(e);
}

static bool is_alert_lost(const struct evidence *e)
{
	return is_any_lost(e) && is_alert_lost_alone(e);
}

static bool is_spinning(const struct evidence *e)
{
	return e->step->effect == EFFECT_WAIT && (e->after->flags & CONN_FLAG_DEAD) &&
	       e->after->polls >= SPINNING_POLLS;
}

static bool is_broken_pipe_own_shutdown(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && e->step->error == EPIPE &&
	       (e->before->flags & CONN_FLAG_SHUT_WRITE) &&
	       !(e->before->flags & CONN_FLAG_POLICY_ENDED);
}

static bool is_broken_pipe_dead(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && e->step->error == EPIPE &&
	       (e->before->flags & CONN_FLAG_DEAD) && !(e->before->flags & CONN_FLAG_SHUT_WRITE);
}

static bool is_write_after_policy_close(const struct evidence *e)
{
	bool was_aborted = e->before->flags & CONN_FLAG_DEAD;

	return e->step->effect == EFFECT_WRITE && (e->before->flags & CONN_FLAG_POLICY_ENDED) &&
	       (e->step->error == EPIPE || (e->step->error == ECONNRESET && was_aborted));
}

/* After an abort by a policy, reads return ECONNRESET once, then ENOTCONN. */
static bool is_read_after_policy_abort(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ &&
	       (e->step->error == ECONNRESET || e->step->error == ENOTCONN) &&
	       (e->before->flags & CONN_FLAG_POLICY_ENDED) && (e->before->flags & CONN_FLAG_DEAD);
}

/* The first 0 after the end was reported: Linux returns it after a reset that followed a FIN, and
 * after an error. */
static bool is_dead_as_eof(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && !e->step->is_sleeping && e->step->error == 0 &&
	       e->step->result == 0 && e->step->asked_bytes > 0 &&
	       (e->before->flags & CONN_FLAG_DEAD) && !(e->before->flags & CONN_FLAG_SHUT_READ);
}

static bool is_unreachable(const struct evidence *e)
{
	return (e->step->effect == EFFECT_READ || e->step->effect == EFFECT_WRITE) &&
	       e->before->phase == CONN_PHASE_OPEN &&
	       (e->step->error == EHOSTUNREACH || e->step->error == ENETUNREACH);
}

static bool is_any_own_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_SHUTDOWN && e->step->error == 0 &&
	       e->step->how != SHUT_RD && e->before->phase == CONN_PHASE_OPEN &&
	       !(e->before->flags & (CONN_FLAG_SHUT_WRITE | CONN_FLAG_DEAD));
}

static bool is_own_fin_last(const struct evidence *e)
{
	return is_any_own_fin(e) && e->facts->before == STATE_CLOSE_WAIT;
}

static bool is_own_fin(const struct evidence *e)
{
	return is_any_own_fin(e) && e->facts->before != STATE_CLOSE_WAIT;
}

/* Returns whether a connection was closed, and not a socket that never had one. */
static bool is_close(const struct evidence *e)
{
	return e->step->effect == EFFECT_CLOSE && e->before->phase == CONN_PHASE_OPEN;
}

static bool is_closed_shared(const struct evidence *e)
{
	return is_close(e) && e->step->is_shared_here;
}

static bool is_closed_shared_maybe(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && e->step->is_maybe_shared &&
	       !e->step->before.is_in_repair;
}

/* Nothing is sent in repair mode, for example when a container migrates to another machine. */
static bool is_closed_in_repair(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && e->step->before.is_in_repair;
}

static bool is_own_close(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && !e->step->is_maybe_shared &&
	       !e->step->before.is_in_repair;
}

static bool is_dead_at_close(const struct evidence *e)
{
	return (e->after->flags & CONN_FLAG_DEAD) != 0;
}

/* Returns whether the close sends nothing more, even if data is unread: the connection is dead, or
 * both FINs were received. */
static bool is_over_at_close(const struct evidence *e)
{
	return is_dead_at_close(e) || evidence_state_at_close(e) == STATE_CLOSE;
}

static bool is_aborted_by_disconnect(const struct evidence *e)
{
	return e->step->is_disconnect && e->step->error == 0 &&
	       e->before->phase == CONN_PHASE_OPEN && !(e->before->flags & CONN_FLAG_DEAD);
}

static bool is_aborted(const struct evidence *e)
{
	return is_own_close(e) && !is_over_at_close(e) && e->step->before.is_linger_abort;
}

static bool is_closed_with_unread_data(const struct evidence *e)
{
	return is_own_close(e) && !is_over_at_close(e) && !e->step->before.is_linger_abort &&
	       e->step->before.unread_bytes > 0;
}

static bool is_orderly_close(const struct evidence *e)
{
	return is_own_close(e) && !is_dead_at_close(e) && !is_aborted(e) &&
	       !is_closed_with_unread_data(e);
}

/* Returns whether the peer's FIN may have arrived unseen, and the kernel could not be asked. */
static bool is_end_unknown(const struct evidence *e)
{
	return !evidence_is_sampled(&e->step->before) && e->before->fin_ns == 0 &&
	       !(e->before->flags & CONN_FLAG_FIN_FIRST) && e->before->state != STATE_CLOSE_WAIT;
}

static bool is_closed_unknown(const struct evidence *e)
{
	return is_orderly_close(e) && is_end_unknown(e);
}

/* This side's FIN is the first, sent by this close or by an earlier shutdown. */
static bool is_closed_first(const struct evidence *e)
{
	if (is_end_unknown(e))
		return false;
	switch (evidence_state_at_close(e)) {
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
		return false;
	case STATE_CLOSE: /* over: the order of the FINs decides */
		return is_orderly_close(e) && (e->before->flags & CONN_FLAG_FIN_FIRST);
	default:
		return is_orderly_close(e);
	}
}

static bool is_closed_after_peer_unread(const struct evidence *e)
{
	return is_orderly_close(e) && !is_closed_first(e) && !is_closed_unknown(e) &&
	       e->before->fin_ns == 0;
}

static bool is_closed_after_peer(const struct evidence *e)
{
	return is_orderly_close(e) && !is_closed_first(e) && e->before->fin_ns != 0;
}

static bool is_closed_after_death(const struct evidence *e)
{
	return is_own_close(e) && is_dead_at_close(e);
}

static bool is_closed_with_unacknowledged_data(const struct evidence *e)
{
	return is_orderly_close(e) && !is_over_at_close(e) && e->facts->unacknowledged_bytes > 0;
}

/* Over the whole life, also of a connection that has died. */
static bool is_send_held_up(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here &&
	       e->facts->window_limited_ns + e->facts->buffer_limited_ns >= LONG_WAIT_NS;
}

static bool is_nagle_total(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && e->facts->nagle_count > 1;
}

static bool is_open_at_exit(const struct evidence *e)
{
	return e->step->effect == EFFECT_EXIT && e->before->phase == CONN_PHASE_OPEN &&
	       !(e->before->flags & CONN_FLAG_DEAD);
}

static bool is_left_open_at_exit(const struct evidence *e)
{
	return is_open_at_exit(e) && !e->step->is_maybe_shared;
}

static bool is_left_open_at_exit_maybe(const struct evidence *e)
{
	return is_open_at_exit(e) && e->step->is_maybe_shared;
}

static bool is_left_open_dead(const struct evidence *e)
{
	return e->step->effect == EFFECT_EXIT && e->before->phase == CONN_PHASE_OPEN &&
	       (e->before->flags & CONN_FLAG_DEAD);
}

static bool is_policy_keepalive(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SET_KEEPALIVE;
}

static bool is_policy_user_timeout(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SET_USER_TIMEOUT;
}

static bool is_policy_failed(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_REFUSED;
}

static bool is_policy_overruled_program(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_OVERRULED;
}

static bool is_program_overruled_policy(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_WAS_OVERRULED;
}

static bool is_policy_closed_on_eof(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SENT_FIN;
}

static bool is_policy_aborted_on_eof(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SENT_RST;
}

bool (*const predicates[NOTE_COUNT])(const struct evidence *) = {
#define NOTE(name, ...) [NOTE_##name] = is_##name,
#include "tcpshim/notes.def"
#undef NOTE
};
