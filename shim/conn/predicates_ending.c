/* Notes on the peer's end of stream and on death, in the order of notes.def. */
#include "conn/predicate.h"

#include <errno.h>
#include <sys/socket.h>

/* A write this long after the peer's FIN is worth a warning. A reply is ordinary, and on a busy
 * machine it takes its time. */
#define LATE_WRITE_NS UINT64_C(1000000000)
enum { SPINNING_POLLS = 8 };
enum { IGNORED_EOFS = 3 };

/* The first 0 from a read that asked for more. Not the 0 after this side's shutdown(SHUT_RD), nor
 * the one after an error that was reported before. */
static bool is_any_peer_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && e->before->fin_ns == 0 && e->after->fin_ns != 0 &&
	       e->cause == CAUSE_NONE;
}

bool is_peer_fin_late(const struct evidence *e)
{
	return is_any_peer_fin(e) && e->facts->fin_time != FIN_SEEN &&
	       e->facts->fin_age_ns >= CONN_PAUSE_NS;
}

bool is_peer_fin(const struct evidence *e)
{
	return is_any_peer_fin(e) && !is_peer_fin_late(e);
}

bool is_write_after_fin(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && !e->step->is_sleeping && e->step->result > 0 &&
	       e->before->fin_ns != 0 && !(e->before->flags & CONN_FLAG_DEAD) &&
	       e->facts->since_fin_ns >= LATE_WRITE_NS && e->step->alert == CONN_ALERT_NONE;
}

bool is_half_open(const struct evidence *e)
{
	bool is_long = e->step->is_sleeping ||
		       evidence_since(e->step->start_ns, e->step->now_ns) >= LONG_WAIT_NS;

	return e->step->effect == EFFECT_WAIT && is_long && e->before->fin_ns != 0 &&
	       !(e->after->flags & (CONN_FLAG_DEAD | CONN_FLAG_SHUT_WRITE)) &&
	       e->facts->since_fin_ns >= LONG_WAIT_NS && e->facts->now == STATE_CLOSE_WAIT;
}

bool is_eof_ignored(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && e->before->fin_ns != 0 && e->cause == CAUSE_NONE &&
	       e->after->eof_count >= IGNORED_EOFS && e->after->eof_count > e->before->eof_count;
}

bool is_reset_peer_forgot(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_FORGOT;
}

bool is_reset_of_probe(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_OF_PROBE;
}

bool is_destroyed_here(const struct evidence *e)
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

/* Returns whether all that was written had been acknowledged, and answered by data. */
static bool is_done(const struct evidence *e)
{
	return e->facts->outstanding_bytes == 0 && e->before->unanswered_ns == 0 &&
	       e->facts->reported == REPORTED_NOT;
}

bool is_reset_after_fin(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_AFTER_FIN && !is_alert_lost_alone(e) && !is_done(e);
}

bool is_reset_when_done(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_AFTER_FIN && is_done(e);
}

bool is_reset_of_alert(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_AFTER_FIN && is_alert_lost_alone(e);
}

bool is_reset_by_peer(const struct evidence *e)
{
	return e->cause == CAUSE_RESET_BY_PEER;
}

bool is_reset_unknown(const struct evidence *e)
{
	return e->cause == CAUSE_RESET;
}

bool is_timed_out_unsent(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && is_unsent(&e->step->after);
}

/* The peer's window was closed, and it no longer answered the probes of it. */
bool is_timed_out_window(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && e->facts->retransmits == 0 &&
	       e->facts->probes > 0 && e->step->after.send_window_bytes == 0;
}

bool is_timed_out_data(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_DATA && !is_timed_out_unsent(e) &&
	       !is_timed_out_window(e);
}

bool is_timed_out_user(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_USER;
}

bool is_timed_out_probing(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_KEEPALIVE && e->facts->probing_ns > 0;
}

bool is_timed_out_keepalive(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT_KEEPALIVE && e->facts->probing_ns == 0;
}

bool is_timed_out(const struct evidence *e)
{
	return e->cause == CAUSE_TIMED_OUT;
}

bool is_dead(const struct evidence *e)
{
	return e->cause == CAUSE_UNKNOWN;
}

static bool is_any_lost(const struct evidence *e)
{
	return e->cause != CAUSE_NONE && !(e->before->flags & CONN_FLAG_DEAD) &&
	       e->facts->lost_bytes > 0;
}

bool is_data_lost(const struct evidence *e)
{
	return is_any_lost(e) && !is_alert_lost_alone(e);
}

bool is_alert_lost(const struct evidence *e)
{
	return is_any_lost(e) && is_alert_lost_alone(e);
}

bool is_spinning(const struct evidence *e)
{
	return e->step->effect == EFFECT_WAIT && (e->after->flags & CONN_FLAG_DEAD) &&
	       e->after->polls >= SPINNING_POLLS;
}

bool is_broken_pipe_own_shutdown(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && e->step->error == EPIPE &&
	       (e->before->flags & CONN_FLAG_SHUT_WRITE) &&
	       !(e->before->flags & CONN_FLAG_POLICY_ENDED);
}

bool is_broken_pipe_dead(const struct evidence *e)
{
	return e->step->effect == EFFECT_WRITE && e->step->error == EPIPE &&
	       (e->before->flags & CONN_FLAG_DEAD) && !(e->before->flags & CONN_FLAG_SHUT_WRITE);
}

bool is_write_after_policy_close(const struct evidence *e)
{
	bool was_aborted = e->before->flags & CONN_FLAG_DEAD;

	return e->step->effect == EFFECT_WRITE && (e->before->flags & CONN_FLAG_POLICY_ENDED) &&
	       (e->step->error == EPIPE || (e->step->error == ECONNRESET && was_aborted));
}

/* After an abort by a policy, reads return ECONNRESET once, then ENOTCONN. */
bool is_read_after_policy_abort(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ &&
	       (e->step->error == ECONNRESET || e->step->error == ENOTCONN) &&
	       (e->before->flags & CONN_FLAG_POLICY_ENDED) && (e->before->flags & CONN_FLAG_DEAD);
}

/* The first 0 after the end was reported: Linux returns it after a reset that followed a FIN, and
 * after an error. */
bool is_dead_as_eof(const struct evidence *e)
{
	return e->step->effect == EFFECT_READ && !e->step->is_sleeping && e->step->error == 0 &&
	       e->step->result == 0 && e->step->asked_bytes > 0 &&
	       (e->before->flags & CONN_FLAG_DEAD) && !(e->before->flags & CONN_FLAG_SHUT_READ);
}

bool is_unreachable(const struct evidence *e)
{
	return (e->step->effect == EFFECT_READ || e->step->effect == EFFECT_WRITE) &&
	       e->before->phase == CONN_PHASE_OPEN &&
	       (e->step->error == EHOSTUNREACH || e->step->error == ENETUNREACH);
}
