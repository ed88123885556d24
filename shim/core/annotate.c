#include "core/annotate.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/ending.h"

/* After the peer's FIN a write is worth a warning from here on: a reply at once is ordinary (TLS
 * answers close_notify so). */
#define LATE_WRITE_NS UINT64_C(100000000)
/* A name lookup that took this long is worth telling. */
#define LONG_LOOKUP_NS UINT64_C(100000000)
enum { SPINNING_POLLS = 8, IGNORED_EOFS = 3 };

/* The predicates, in the order of notes.def. */

static bool is_adopted(const struct scene *s)
{
	return (s->after->flags & CONN_ADOPTED) && s->after->phase == CONN_OPEN;
}

static bool is_closed_unseen(const struct scene *s)
{
	return (s->step->effect == EFFECT_CREATE || s->step->effect == EFFECT_ACCEPT) &&
	       s->step->other_fd >= 0 && s->step->error == 0;
}

static bool is_connecting(const struct scene *s)
{
	return s->step->effect == EFFECT_CONNECT && s->step->error == EINPROGRESS;
}

static bool is_any_connected(const struct scene *s)
{
	return s->before->phase != CONN_OPEN && s->after->phase == CONN_OPEN &&
	       s->step->effect != EFFECT_ACCEPT;
}

static bool is_connected_later(const struct scene *s)
{
	return is_any_connected(s) && s->before->phase == CONN_CONNECTING;
}

static bool is_connected(const struct scene *s)
{
	return is_any_connected(s) && s->before->phase != CONN_CONNECTING;
}

/* The outcome of a connect: its own error, or what the program read by SO_ERROR later. */
static bool has_connect_failed(const struct scene *s)
{
	if (s->after->phase == CONN_OPEN || s->before->phase == CONN_OPEN)
		return false;
	return s->step->effect == EFFECT_CONNECT || s->before->phase == CONN_CONNECTING;
}

static bool is_connect_refused(const struct scene *s)
{
	return has_connect_failed(s) && s->step->error == ECONNREFUSED;
}

static bool is_connect_timed_out(const struct scene *s)
{
	return has_connect_failed(s) && s->step->error == ETIMEDOUT;
}

static bool is_connect_unreachable(const struct scene *s)
{
	return has_connect_failed(s) &&
	       (s->step->error == EHOSTUNREACH || s->step->error == ENETUNREACH);
}

static bool is_connect_reset(const struct scene *s)
{
	return has_connect_failed(s) && s->step->error == ECONNRESET;
}

static bool is_name_lookup(const struct scene *s)
{
	return s->step->effect == EFFECT_CONNECT && s->step->lookup_ns >= LONG_LOOKUP_NS;
}

static bool is_accepted(const struct scene *s)
{
	return s->step->effect == EFFECT_ACCEPT && s->step->error == 0 && !s->step->is_sleeping;
}

/* Nothing under way, nothing to come, and nobody would notice. */
static bool is_idle(const struct scene *s)
{
	return s->before->phase == CONN_OPEN && s->step->before.state == STATE_ESTABLISHED &&
	       s->facts->outstanding_bytes == 0 &&
	       scene_since(s->before->active_ns, s->step->now_ns) >= LONG_WAIT_NS;
}

static bool is_no_failure_detection(const struct scene *s)
{
	bool is_long = s->step->is_sleeping ||
		       scene_since(s->step->start_ns, s->step->now_ns) >= LONG_WAIT_NS;

	return (s->step->effect == EFFECT_WAIT || s->step->effect == EFFECT_READ) && is_long &&
	       s->step->is_unlimited && is_idle(s) && !s->step->before.has_keepalive &&
	       !(s->step->effect == EFFECT_READ && s->step->before.has_receive_timeout);
}

static bool is_peer_silent(const struct scene *s)
{
	return s->step->effect == EFFECT_WRITE && s->step->result > 0 &&
	       s->step->silence_ns >= SILENCE_NS && s->before->fin_ns == 0;
}

static bool is_waiting(const struct scene *s)
{
	return s->step->is_sleeping || (s->step->effect == EFFECT_WAIT && s->step->result == 0);
}

static bool is_retransmitting(const struct scene *s)
{
	return is_waiting(s) && s->step->before.retransmits > 0 &&
	       s->facts->outstanding_bytes > 0 && s->step->before.send_window_bytes != 0;
}

