#include "conn/evidence.h"

#include <poll.h>
#include <sys/socket.h>

#include "conn/conn_option.h"
#include "conn/state.h"

static uint8_t state_after_fin_sent(uint8_t state)
{
	switch (state) {
	case STATE_ESTABLISHED:
		return STATE_FIN_WAIT_1;
	case STATE_CLOSE_WAIT:
		return STATE_LAST_ACK;
	default:
		return state;
	}
}

uint8_t evidence_state_at_close(const struct evidence *evidence)
{
	return evidence_is_sampled(&evidence->step->before) ? evidence->step->before.state
							    : evidence->before->state;
}

/* Returns whether a close sends RST in place of FIN (RFC 2525, 2.17; SO_LINGER 0). */
static bool is_reset_at_close(const struct tcpinfo *info)
{
	return (info->state == STATE_ESTABLISHED || info->state == STATE_CLOSE_WAIT ||
		info->state == STATE_FIN_WAIT_1 || info->state == STATE_FIN_WAIT_2) &&
	       (info->is_linger_abort || info->unread_bytes > 0);
}

static void fill_states(struct evidence *evidence, struct tcpshim_facts *facts)
{
	const struct conn_step *step = evidence->step;

	facts->before = evidence->before->state;
	facts->now = step->policy_end != 0 ? STATE_CLOSE_WAIT : evidence->after->state;
	/* The kernel may have received the peer's FIN before the program reads it. */
	if (evidence->before->fin_ns == 0 && evidence->after->fin_ns != 0 &&
	    facts->before == STATE_CLOSE_WAIT && facts->now == STATE_CLOSE_WAIT)
		facts->before = STATE_ESTABLISHED;
	if (evidence->before->phase != CONN_PHASE_OPEN &&
	    evidence->after->phase == CONN_PHASE_OPEN) {
		facts->before = STATE_SYN_SENT;
		facts->now = STATE_ESTABLISHED;
	}
	if (step->effect == EFFECT_CLOSE) {
		facts->before = evidence_state_at_close(evidence);
		facts->now = step->is_shared_here || step->is_maybe_shared ? facts->before
			     : is_reset_at_close(&step->before)
				     ? STATE_CLOSE
				     : state_after_fin_sent(facts->before);
		/* Both FINs were received: the kernel keeps TIME_WAIT separate from the socket. */
		if (facts->before == STATE_CLOSE && (evidence->before->flags & CONN_FLAG_FIN_FIRST))
			facts->before = facts->now = STATE_TIME_WAIT;
	} else if (step->effect == EFFECT_READ && facts->now == STATE_CLOSE &&
		   (evidence->before->flags & CONN_FLAG_FIN_FIRST) &&
		   state_is_clean_end(evidence->before, step)) {
		facts->now = STATE_TIME_WAIT;
	}
	if (step->effect == EFFECT_SHUTDOWN && evidence_is_sampled(&step->before)) {
		facts->before = step->before.state;
		facts->now = step->how == SHUT_RD ? facts->before
						  : state_after_fin_sent(facts->before);
	}
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Returns the unacknowledged bytes of data. The send queue counts this side's FIN as a byte until
 * it is acknowledged. */
static uint64_t count_unacknowledged(const struct tcpinfo *info)
{
	bool has_fin = info->state == STATE_FIN_WAIT_1 || info->state == STATE_CLOSING ||
		       info->state == STATE_LAST_ACK;

	return info->unsent_bytes - (has_fin && info->unsent_bytes > 0);
}

static void fill_policy(const struct conn_policy *policy, uint64_t now_ns,
			struct tcpshim_facts *facts)
{
	const uint64_t second = UINT64_C(1000000000), millisecond = 1000000;

	if (policy->actions == 0)
		return;
	facts->rehearsed_ns = evidence_since(policy->acted_ns, now_ns);
	facts->keepalive_idle_ns = (uint64_t)policy->values[CONN_OPTION_KEEPIDLE] * second;
	facts->keepalive_interval_ns = (uint64_t)policy->values[CONN_OPTION_KEEPINTVL] * second;
	facts->keepalive_count = (uint32_t)policy->values[CONN_OPTION_KEEPCNT];
	facts->policy_timeout_ns = (uint64_t)policy->values[CONN_OPTION_USER_TIMEOUT] * millisecond;
	facts->option_level = conn_option_rows[policy->option].level;
	facts->option_name = conn_option_rows[policy->option].name;
	facts->policy_error = policy->error;
	facts->rehearsed_rate_bytes = policy->rate;
}

static uint64_t age_ns(const struct evidence *evidence)
{
	const struct conn_view *before = evidence->before;
	bool is_open = before->opened_ns != 0 && before->phase == CONN_PHASE_OPEN;

	return evidence_since(is_open ? before->opened_ns : evidence->after->opened_ns,
			      evidence->step->now_ns);
}

static uint64_t handshake_ns(const struct evidence *evidence)
{
	const struct conn_view *before = evidence->before;
	bool is_begun_here = evidence->step->effect == EFFECT_CONNECT &&
			     before->phase != CONN_PHASE_CONNECTING;

	if (before->phase == CONN_PHASE_OPEN)
		return 0;
	return evidence_since(is_begun_here ? evidence->step->start_ns : before->connect_ns,
			      evidence->step->now_ns);
}

bool evidence_has_fin(const struct conn_view *view, const struct tcpinfo *info)
{
	return info->has_unread && info->received_bytes == view->received_base +
								   view->received_bytes +
								   info->unread_bytes + 1;
}

static void fill_fin(const struct evidence *evidence, struct tcpshim_facts *facts)
{
	const struct conn_view *after = evidence->after;
	bool has_arrived = after->fin_arrived_ns != 0;

	if (has_arrived)
		facts->fin_time = after->flags & CONN_FLAG_FIN_BOUND ? FIN_ARRIVED_BEFORE
								     : FIN_ARRIVED;
	else if (after->fin_ns != 0)
		facts->fin_time = FIN_SEEN;
	facts->fin_age_ns = evidence_since(has_arrived ? after->fin_arrived_ns : after->fin_ns,
					   evidence->step->now_ns);
	facts->idle_before_fin_ns = after->fin_quiet_ns;
}

/* Returns how long this call, or the writes before it, waited for room in the send buffer. */
static uint64_t waited_ns(const struct conn_view *before, const struct conn_step *step)
{
	uint64_t took_ns = evidence_since(step->start_ns, step->now_ns);
	uint64_t blocked_ns = evidence_since(before->blocked_ns, step->now_ns);
	bool is_asking = step->effect == EFFECT_WRITE ||
			 (step->effect == EFFECT_WAIT &&
			  (step->is_asking_write || (step->revents & POLLOUT)));

	return !is_asking ? 0 : blocked_ns > took_ns ? blocked_ns : took_ns;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* What the kernel has counted of waiting to send: since the last sample, or at a close over the
 * whole life. */
static void fill_limits(const struct evidence *evidence, const struct tcpinfo *info,
			struct tcpshim_facts *facts)
{
	static const struct conn_limits none;
	const struct conn_step *step = evidence->step;
	const struct conn_limits *base = step->effect == EFFECT_CLOSE ? &none
								      : &evidence->before->limits;

	facts->waited_ns = waited_ns(evidence->before, step);
	if (!evidence_is_sampled(info) || info->busy_ns < base->busy_ns)
		return;
	if (base->at_ns != 0)
		facts->measured_ns = evidence_since(base->at_ns, step->now_ns);
	/* Another thread may have stored newer values meanwhile. */
	facts->busy_ns = info->busy_ns - base->busy_ns;
	facts->window_limited_ns = grown(base->window_ns, info->window_limited_ns);
	facts->buffer_limited_ns = grown(base->buffer_ns, info->buffer_limited_ns);
}

static void fill_keepalive(const struct tcpinfo *info, struct tcpshim_facts *facts)
{
	facts->last_heard_ns = info->last_ack_received_ms * UINT64_C(1000000);
	if (info->has_keepalive && facts->last_heard_ns > info->keepalive_idle_ns)
		facts->probing_ns = facts->last_heard_ns - info->keepalive_idle_ns;
}

/* Returns how long the peer had been silent before the first write that it did not answer. */
static uint64_t silence_before_ns(const struct evidence *evidence, const struct tcpinfo *info)
{
	const struct conn_view *before = evidence->before;
	uint64_t last_ns = info->last_ack_received_ms * UINT64_C(1000000);
	uint64_t now_ns = evidence->step->now_ns;

	if (before->idle_ns != 0 || !evidence_is_sampled(info) || now_ns < last_ns)
		return before->idle_ns;
	return evidence_since(now_ns - last_ns, before->unanswered_ns);
}

/* Returns how the program learns of the connection's end in this step. */
static uint8_t reported(const struct conn_step *step)
{
	if (step->is_sleeping || step->effect == EFFECT_CLOSE)
		return REPORTED_NOT;
	if (step->error != 0)
		return REPORTED_AS_ERROR;
	if (step->effect == EFFECT_READ)
		return REPORTED_AS_EOF;
	return step->effect == EFFECT_WAIT ? REPORTED_BY_POLL : REPORTED_NOT;
}

static void fill_path(const struct tcpinfo *info, struct tcpshim_facts *facts)
{
	if (!evidence_is_sampled(info))
		return;
	facts->rtt_ns = info->rtt_us * UINT64_C(1000);
	facts->rtt_variation_ns = info->rtt_variation_us * UINT64_C(1000);
	facts->congestion_window = info->congestion_window;
	if (info->send_window_bytes != UINT32_MAX)
		facts->send_window_bytes = info->send_window_bytes;
}

void evidence_fill(struct evidence *evidence, struct tcpshim_facts *facts)
{
	const struct conn_step *step = evidence->step;
	const struct conn_view *before = evidence->before, *after = evidence->after;
	const struct conn_view *told = step->is_disconnect ? before : after;
	const struct tcpinfo *info = evidence_is_sampled(&step->after) ? &step->after
								       : &step->before;
	uint64_t last_ack_ns = info->last_ack_received_ms * UINT64_C(1000000);

	*facts = (struct tcpshim_facts){
		.fd = step->fd,
		.other_fd = step->other_fd,
		.serial = told->serial,
		.role = told->role,
		.local = told->local,
		.peer = told->peer,
		.sent_bytes = told->sent_bytes,
		.received_bytes = told->received_bytes,
		.outstanding_bytes = state_outstanding_bytes(after, info),
		.unacknowledged_bytes = count_unacknowledged(&step->before),
		.unread_bytes = step->before.unread_bytes,
		.age_ns = age_ns(evidence),
		.handshake_ns = handshake_ns(evidence),
		.silence_ns = step->pause.silence_ns,
		.lookup_ns = step->lookup_ns,
		.silence_before_ns = silence_before_ns(evidence, info),
		.since_fin_ns = evidence_since(after->fin_ns, step->now_ns),
		.waiting_ns = evidence_since(after->unanswered_ns, step->now_ns),
		.user_timeout_ns = info->user_timeout_ns,
		.retransmits = info->retransmits,
		.retransmits_total = info->retransmits_total,
		.probes = info->probes,
		.eof_count = after->eof_count,
		.polls = after->polls,
		.connections = after->connections,
		.queue_length = step->queue_length,
		.queue_limit = step->queue_limit,
		.held_ns = state_held_ns(before, step),
		.nagle_count = after->nagle_count,
		.nagle_lost_ns = after->nagle_lost_ns,
		.local_ports = step->ports.ports,
		.time_wait_sockets = step->ports.time_waits,
	};
	fill_fin(evidence, facts);
	fill_limits(evidence, info, facts);
	fill_keepalive(info, facts);
	/* In SYN_RECV (TCP Fast Open) the peer has acknowledged nothing yet. */
	if (step->effect == EFFECT_ACCEPT && step->after.state != STATE_SYN_RECV)
		facts->queued_ns = last_ack_ns;
	fill_policy(&step->policy, step->now_ns, facts);
	fill_path(info, facts);
	/* All that is unacknowledged may belong to the last write. */
	if (facts->outstanding_bytes > 0 && facts->outstanding_bytes <= after->write_bytes)
		facts->waiting_ns = evidence_since(after->write_ns, step->now_ns);
	if (evidence_is_sampled(info)) /* a one-way stream is answered by acknowledgements alone */
		facts->waiting_ns = smaller(facts->waiting_ns, last_ack_ns);
	fill_states(evidence, facts);
	if ((after->flags & CONN_FLAG_DEAD) && !(before->flags & CONN_FLAG_DEAD)) {
		facts->lost_bytes = state_outstanding_bytes(after, info);
		facts->reported = reported(step);
	}
	evidence->facts = facts;
}
