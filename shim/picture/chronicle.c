#include "picture/chronicle.h"

#include <stdlib.h>
#include <string.h>

#include "format/connection_row.h"
#include "format/facts.h"
#include "format/note_set.h"
#include "reader/complain.h"

enum { LEAST_KEPT = 8 };

void chronicle_start(struct chronicle *chronicle, size_t most)
{
	*chronicle = (struct chronicle){.most = most > LEAST_KEPT ? most & ~(size_t)1 : LEAST_KEPT};
}

/* Keeps every second one, and from now on half as many. */
static void thin_out(struct chronicle *chronicle)
{
	for (size_t i = 0; i < CHRONICLE_WAYPOINTS / 2; i++)
		chronicle->waypoints[i] = chronicle->waypoints[2 * i];
	chronicle->waypoint_count = CHRONICLE_WAYPOINTS / 2;
	chronicle->waypoint_step *= 2;
}

/* Remembers of a moment that is left out how much had been moved. */
static void pass(struct chronicle *chronicle, const struct moment *moment)
{
	struct waypoint *last;

	if (!chronicle->waypoints) {
		chronicle->waypoints = allocate(CHRONICLE_WAYPOINTS * sizeof(struct waypoint));
		chronicle->waypoint_step = 1;
	}
	if (chronicle->left_out % chronicle->waypoint_step == 0) {
		if (chronicle->waypoint_count == CHRONICLE_WAYPOINTS)
			thin_out(chronicle);
		last = &chronicle->waypoints[chronicle->waypoint_count++];
		*last = chronicle->waypoint_count > 1 ? last[-1] : (struct waypoint){0};
	}
	last = &chronicle->waypoints[chronicle->waypoint_count - 1];
	last->time_ns = moment->time_ns;
	if (moment->direction == MOMENT_SENT)
		last->sent_bytes = moment->position + moment->bytes;
	if (moment->direction == MOMENT_RECEIVED)
		last->received_bytes = moment->position + moment->bytes;
}

/* Returns the place of the next moment. When all are taken, the oldest of the later half goes. */
static struct moment *next_place(struct chronicle *chronicle)
{
	struct moment *place;

	if (chronicle->count == chronicle->capacity && chronicle->capacity < chronicle->most) {
		size_t capacity = 2 * chronicle->capacity + LEAST_KEPT;

		chronicle->capacity = capacity < chronicle->most ? capacity : chronicle->most;
		chronicle->list = reallocate(chronicle->list,
					     chronicle->capacity * sizeof(chronicle->list[0]));
	}
	if (chronicle->count < chronicle->capacity)
		return &chronicle->list[chronicle->count++];
	if (chronicle->next < chronicle->most / 2)
		chronicle->next = chronicle->most / 2;
	place = &chronicle->list[chronicle->next++];
	chronicle->next %= chronicle->most;
	pass(chronicle, place);
	chronicle->left_out++;
	free(place->text);
	return place;
}

static void take_bytes(struct chronicle *chronicle, struct moment *moment,
		       const struct tcpshim_event *event)
{
	uint64_t *position;

	moment->bytes = connection_row_bytes(event);
	if (moment->bytes == 0 || connection_row_is_peek(event))
		return;
	if (call_rows[event->call].effect == EFFECT_WRITE)
		moment->direction = MOMENT_SENT;
	else if (call_rows[event->call].effect == EFFECT_READ)
		moment->direction = MOMENT_RECEIVED;
	else
		return;
	position = moment->direction == MOMENT_SENT ? &chronicle->sent_bytes
						    : &chronicle->received_bytes;
	moment->position = *position;
	*position += moment->bytes;
}

static void take_notes(struct moment *moment, const struct tcpshim_subject *subject)
{
	const struct tcpshim_facts *facts = &subject->facts;
	enum tcpshim_fin_time fin_time;
	uint64_t age_ns = facts_fin_age_ns(facts, &fin_time);

	moment->notes = subject->notes;
	if (facts->now != STATE_UNKNOWN)
		moment->state = facts->now;
	if (facts->fin_time == FIN_NONE && facts->since_fin_ns == 0) /* the latter: of earlier
									versions */
		return;
	moment->fin_time = fin_time;
	moment->fin_ns = moment->time_ns > age_ns ? moment->time_ns - age_ns : 1;
}

void chronicle_add(struct chronicle *chronicle, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject, const char *text, size_t size)
{
	struct moment *moment = next_place(chronicle);

	*moment = (struct moment){
		.start_ns = event->start_ns,
		.time_ns = event->time_ns,
		.call = event->call,
		.state = event->connection.state,
		.is_sleeping = event->flags & EVENT_SLEEPING,
		.is_of_many = event->connection.serial == 0,
		.pid = event->pid,
		.tid = event->tid,
		.error = event->error,
		.result = event->result,
		.text = allocate(size + 1),
	};
	memcpy(moment->text, text, size);
	moment->text[size] = '\0';
	if (!moment->is_of_many)
		take_bytes(chronicle, moment, event);
	if (subject)
		take_notes(moment, subject);
}

static int compare(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

void chronicle_finish(struct chronicle *chronicle)
{
	size_t half = chronicle->most / 2;

	if (chronicle->left_out == 0 && chronicle->count > 0) {
		qsort(chronicle->list, chronicle->count, sizeof(chronicle->list[0]), compare);
	} else if (chronicle->count > half) {
		qsort(chronicle->list, half, sizeof(chronicle->list[0]), compare);
		qsort(chronicle->list + half, chronicle->count - half, sizeof(chronicle->list[0]),
		      compare);
	}
}

void chronicle_free(struct chronicle *chronicle)
{
	for (size_t i = 0; i < chronicle->count; i++)
		free(chronicle->list[i].text);
	free(chronicle->list);
	free(chronicle->waypoints);
	*chronicle = (struct chronicle){0};
}