static bool is_peer_window_closed(const struct scene *s)
{
	return is_waiting(s) && s->step->is_asking_write &&
	       s->step->before.state != STATE_UNKNOWN && s->step->before.send_window_bytes == 0 &&
	       s->step->before.probes <= 1 && s->facts->outstanding_bytes > 0;
}

static bool is_send_buffer_full(const struct scene *s)
{
	return s->step->is_sleeping && s->step->effect == EFFECT_WRITE &&
	       s->step->before.state != STATE_UNKNOWN && s->step->before.send_window_bytes != 0 &&
	       s->facts->outstanding_bytes > 0;
}

/* The first 0 from a read that asked for more; not the 0 of one's own shutdown(SHUT_RD), nor of an
 * error that was reported before. */
static bool is_peer_fin(const struct scene *s)
{
	return s->step->effect == EFFECT_READ && s->before->fin_ns == 0 && s->after->fin_ns != 0 &&
	       s->end == END_NONE;
}

static bool is_write_after_fin(const struct scene *s)
{
	return s->step->effect == EFFECT_WRITE && !s->step->is_sleeping && s->step->result > 0 &&
	       s->before->fin_ns != 0 && !(s->before->flags & CONN_DEAD) &&
	       s->facts->since_fin_ns >= LATE_WRITE_NS;
}

static bool is_half_open(const struct scene *s)
{
	bool is_long = s->step->is_sleeping ||
		       scene_since(s->step->start_ns, s->step->now_ns) >= LONG_WAIT_NS;

	return s->step->effect == EFFECT_WAIT && is_long && s->before->fin_ns != 0 &&
	       !(s->after->flags & (CONN_DEAD | CONN_SHUT_WRITE)) &&
	       s->facts->since_fin_ns >= LONG_WAIT_NS && s->facts->now == STATE_CLOSE_WAIT;
}

static bool is_eof_ignored(const struct scene *s)
{
	return s->step->effect == EFFECT_READ && s->before->fin_ns != 0 && s->end == END_NONE &&
	       s->after->eof_count >= IGNORED_EOFS && s->after->eof_count > s->before->eof_count;
}

static bool is_reset_peer_forgot(const struct scene *s)
{
	return s->end == END_RESET_FORGOT;
}

static bool is_destroyed_here(const struct scene *s)
{
	return s->end == END_DESTROYED_HERE;
}

static bool is_reset_after_fin(const struct scene *s)
{
	return s->end == END_RESET_AFTER_FIN;
}

static bool is_reset_by_peer(const struct scene *s)
{
	return s->end == END_RESET_BY_PEER;
}

static bool is_timed_out_data(const struct scene *s)
{
	return s->end == END_TIMED_OUT_DATA;
}

static bool is_timed_out_user(const struct scene *s)
{
	return s->end == END_TIMED_OUT_USER;
}

static bool is_timed_out_keepalive(const struct scene *s)
{
	return s->end == END_TIMED_OUT_KEEPALIVE;
}

static bool is_timed_out(const struct scene *s)
{
	return s->end == END_TIMED_OUT;
}

static bool is_dead(const struct scene *s)
{
	return s->end == END_UNKNOWN;
}

static bool is_data_lost(const struct scene *s)
{
	return s->end != END_NONE && !(s->before->flags & CONN_DEAD) && s->facts->lost_bytes > 0;
}

static bool is_spinning(const struct scene *s)
{
	return s->step->effect == EFFECT_WAIT && (s->after->flags & CONN_DEAD) &&
	       s->after->polls >= SPINNING_POLLS;
}

static bool is_broken_pipe_own_shutdown(const struct scene *s)
{
	return s->step->effect == EFFECT_WRITE && s->step->error == EPIPE &&
	       (s->before->flags & CONN_SHUT_WRITE) && !(s->before->flags & CONN_ENDED);
}

static bool is_broken_pipe_dead(const struct scene *s)
{
	return s->step->effect == EFFECT_WRITE && s->step->error == EPIPE &&
	       (s->before->flags & CONN_DEAD) && !(s->before->flags & CONN_SHUT_WRITE);
}

static bool is_write_after_policy_close(const struct scene *s)
{
	bool was_aborted = s->before->flags & CONN_DEAD;

	return s->step->effect == EFFECT_WRITE && (s->before->flags & CONN_ENDED) &&
	       (s->step->error == EPIPE || (s->step->error == ECONNRESET && was_aborted));
}

/* After an abort by a policy: ECONNRESET once, then ENOTCONN. */
static bool is_read_after_policy_abort(const struct scene *s)
{
	return s->step->effect == EFFECT_READ &&
	       (s->step->error == ECONNRESET || s->step->error == ENOTCONN) &&
	       (s->before->flags & CONN_ENDED) && (s->before->flags & CONN_DEAD);
}

