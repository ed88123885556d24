#include "core/ending.h"

#include <errno.h>
#include <stddef.h>

#include "core/annotate.h"

enum { TIMER_SLACK_MS = 20 }; /* both times are the kernel's jiffies */

/* A timeout needs the limit to have passed without an acknowledgement; a reset may come at any
 * time. */
static bool has_waited(uint64_t waiting_ns, uint64_t limit_ns)
{
	return limit_ns != 0 && waiting_ns >= limit_ns - limit_ns / 20;
}

/* A data timeout ends the connection when the retransmission timer has run out once more: that long
 * after the last data was sent. TCP_USER_TIMEOUT cuts the timer short. */
static bool has_timer_run_out(const struct tcpinfo *info)
{
	return info->user_timeout_ns != 0 ||
	       info->last_data_sent_ms + TIMER_SLACK_MS >= info->timer_ms;
}

static enum end classify_timeout(const struct scene *scene, const struct tcpinfo *info)
{
	if (!scene_is_sampled(info))
		return END_TIMED_OUT;
	if (scene->facts->outstanding_bytes > 0 || info->retransmits > 0)
		return info->user_timeout_ns != 0 ? END_TIMED_OUT_USER : END_TIMED_OUT_DATA;
	return info->has_keepalive && info->probes > 0 ? END_TIMED_OUT_KEEPALIVE : END_TIMED_OUT;
}

static enum end classify_reset(const struct scene *scene)
{
	const struct conn_view *before = scene->before;

	if (before->fin_ns != 0 || before->state == STATE_CLOSE_WAIT ||
	    scene->facts->reported == REPORTED_AS_EOF)
		return END_RESET_AFTER_FIN;
	/* Nothing of what was written after the silence was acknowledged: the answer was the
	 * reset. */
	if (scene->facts->outstanding_bytes > 0 && before->silence_ns >= SILENCE_NS &&
	    scene->facts->outstanding_bytes >= before->sent_bytes - before->sent_before_silence)
		return END_RESET_FORGOT;
	return END_RESET_BY_PEER;
}

/* Keepalive gives up after its count of probes. */
static bool has_probing_ended(const struct tcpinfo *info)
{
	/* The last probe may have been answered by a reset: then less time has passed. */
	return info->probes >= info->keepalive_count &&
	       (info->keepalive_limit_ns == 0 ||
		info->last_ack_received_ms * UINT64_C(1000000) +
				TIMER_SLACK_MS * UINT64_C(1000000) >=
			info->keepalive_limit_ns);
}

/* With TCP_USER_TIMEOUT the count is ignored: the first probe that finds it passed ends the
 * connection, and from then on a reset in answer to a probe leaves the same traces
 * (tcp_keepalive_timer, net/ipv4/tcp_timer.c). */
static enum end classify_probed(const struct scene *scene, const struct tcpinfo *info)
{
	if (info->user_timeout_ns == 0)
		return has_probing_ended(info) ? END_TIMED_OUT_KEEPALIVE : classify_reset(scene);
	return has_waited(info->last_ack_received_ms * UINT64_C(1000000), info->user_timeout_ns)
		       ? END_UNKNOWN
		       : classify_reset(scene);
}

/* Data waits before a closed window, and the peer answers the probes: a user timeout leaves no
 * other trace. */
static bool may_be_user_timeout(const struct scene *scene, const struct tcpinfo *info)
{
	return info->user_timeout_ns != 0 && info->send_window_bytes == 0 &&
	       scene->facts->outstanding_bytes > 0 &&
	       has_waited(scene_since(scene->after->unanswered_ns, scene->step->now_ns),
			  info->user_timeout_ns);
}

/* The program was not told which error it was: by poll, or by end of stream in CLOSE_WAIT. */
static enum end classify_unsaid(const struct scene *scene, const struct tcpinfo *info)
{
	const struct tcpshim_facts *facts = scene->facts;
	bool is_user = info->user_timeout_ns != 0;
	uint64_t limit_ns = is_user ? info->user_timeout_ns : info->data_timeout_ns;

	if (!scene_is_sampled(info))
		return END_UNKNOWN;
	if (info->retransmits == 0 && info->probes == 0)
		return may_be_user_timeout(scene, info) ? END_UNKNOWN : classify_reset(scene);
	if (info->retransmits > 0) {
		if (!has_waited(facts->waiting_ns, limit_ns) || !has_timer_run_out(info))
			return classify_reset(scene);
		/* Blocked until it died: this is when it died. Else it may have been reset
		 * before. */
		if (scene_since(scene->step->start_ns, scene->step->now_ns) < LONG_WAIT_NS / 1000)
			return END_UNKNOWN;
		return is_user ? END_TIMED_OUT_USER : END_TIMED_OUT_DATA;
	}
	if (info->has_keepalive && facts->outstanding_bytes == 0)
		return classify_probed(scene, info);
	return END_UNKNOWN;
}

enum end ending_classify(const struct scene *scene)
{
	const struct conn_step *step = scene->step;
	const struct tcpinfo *info = scene_is_sampled(&step->after) ? &step->after : &step->before;

	/* An abort by a policy is no news from the peer. */
	if (!(scene->after->flags & CONN_DEAD) || step->ending != 0)
		return END_NONE;
	/* Told before, but for an error that now decides what poll had left open. */
	if ((scene->before->flags & CONN_DEAD) &&
	    !((scene->before->said & NOTE_BIT(dead)) && step->error != 0 && step->error != EPIPE))
		return END_NONE;
	switch (step->error) {
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
		return classify_timeout(scene, info);
	case ECONNABORTED:
		return END_DESTROYED_HERE;
	case ECONNRESET:
		return classify_reset(scene);
	case EPIPE:
		/* the pending error of a reset that came in CLOSE_WAIT (tcp_reset,
		 * net/ipv4/tcp_input.c) */
		return scene->before->fin_ns != 0 || scene->before->state == STATE_CLOSE_WAIT
			       ? END_RESET_AFTER_FIN
			       : END_UNKNOWN;
	default:
		return classify_unsaid(scene, info);
	}
}
