/* Notes on this side's end, and on policies, in the order of notes.def. */
#include "conn/predicate.h"

#include <sys/socket.h>

static bool is_any_own_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_SHUTDOWN && e->step->error == 0 &&
	       e->step->how != SHUT_RD && e->before->phase == CONN_PHASE_OPEN &&
	       !(e->before->flags & (CONN_FLAG_SHUT_WRITE | CONN_FLAG_DEAD));
}

bool is_own_fin_last(const struct evidence *e)
{
	return is_any_own_fin(e) && e->facts->before == STATE_CLOSE_WAIT;
}

bool is_own_fin(const struct evidence *e)
{
	return is_any_own_fin(e) && e->facts->before != STATE_CLOSE_WAIT;
}

/* Returns whether a connection was closed, and not a socket that never had one. */
static bool is_close(const struct evidence *e)
{
	return e->step->effect == EFFECT_CLOSE && e->before->phase == CONN_PHASE_OPEN;
}

bool is_closed_shared(const struct evidence *e)
{
	return is_close(e) && e->step->is_shared_here;
}

bool is_closed_shared_maybe(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && e->step->is_maybe_shared &&
	       !e->step->before.is_in_repair;
}

/* Nothing is sent in repair mode, for example when a container migrates to another machine. */
bool is_closed_in_repair(const struct evidence *e)
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

bool is_aborted_by_disconnect(const struct evidence *e)
{
	return e->step->is_disconnect && e->step->error == 0 &&
	       e->before->phase == CONN_PHASE_OPEN && !(e->before->flags & CONN_FLAG_DEAD);
}

bool is_aborted(const struct evidence *e)
{
	return is_own_close(e) && !is_over_at_close(e) && e->step->before.is_linger_abort;
}

bool is_closed_with_unread_data(const struct evidence *e)
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

bool is_closed_unknown(const struct evidence *e)
{
	return is_orderly_close(e) && is_end_unknown(e);
}

/* This side's FIN is the first, sent by this close or by an earlier shutdown. */
bool is_closed_first(const struct evidence *e)
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

bool is_closed_after_peer_unread(const struct evidence *e)
{
	return is_orderly_close(e) && !is_closed_first(e) && !is_closed_unknown(e) &&
	       e->before->fin_ns == 0;
}

bool is_closed_after_peer(const struct evidence *e)
{
	return is_orderly_close(e) && !is_closed_first(e) && e->before->fin_ns != 0;
}

bool is_closed_after_death(const struct evidence *e)
{
	return is_own_close(e) && is_dead_at_close(e);
}

bool is_closed_with_unacknowledged_data(const struct evidence *e)
{
	return is_orderly_close(e) && !is_over_at_close(e) && e->facts->unacknowledged_bytes > 0;
}

/* Over the whole life, also of a connection that has died. */
bool is_send_held_up(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here &&
	       e->facts->window_limited_ns + e->facts->buffer_limited_ns >= LONG_WAIT_NS;
}

bool is_nagle_total(const struct evidence *e)
{
	return is_close(e) && !e->step->is_shared_here && e->facts->nagle_count > 1;
}

static bool is_open_at_exit(const struct evidence *e)
{
	return e->step->effect == EFFECT_EXIT && e->before->phase == CONN_PHASE_OPEN &&
	       !(e->before->flags & CONN_FLAG_DEAD);
}

bool is_left_open_at_exit(const struct evidence *e)
{
	return is_open_at_exit(e) && !e->step->is_maybe_shared;
}

bool is_left_open_at_exit_maybe(const struct evidence *e)
{
	return is_open_at_exit(e) && e->step->is_maybe_shared;
}

bool is_left_open_dead(const struct evidence *e)
{
	return e->step->effect == EFFECT_EXIT && e->before->phase == CONN_PHASE_OPEN &&
	       (e->before->flags & CONN_FLAG_DEAD);
}

bool is_policy_keepalive(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SET_KEEPALIVE;
}

bool is_policy_user_timeout(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SET_USER_TIMEOUT;
}

bool is_policy_failed(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_REFUSED;
}

bool is_policy_overruled_program(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_OVERRULED;
}

bool is_program_overruled_policy(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_WAS_OVERRULED;
}

bool is_policy_closed_on_eof(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SENT_FIN;
}

bool is_policy_aborted_on_eof(const struct evidence *e)
{
	return e->step->policy.actions & POLICY_ACTION_SENT_RST;
}
