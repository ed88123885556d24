#include "diagnose/story.h"

#include <string.h>

#include "format/facts.h"
#include "format/note_set.h"

static const uint8_t information[] = {
	NOTE_name_lookup,       NOTE_no_failure_detection, NOTE_send_buffer_full,
	NOTE_held_up_by_buffer, NOTE_nagle_delay,          NOTE_closed_first,
};

static void keep_most(uint64_t *to, uint64_t value)
{
	*to = value > *to ? value : *to;
}

static void keep_most_32(uint32_t *to, uint32_t value)
{
	*to = value > *to ? value : *to;
}

static void take_stack(struct story *story, enum tcpshim_effect effect, uint32_t stack)
{
	if (stack == 0)
		return;
	if (effect == EFFECT_CONNECT || effect == EFFECT_ACCEPT)
		story->opened_stack = stack;
	else if (effect == EFFECT_READ || effect == EFFECT_WRITE || effect == EFFECT_SPLICE ||
		 effect == EFFECT_SHUTDOWN)
		story->used_stack = stack;
}

void story_call(struct story *story, const struct tcpshim_event *event, uint32_t stack)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	uint64_t pause_ns;

	take_stack(story, effect, stack);
	if (connection_row_bytes(event) == 0 || (effect != EFFECT_READ && effect != EFFECT_WRITE))
		return;
	pause_ns = story->moved_ns != 0 && event->start_ns > story->moved_ns
			   ? event->start_ns - story->moved_ns
			   : 0;
	if (effect == EFFECT_WRITE) {
		keep_most(&story->asked_ns, pause_ns);
	} else {
		keep_most(&story->survived_ns, story->asked_ns);
		story->asked_ns = 0;
	}
	story->moved_ns = event->time_ns;
}

static void take_fin(struct story *story, const struct tcpshim_event *event,
		     const struct tcpshim_facts *facts)
{
	if (facts->fin_time == FIN_NONE || story->fin_ns != 0)
		return;
	story->fin_ns = event->time_ns > facts->fin_age_ns ? event->time_ns - facts->fin_age_ns : 1;
	story->fin_idle_ns = facts->idle_before_fin_ns;
	story->has_fin_idle = facts->fin_time == FIN_ARRIVED;
}

/* Keeps the stack of each note that a finding may ask for: of warnings and errors, and of some that
 * are information. */
static void keep_stacks(struct story *story, const struct tcpshim_notes *notes, uint32_t stack)
{
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
	     note = note_set_next(notes, note + 1)) {
		bool is_asked_for = note_rows[note].severity != SEVERITY_INFO ||
				    memchr(information, (int)note, sizeof(information));

		if (!is_asked_for || story->stack_count == STORY_STACKS ||
		    story_stack(story, &(const uint8_t){(uint8_t)note}, 1) != 0)
			continue;
		story->stack_notes[story->stack_count] = (uint8_t)note;
		story->stacks[story->stack_count++] = stack;
	}
}

uint32_t story_stack(const struct story *story, const uint8_t *notes, unsigned note_count)
{
	for (unsigned i = 0; i < note_count; i++)
		for (unsigned j = 0; j < story->stack_count; j++)
			if (story->stack_notes[j] == notes[i])
				return story->stacks[j];
	return 0;
}

void story_subject(struct story *story, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject, uint32_t stack)
{
	const struct tcpshim_facts *facts = &subject->facts;
	const struct tcpshim_notes *notes = &subject->notes;

	if (stack != 0)
		keep_stacks(story, notes, stack);
	take_fin(story, event, facts);
	story->stale_writes += note_set_has(notes, NOTE_stale_reuse);
	if (note_set_has(notes, NOTE_reset_peer_forgot))
		story->silence_before_ns = facts->silence_before_ns;
	if (note_set_has(notes, NOTE_reset_of_probe))
		story->silence_before_ns = facts->last_heard_ns;
	if (note_set_has(notes, NOTE_timed_out_data) || note_set_has(notes, NOTE_timed_out_user) ||
	    note_set_has(notes, NOTE_timed_out_window) ||
	    note_set_has(notes, NOTE_timed_out_unsent))
		keep_most(&story->waiting_ns, facts->waiting_ns);
	if (note_set_has(notes, NOTE_timed_out_probing))
		story->last_heard_ns = facts->last_heard_ns;
	if (note_set_has(notes, NOTE_data_lost))
		keep_most(&story->lost_bytes, facts->lost_bytes);
	if (note_set_has(notes, NOTE_closed_with_unread_data))
		keep_most(&story->unread_bytes, facts->unread_bytes);
	if (note_set_has(notes, NOTE_send_held_up)) {
		story->window_limited_ns = facts->window_limited_ns;
		story->buffer_limited_ns = facts->buffer_limited_ns;
	}
	if (note_set_has(notes, NOTE_accept_late))
		story->queued_ns = facts->queued_ns;
	if (note_set_has(notes, NOTE_connect_slow)) {
		story->handshake_ns = facts->handshake_ns;
		story->syns_lost = facts->retransmits_total;
	}
	if (note_set_has(notes, NOTE_name_lookup))
		keep_most(&story->lookup_ns, facts->lookup_ns);
	keep_most_32(&story->nagle_count, facts->nagle_count);
	keep_most(&story->nagle_lost_ns, facts->nagle_lost_ns);
	keep_most_32(&story->queue_length, facts->queue_length);
	keep_most_32(&story->queue_limit, facts->queue_limit);
	keep_most_32(&story->local_ports, facts->local_ports);
	keep_most_32(&story->time_wait_sockets, facts->time_wait_sockets);
	keep_most_32(&story->eof_count, facts->eof_count);
	keep_most_32(&story->polls, facts->polls);
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT && story->bad_ns == 0;
	     note = note_set_next(notes, note + 1))
		if (note_rows[note].severity != SEVERITY_INFO)
			story->bad_ns = event->time_ns;
}