/* The first 0 after the death was told: Linux's disguise of a reset after FIN, or what follows an
 * error. */
static bool is_dead_as_eof(const struct scene *s)
{
	return s->step->effect == EFFECT_READ && !s->step->is_sleeping && s->step->error == 0 &&
	       s->step->result == 0 && s->step->asked_bytes > 0 && (s->before->flags & CONN_DEAD) &&
	       !(s->before->flags & CONN_SHUT_READ);
}

static bool is_unreachable(const struct scene *s)
{
	return (s->step->effect == EFFECT_READ || s->step->effect == EFFECT_WRITE) &&
	       s->before->phase == CONN_OPEN &&
	       (s->step->error == EHOSTUNREACH || s->step->error == ENETUNREACH);
}

static bool is_any_own_fin(const struct scene *s)
{
	return s->step->effect == EFFECT_SHUTDOWN && s->step->error == 0 &&
	       s->step->how != SHUT_RD && s->before->phase == CONN_OPEN &&
	       !(s->before->flags & (CONN_SHUT_WRITE | CONN_DEAD));
}

static bool is_own_fin_last(const struct scene *s)
{
	return is_any_own_fin(s) && s->facts->before == STATE_CLOSE_WAIT;
}

static bool is_own_fin(const struct scene *s)
{
	return is_any_own_fin(s) && s->facts->before != STATE_CLOSE_WAIT;
}

/* A close of a connection, and not of a socket that never had one. */
static bool is_close(const struct scene *s)
{
	return s->step->effect == EFFECT_CLOSE && s->before->phase == CONN_OPEN;
}

static bool is_closed_shared(const struct scene *s)
{
	return is_close(s) && s->step->is_shared_here;
}

static bool is_closed_shared_maybe(const struct scene *s)
{
	return is_close(s) && !s->step->is_shared_here && s->step->is_maybe_shared &&
	       !s->step->before.is_in_repair;
}

/* Nothing is sent then, as with a container that goes on elsewhere. */
static bool is_closed_in_repair(const struct scene *s)
{
	return is_close(s) && !s->step->is_shared_here && s->step->before.is_in_repair;
}

static bool is_own_close(const struct scene *s)
{
	return is_close(s) && !s->step->is_shared_here && !s->step->is_maybe_shared &&
	       !s->step->before.is_in_repair;
}

static bool is_dead_at_close(const struct scene *s)
{
	return (s->after->flags & CONN_DEAD) != 0;
}

/* Nothing more is sent, whatever is unread: it died, or both FINs are through. */
static bool is_over_at_close(const struct scene *s)
{
	return is_dead_at_close(s) || scene_state_at_close(s) == STATE_CLOSE;
}

static bool is_aborted_by_disconnect(const struct scene *s)
{
	return s->step->is_disconnect && s->step->error == 0 && s->before->phase == CONN_OPEN &&
	       !(s->before->flags & CONN_DEAD);
}

static bool is_aborted(const struct scene *s)
{
	return is_own_close(s) && !is_over_at_close(s) && s->step->before.is_linger_abort;
}

static bool is_closed_with_unread_data(const struct scene *s)
{
	return is_own_close(s) && !is_over_at_close(s) && !s->step->before.is_linger_abort &&
	       s->step->before.unread_bytes > 0;
}

static bool is_orderly_close(const struct scene *s)
{
	return is_own_close(s) && !is_dead_at_close(s) && !is_aborted(s) &&
	       !is_closed_with_unread_data(s);
}

/* This side's FIN is the first, whether by this close or by an earlier shutdown. */
static bool is_closed_first(const struct scene *s)
{
	switch (scene_state_at_close(s)) {
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
		return false;
	case STATE_CLOSE: /* over: who was first decides */
		return is_orderly_close(s) && (s->before->flags & CONN_FIN_FIRST);
	default:
		return is_orderly_close(s);
	}
}

static bool is_closed_after_peer_unread(const struct scene *s)
{
	return is_orderly_close(s) && !is_closed_first(s) && s->before->fin_ns == 0;
}

static bool is_closed_after_peer(const struct scene *s)
{
	return is_orderly_close(s) && !is_closed_first(s) && s->before->fin_ns != 0;
}

static bool is_closed_after_death(const struct scene *s)
{
	return is_own_close(s) && is_dead_at_close(s);
}

