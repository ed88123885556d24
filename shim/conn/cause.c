#include "conn/cause.h"

#include <errno.h>

enum { TIMER_SLACK_MS = 20 }; /* both times are counted in the kernel's jiffies */

/* Returns whether the limit has passed without an acknowledgement, within 5 %. A timeout needs
 * that; a reset may come at any time. */
static bool has_waited(uint64_t waiting_ns, uint64_t limit_ns)
{
	return limit_ns != 0 && waiting_ns >= limit_ns - limit_ns / 20;
}

/* Returns whether the retransmission timer has expired once more since data was last sent: only
 * then does a data timeout end the connection. TCP_USER_TIMEOUT shortens the timer. */
static bool has_timer_run_out(const struct tcpinfo *info)
{
	return info->user_timeout_ns != 0 ||
	       info->last_data_sent_ms + TIMER_SLACK_MS >= info->timer_ms;
}

static enum cause classify_timeout(const struct evidence *evidence, const struct tcpinfo *info)
{
	if (!evidence_is_sampled(info))
		return CAUSE_TIMED_OUT;
	if (evidence->facts->outstanding_bytes > 0 || info->retransmits > 0)
		return info->user_timeout_ns != 0 ? CAUSE_TIMED_OUT_USER : CAUSE_TIMED_OUT_DATA;
	return info->has_keepalive && info->probes > 0 ? CAUSE_TIMED_OUT_KEEPALIVE
						       : CAUSE_TIMED_OUT;
}

/* Returns whether the reset answered data of this side: nothing of what was written since the peer
 * was last heard is acknowledged, and nothing came since. */
static bool is_answer(const struct evidence *evidence)
{
	const struct conn_view *before = evidence->before;
	uint64_t outstanding_bytes = evidence->facts->outstanding_bytes;

	return outstanding_bytes > 0 && before->unanswered_ns != 0 &&
	       outstanding_bytes >= before->sent_bytes - before->sent_before_idle;
}

static enum cause classify_reset(const struct evidence *evidence, const struct tcpinfo *info)
{
	const struct conn_view *before = evidence->before;

	if (before->fin_ns != 0 || before->state == STATE_CLOSE_WAIT ||
	    evidence->facts->reported == REPORTED_AS_EOF || evidence_has_fin(evidence->after, info))
		return CAUSE_RESET_AFTER_FIN;
	if (!evidence_is_sampled(info))
		return CAUSE_RESET;
	if (is_answer(evidence))
		return CAUSE_RESET_FORGOT;
	return info->has_keepalive && info->probes > 0 && evidence->facts->outstanding_bytes == 0
		       ? CAUSE_RESET_OF_PROBE
		       : CAUSE_RESET_BY_PEER;
}

/* Returns whether keepalive has sent all its probes and has given up. */
static bool has_probing_ended(const struct tcpinfo *info)
{
	/* If less time has passed, the last probe may have been answered by a reset. */
	return info->probes >= info->keepalive_count &&
	       (info->keepalive_limit_ns == 0 ||
		info->last_ack_received_ms * UINT64_C(1000000) +
				TIMER_SLACK_MS * UINT64_C(1000000) >=
			info->keepalive_limit_ns);
}

/* Finds the cause if keepalive probes were not answered. TCP_USER_TIMEOUT replaces the number of
 * probes: the first probe after that time ends the connection. From then on, a reset in answer to a
 * probe leaves the same traces (tcp_keepalive_timer, net/ipv4/tcp_timer.c). */
static enum cause classify_probed(const struct evidence *evidence, const struct tcpinfo *info)
{
	if (info->user_timeout_ns == 0)
		return has_probing_ended(info) ? CAUSE_TIMED_OUT_KEEPALIVE
					       : classify_reset(evidence, info);
	return has_waited(info->last_ack_received_ms * UINT64_C(1000000), info->user_timeout_ns)
		       ? CAUSE_UNKNOWN
		       : classify_reset(evidence, info);
}

/* Returns whether a user timeout may be the cause: data waits because the peer's window is closed,
 * and the peer answers the probes. A user timeout leaves no other trace then. */
static bool may_be_user_timeout(const struct evidence *evidence, const struct tcpinfo *info)
{
	return info->user_timeout_ns != 0 && info->send_window_bytes == 0 &&
	       evidence->facts->outstanding_bytes > 0 &&
	       has_waited(evidence_since(evidence->after->unanswered_ns, evidence->step->now_ns),
			  info->user_timeout_ns);
}

/* Finds the cause if no call returned the error: poll reported the end, or end of stream did in
 * CLOSE_WAIT. */
static enum cause classify_unreported(const struct evidence *evidence, const struct tcpinfo *info)
{
	const struct tcpshim_facts *facts = evidence->facts;
	bool is_user = info->user_timeout_ns != 0;
	uint64_t limit_ns = is_user ? info->user_timeout_ns : info->data_timeout_ns;

	if (!evidence_is_sampled(info))
		return CAUSE_UNKNOWN;
	if (info->retransmits == 0 && info->probes == 0)
		return may_be_user_timeout(evidence, info) ? CAUSE_UNKNOWN
							   : classify_reset(evidence, info);
	if (info->retransmits > 0) {
		if (!has_waited(facts->waiting_ns, limit_ns) || !has_timer_run_out(info))
			return classify_reset(evidence, info);
		/* A call that was blocked when the connection died returns at that moment. After a
		 * call that returned at once, the connection may have been reset earlier. */
		if (evidence_since(evidence->step->start_ns, evidence->step->now_ns) <
		    LONG_WAIT_NS / 1000)
			return CAUSE_UNKNOWN;
		return is_user ? CAUSE_TIMED_OUT_USER : CAUSE_TIMED_OUT_DATA;
	}
	if (info->has_keepalive && facts->outstanding_bytes == 0)
		return classify_probed(evidence, info);
	return CAUSE_UNKNOWN;
}

enum cause cause_find(const struct evidence *evidence)
{
	const struct conn_step *step = evidence->step;
	const struct tcpinfo *info = evidence_is_sampled(&step->after) ? &step->after
								       : &step->before;

	/* The peer did not cause an abort by a policy. */
	if (!(evidence->after->flags & CONN_FLAG_DEAD) || step->policy_end != 0)
		return CAUSE_NONE;
	/* Reported before, unless this error now shows the cause that poll had left open. */
	if ((evidence->before->flags & CONN_FLAG_DEAD) &&
	    !((evidence->before->noted >> EVIDENCE_ONCE_DEAD & 1) && step->error != 0 &&
	      step->error != EPIPE))
		return CAUSE_NONE;
	switch (step->error) {
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
		return classify_timeout(evidence, info);
	case ECONNABORTED:
		return CAUSE_DESTROYED_HERE;
	case ECONNRESET:
		return classify_reset(evidence, info);
	case EPIPE:
		/* the pending error of a reset that came in CLOSE_WAIT (tcp_reset,
		 * net/ipv4/tcp_input.c) */
		return evidence->before->fin_ns != 0 ||
				       evidence->before->state == STATE_CLOSE_WAIT ||
				       evidence_has_fin(evidence->after, info)
			       ? CAUSE_RESET_AFTER_FIN
			       : CAUSE_UNKNOWN;
	default:
		return classify_unreported(evidence, info);
	}
}
