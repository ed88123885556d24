#include "diagnose/story.h"

#include "format/facts.h"
#include "format/note_set.h"

static void keep_most(uint64_t *to, uint64_t value)
{
	*to = value > *to ? value : *to;
}

static void keep_most_32(uint32_t *to, uint32_t value)
{
	*to = value > *to ? value : *to;
}

void story_call(struct story *story, const struct tcpshim_event *event)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	uint64_t pause_ns;

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

void story_subject(struct story *story, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject)
{
	const struct tcpshim_facts *facts = &subject->facts;
	const struct tcpshim_notes *notes = &subject->notes;

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