static bool is_closed_with_unacknowledged_data(const struct scene *s)
{
	return is_orderly_close(s) && !is_over_at_close(s) && s->facts->unacknowledged_bytes > 0;
}

static bool is_open_at_exit(const struct scene *s)
{
	return s->step->effect == EFFECT_EXIT && s->before->phase == CONN_OPEN &&
	       !(s->before->flags & CONN_DEAD);
}

static bool is_left_open_at_exit(const struct scene *s)
{
	return is_open_at_exit(s) && !s->step->is_maybe_shared;
}

static bool is_left_open_at_exit_maybe(const struct scene *s)
{
	return is_open_at_exit(s) && s->step->is_maybe_shared;
}

static bool is_left_open_dead(const struct scene *s)
{
	return s->step->effect == EFFECT_EXIT && s->before->phase == CONN_OPEN &&
	       (s->before->flags & CONN_DEAD);
}

static bool is_policy_keepalive(const struct scene *s)
{
	return s->step->policy.deeds & CONN_SET_KEEPALIVE;
}

static bool is_policy_user_timeout(const struct scene *s)
{
	return s->step->policy.deeds & CONN_SET_USER_TIMEOUT;
}

static bool is_policy_failed(const struct scene *s)
{
	return s->step->policy.deeds & CONN_FAILED;
}

static bool is_policy_overruled_program(const struct scene *s)
{
	return s->step->policy.deeds & CONN_OVERRULED;
}

static bool is_program_overruled_policy(const struct scene *s)
{
	return s->step->policy.deeds & CONN_WAS_OVERRULED;
}

static bool is_policy_closed_on_eof(const struct scene *s)
{
	return s->step->policy.deeds & CONN_SENT_FIN;
}

static bool is_policy_aborted_on_eof(const struct scene *s)
{
	return s->step->policy.deeds & CONN_SENT_RST;
}

static bool (*const predicates[NOTE_COUNT])(const struct scene *) = {
#define NOTE(name, ...) [NOTE_##name] = is_##name,
#include "tcpshim/notes.def"
#undef NOTE
};

const uint64_t annotate_once = NOTE_BIT(adopted) | NOTE_BIT(connected) | NOTE_BIT(connected_later) |
			       NOTE_BIT(no_failure_detection) | NOTE_BIT(half_open) |
			       NOTE_BIT(eof_ignored) | NOTE_BIT(spinning) | NOTE_BIT(dead) |
			       NOTE_BIT(dead_as_eof) | NOTE_BIT(retransmitting) |
			       NOTE_BIT(peer_window_closed) | NOTE_BIT(send_buffer_full);

uint64_t annotate_again(const struct conn_view *after, const struct conn_step *step)
{
	uint64_t again = 0;

	if (scene_is_sampled(&step->before) && step->before.retransmits == 0)
		again |= NOTE_BIT(retransmitting);
	if (scene_is_sampled(&step->before) && step->before.send_window_bytes != 0)
		again |= NOTE_BIT(peer_window_closed);
	if (step->error != 0)
		again |= NOTE_BIT(dead);
	if (after->unanswered_ns == 0)
		again |= NOTE_BIT(send_buffer_full);
	return again;
}

bool annotate_is_worth_asking(const struct conn *conn, const struct conn_step *step)
{
	if (atomic_load_explicit(&conn->untold, memory_order_relaxed) != 0)
		return true;
	if (step->is_sleeping || step->result <= 0 || scene_is_sampled(&step->before) ||
	    scene_is_sampled(&step->after) || (atomic_load(&conn->flags) & CONN_ADOPTED))
		return true;
	if (step->effect == EFFECT_READ)
		return false;
	if (step->effect == EFFECT_WAIT) /* found ready, and nothing was asked */
		return (step->revents & (POLLERR | POLLHUP)) ||
		       atomic_load(&conn->phase) != CONN_OPEN;
	return step->effect != EFFECT_WRITE || step->silence_ns != 0 ||
	       atomic_load(&conn->fin_ns) != 0;
}

uint64_t annotate(const struct conn_view *before, const struct conn_view *after,
		  const struct conn_step *step, struct tcpshim_facts *facts)
{
	struct scene scene = {.before = before, .after = after, .step = step};
	uint64_t notes = 0;

	if (before->kind != CONN_TCP)
		return 0;
	scene_fill(&scene, facts);
	scene.end = ending_classify(&scene);
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (predicates[note](&scene))
			notes |= UINT64_C(1) << note;
	return notes & ~(before->said & annotate_once);
}
