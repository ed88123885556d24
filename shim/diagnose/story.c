#include "diagnose/story.h"

#include <errno.h>
#include <string.h>

#include "format/facts.h"
#include "format/note_set.h"

enum { SHORT_WAIT_NS = 50000000 };

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

/* Adds a fruitless call to a row. rested_ns: a call before that is in another row. */
static void add_to_row(struct story_row *row, const struct tcpshim_event *event, uint64_t rested_ns,
		       uint32_t stack)
{
	enum { GAP_NS = 1000000, LENGTH = 100 };

	if (row->length == 0 || event->start_ns > row->last_ns + GAP_NS ||
	    rested_ns > row->last_ns) {
		row->length = 0;
		row->start_ns = event->start_ns;
		row->last_ns = event->start_ns;
	}
	row->length++;
	if (row->length == LENGTH) {
		row->calls += LENGTH;
		row->ns += event->time_ns - row->start_ns;
	} else if (row->length > LENGTH) {
		row->calls++;
		row->ns += event->time_ns - row->last_ns;
	}
	row->last_ns = event->time_ns;
	row->stack = stack != 0 ? stack : row->stack;
}

/* Returns whether a read asked for bytes and got end of stream. */
static bool is_end_of_stream(const struct tcpshim_event *event)
{
	const struct call_row *row = &call_rows[event->call];

	return row->effect == EFFECT_READ && event->error == 0 && event->result == 0 &&
	       (row->kinds[2] != ARG_SIZE || event->arguments[2] != 0);
}

static void take_fruitless(struct story *story, const struct tcpshim_event *event,
			   const struct story_context *context)
{
	enum { SHORT_NS = 1000000 }; /* otherwise the call itself has waited */
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;

	if ((event->flags & EVENT_SLEEPING) || (effect != EFFECT_READ && effect != EFFECT_WRITE))
		return;
	if (event->error == EAGAIN && event->time_ns < event->start_ns + SHORT_NS)
		add_to_row(&story->blocked, event, context->waited_ns, context->stack);
	else
		story->blocked.length = 0;
	if (is_end_of_stream(event))
		add_to_row(&story->ends, event, 0, context->stack);
}

/* Returns whether the bytes that were written are one alert of TLS, or, by their size, one that is
 * encrypted. */
static bool is_alert(const struct tcpshim_event *event)
{
	enum { HEADER = 5, ALERT = 21, APPLICATION_DATA = 23, SEALED_ALERT = HEADER + 2 + 1 + 16 };
	const uint8_t *bytes;

	if (event->data_count == 0 || event->data[0].iov_len < HEADER)
		return false;
	bytes = event->data[0].iov_base;
	if (bytes[1] != 3 || event->data_total != HEADER + ((uint64_t)bytes[3] << 8 | bytes[4]))
		return false;
	return bytes[0] == ALERT ||
	       (bytes[0] == APPLICATION_DATA && event->data_total == SEALED_ALERT);
}

/* Adds what a call tells of requests and answers. What cannot be told is no request. */
static void take_request(struct story *story, const struct tcpshim_event *event,
			 const struct story_context *context)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	uint64_t bytes = connection_row_bytes(event);

	if (effect == EFFECT_WRITE && bytes > 0) {
		story->has_alert = is_alert(event);
		if (!story->has_alert && story->request_ns != 0 &&
		    event->start_ns > story->request_ns)
			keep_most(&story->unanswered_ns, event->start_ns - story->request_ns);
		if (!story->has_alert)
			story->request_ns = event->time_ns;
	} else if (effect == EFFECT_READ && bytes > 0) {
		if (story->request_ns != 0 && event->time_ns > story->request_ns)
			keep_most(&story->answer_ns, event->time_ns - story->request_ns);
		story->request_ns = story->given_up_ns = story->unanswered_ns = 0;
		story->is_seen_waiting = false;
	} else if (effect == EFFECT_SPLICE || (effect == EFFECT_WRITE && bytes == 0)) {
		story->request_ns = 0;
	} else if (effect == EFFECT_CLOSE && story->request_ns != 0 &&
		   event->start_ns > story->request_ns) {
		story->given_up_ns = event->start_ns - story->request_ns;
		story->is_seen_waiting |=
			context->polled_ns > story->request_ns &&
			event->start_ns - context->polled_ns < story->given_up_ns / 2;
	}
	if (effect == EFFECT_READ && (event->error == EAGAIN || event->error == EINTR) &&
	    !(event->flags & EVENT_SLEEPING))
		story->is_seen_waiting = event->time_ns > event->start_ns + SHORT_WAIT_NS;
}

void story_call(struct story *story, const struct tcpshim_event *event,
		const struct story_context *context)
{
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;
	uint64_t pause_ns;

	take_stack(story, effect, context->stack);
	take_fruitless(story, event, context);
	take_request(story, event, context);
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
		story->heard_ns = event->time_ns;
	}
	story->moved_ns = event->time_ns;
	story->has_moved_out = effect == EFFECT_WRITE;
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
	if (note_set_has(notes, NOTE_reset_peer_forgot) ||
	    note_set_has(notes, NOTE_timed_out_data) || note_set_has(notes, NOTE_timed_out_user))
		story->silence_before_ns = facts->silence_before_ns;
	if (note_set_has(notes, NOTE_reset_of_probe))
		story->silence_before_ns = facts->last_heard_ns;
	if (note_set_has(notes, NOTE_timed_out_data) || note_set_has(notes, NOTE_timed_out_user) ||
	    note_set_has(notes, NOTE_timed_out_window) ||
	    note_set_has(notes, NOTE_timed_out_unsent)) {
		keep_most(&story->waiting_ns, facts->waiting_ns);
		story->timed_out_ns = event->time_ns;
	}
	if (note_set_has(notes, NOTE_timed_out_probing))
		story->last_heard_ns = facts->last_heard_ns;
	if (note_set_has(notes, NOTE_data_lost))
		keep_most(&story->lost_bytes, facts->lost_bytes);
	if (note_set_has(notes, NOTE_closed_with_unread_data)) {
		keep_most(&story->unread_bytes, facts->unread_bytes);
		story->is_unread_after_fin = facts->before == STATE_CLOSE_WAIT;
	}
	if (note_set_has(notes, NOTE_send_held_up)) {
		story->window_limited_ns = facts->window_limited_ns;
		story->buffer_limited_ns = facts->buffer_limited_ns;
	}
	if (note_set_has(notes, NOTE_accept_late))
		story->queued_ns = facts->queued_ns;
	if (note_set_has(notes, NOTE_connect_timed_out))
		story->failed_ns = facts->handshake_ns;
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
	if (facts->polls > story->polls) {
		story->polls = facts->polls;
		story->dead_ns = story->dead_ns != 0 ? story->dead_ns : event->time_ns;
		story->dead_end_ns = event->time_ns;
	}
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT && story->bad_ns == 0;
	     note = note_set_next(notes, note + 1))
		if (note_rows[note].severity != SEVERITY_INFO)
			story->bad_ns = event->time_ns;
}
