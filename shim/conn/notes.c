#include "conn/notes.h"

#include <errno.h>
#include <poll.h>

#include "conn/cause.h"
#include "conn/predicates.h"
#include "format/note_set.h"

/* The notes that are given once per connection. Bit i of conn.noted is for row i. */
static const uint8_t once[] = {
	[EVIDENCE_ONCE_DEAD] = NOTE_dead,
	NOTE_adopted,
	NOTE_connected,
	NOTE_connected_later,
	NOTE_no_failure_detection,
	NOTE_half_open,
	NOTE_eof_ignored,
	NOTE_spinning,
	NOTE_dead_as_eof,
	NOTE_retransmitting,
	NOTE_peer_window_closed,
	NOTE_send_buffer_full,
	NOTE_cannot_send,
	NOTE_stale_reuse,
	NOTE_nagle_delay,
	NOTE_nagle_repeated,
};
enum { ONCE = sizeof(once) / sizeof(once[0]) };
_Static_assert(ONCE <= 64, "conn.noted has a bit for each");

static uint64_t once_bit(unsigned note)
{
	for (unsigned i = 0; i < ONCE; i++)
		if (once[i] == note)
			return UINT64_C(1) << i;
	return 0;
}

uint64_t notes_given(const struct tcpshim_notes *notes)
{
	uint64_t given = 0;

	for (unsigned i = 0; i < ONCE; i++)
		if (note_set_has(notes, once[i]))
			given |= UINT64_C(1) << i;
	return given;
}

uint64_t notes_repeatable(const struct conn_view *after, const struct conn_step *step)
{
	uint64_t again = 0;

	if (evidence_is_sampled(&step->before) && step->before.retransmits == 0)
		again |= once_bit(NOTE_retransmitting);
	if (evidence_is_sampled(&step->before) && step->before.retransmits == 0 &&
	    step->before.probes == 0)
		again |= once_bit(NOTE_cannot_send);
	if (evidence_is_sampled(&step->before) && step->before.send_window_bytes != 0)
		again |= once_bit(NOTE_peer_window_closed);
	if (step->error != 0)
		again |= once_bit(NOTE_dead);
	if (after->unanswered_ns == 0)
		again |= once_bit(NOTE_send_buffer_full);
	return again;
}

/* Returns whether the call has moved nothing and means nothing: the kernel was not asked either. */
static bool is_nothing(const struct conn_step *step)
{
	bool is_write = step->effect == EFFECT_WRITE;

	return !step->is_sleeping && !evidence_is_sampled(&step->before) &&
	       !evidence_is_sampled(&step->after) && (is_write || step->effect == EFFECT_READ) &&
	       (step->error == EAGAIN || (is_write && step->error == 0 && step->result == 0));
}

bool notes_are_possible(const struct conn *conn, const struct conn_step *step)
{
	if (atomic_load_explicit(&conn->unreported, memory_order_relaxed) != 0)
		return true;
	if (is_nothing(step))
		return atomic_load(&conn->flags) & CONN_FLAG_ADOPTED;
	if (step->is_sleeping || step->result <= 0 || evidence_is_sampled(&step->before) ||
	    evidence_is_sampled(&step->after) || (atomic_load(&conn->flags) & CONN_FLAG_ADOPTED))
		return true;
	if (step->effect == EFFECT_READ)
		return false;
	if (step->effect == EFFECT_WAIT) /* found ready, and the kernel was not asked */
		return (step->revents & (POLLERR | POLLHUP)) ||
		       atomic_load(&conn->phase) != CONN_PHASE_OPEN;
	return step->effect != EFFECT_WRITE || step->pause.silence_ns != 0 ||
	       atomic_load(&conn->fin_ns) != 0;
}

struct tcpshim_notes notes_find(const struct conn_view *before, const struct conn_view *after,
				const struct conn_step *step, struct tcpshim_facts *facts)
{
	struct evidence evidence = {.before = before, .after = after, .step = step};
	struct tcpshim_notes notes = {0};

	if (before->kind != CONN_KIND_TCP)
		return notes;
	evidence_fill(&evidence, facts);
	evidence.cause = cause_find(&evidence);
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (predicates[note](&evidence))
			note_set_add(&notes, note);
	for (unsigned i = 0; i < ONCE; i++)
		if (before->noted >> i & 1)
			note_set_remove(&notes, once[i]);
	return notes;
}
