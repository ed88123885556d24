#include "reader/filter.h"

#include <string.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/words.h"

const struct filter filter_of_nothing = {
	.least_severity = SEVERITY_INFO,
	.most_result = INT64_MAX,
	.until_ns = UINT64_MAX,
};

static bool read_numbers(const char *value, uint64_t most, unsigned *count, uint32_t *numbers)
{
	struct word word;

	while (word_next(&value, ',', &word)) {
		uint64_t number;

		if (*count == FILTER_MOST || !word_number(word, &number) || number > most)
			return false;
		numbers[(*count)++] = (uint32_t)number;
	}
	return true;
}

bool filter_read_fds(struct filter *filter, const char *value)
{
	return read_numbers(value, INT32_MAX, &filter->fd_count, (uint32_t *)filter->fds);
}

bool filter_read_conns(struct filter *filter, const char *value)
{
	return read_numbers(value, UINT32_MAX, &filter->conn_count, filter->conns);
}

static bool read_error(struct word word, int32_t *error)
{
	enum { MOST_ERROR = 4095 };
	uint64_t number;

	if (word_number(word, &number)) {
		*error = (int32_t)number;
		return number > 0 && number <= MOST_ERROR;
	}
	for (int i = 1; i <= MOST_ERROR; i++) {
		char text[32];
		struct strbuf name;

		strbuf_init(&name, text, sizeof(text) - 1);
		names_error(&name, i);
		text[name.size] = '\0';
		if (word_is(word, text)) {
			*error = i;
			return true;
		}
	}
	return false;
}

/* Nothing, or "any": every error but that a call would block. */
bool filter_read_errors(struct filter *filter, const char *value)
{
	struct word word;

	filter->has_errors = true;
	if (!value || strcmp(value, "any") == 0)
		return true;
	while (word_next(&value, ',', &word)) {
		if (filter->error_count == FILTER_MOST ||
		    !read_error(word, &filter->errors[filter->error_count++]))
			return false;
	}
	return true;
}

/* Returns the severity of this name, SEVERITY_NONE if it is none. */
static uint8_t find_severity(struct word word)
{
	uint8_t severity = SEVERITY_INFO;

	while (severity < SEVERITY_NONE && !word_is(word, severity_rows[severity].word))
		severity++;
	return severity;
}

/* Adds the notes that a word stands for: those of an id, or of a severity and what is worse.
 * Returns false if it stands for none. */
static bool add_notes(struct tcpshim_notes *notes, struct word word)
{
	uint8_t least = find_severity(word);
	bool is_found = false;

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!word_is(word, note_rows[note].id) && note_rows[note].severity < least)
			continue;
		note_set_add(notes, note);
		is_found = true;
	}
	return is_found;
}

/* Nothing, or "any": every note. A severity also hides the notes that are less severe. */
bool filter_read_notes(struct filter *filter, const char *value)
{
	struct word word;

	if (value && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)) {
		filter->has_hidden_notes = strcmp(value, "off") == 0;
		return true;
	}
	if (!filter->has_notes)
		filter->least_severity = SEVERITY_NONE;
	filter->has_notes = true;
	if (!value || strcmp(value, "any") == 0) {
		filter->least_severity = SEVERITY_INFO;
		memset(&filter->notes, 0xff, sizeof(filter->notes));
		return true;
	}
	while (word_next(&value, ',', &word)) {
		uint8_t least = find_severity(word);

		if (!add_notes(&filter->notes, word))
			return false;
		if (least == SEVERITY_NONE) /* an id: its call is shown with all its notes */
			least = SEVERITY_INFO;
		if (least < filter->least_severity)
			filter->least_severity = least;
	}
	return true;
}

struct word filter_find_wrong_note(const char *value)
{
	struct tcpshim_notes notes = {0};
	struct word word;

	while (word_next(&value, ',', &word))
		if (!add_notes(&notes, word))
			return word;
	return word_of("");
}

uint8_t filter_least_severity(const struct filter *filter)
{
	return filter->has_hidden_notes ? SEVERITY_NONE : filter->least_severity;
}

static bool read_integer(struct word word, int64_t *number)
{
	bool is_negative = word.size > 0 && word.text[0] == '-';
	uint64_t value;

	if (!word_number((struct word){word.text + is_negative, word.size - is_negative}, &value) ||
	    value > INT64_MAX)
		return false;
	*number = is_negative ? -(int64_t)value : (int64_t)value;
	return true;
}

/* N, or N.. and ..N and N..M. */
bool filter_read_result(struct filter *filter, const char *value)
{
	const char *dots = strstr(value, "..");
	struct word first = word_of(value), last = first;

	filter->has_result = true;
	if (dots) {
		first.size = (size_t)(dots - value);
		last = word_of(dots + 2);
	}
	return (first.size == 0 || read_integer(first, &filter->least_result)) &&
	       (last.size == 0 || read_integer(last, &filter->most_result)) &&
	       (first.size > 0 || last.size > 0) &&
	       (first.size > 0 || (filter->least_result = INT64_MIN, true));
}

bool filter_read_longer(struct filter *filter, const char *value)
{
	return word_duration(word_of(value), &filter->least_duration_ns);
}

bool filter_read_since(struct filter *filter, const char *value)
{
	return word_duration(word_of(value), &filter->since_ns);
}

bool filter_read_until(struct filter *filter, const char *value)
{
	return word_duration(word_of(value), &filter->until_ns);
}

/* As an argument, as what the call made, or in what it waited for. */
static bool is_on_fd(const struct tcpshim_event *event, int32_t fd)
{
	const struct call_row *row = &call_rows[event->call];

	for (unsigned i = 0; i < event->argument_count; i++)
		if (row->kinds[i] == ARG_FD && (int32_t)event->arguments[i] == fd)
			return true;
	if ((row->effect == EFFECT_CREATE || row->effect == EFFECT_ACCEPT ||
	     row->effect == EFFECT_DUP) &&
	    event->error == 0 && event->result == fd)
		return true;
	for (uint64_t i = 0; i < event->asked_total && i < EVENT_WATCHES; i++)
		if (event->asked[i].fd == fd)
			return true;
	for (uint64_t i = 0; i < event->ready_total && i < EVENT_WATCHES; i++)
		if (event->ready[i].fd == fd)
			return true;
	return false;
}

static bool is_of_fds(const struct filter *filter, const struct tcpshim_event *event)
{
	for (unsigned i = 0; i < filter->fd_count; i++)
		if (is_on_fd(event, filter->fds[i]))
			return true;
	return filter->fd_count == 0;
}

/* A connection's own descriptor: of an accept, not the listener's. */
static bool is_of_own_fds(const struct filter *filter, const struct tcpshim_event *event,
			  uint32_t serial)
{
	bool is_accepted = call_rows[event->call].effect == EFFECT_ACCEPT && event->error == 0;

	for (unsigned i = 0; i < filter->fd_count; i++) {
		if (event->connection.serial == serial &&
		    (is_accepted ? event->result == filter->fds[i]
				 : is_on_fd(event, filter->fds[i])))
			return true;
		for (uint32_t j = 0; j < event->subject_count; j++)
			if (event->subjects[j].facts.serial == serial &&
			    event->subjects[j].facts.fd == filter->fds[i])
				return true;
	}
	return filter->fd_count == 0;
}

static bool has_conn(const struct filter *filter, uint32_t serial)
{
	for (unsigned i = 0; i < filter->conn_count; i++)
		if (filter->conns[i] == serial)
			return true;
	return filter->conn_count == 0;
}

static bool is_of_conns(const struct filter *filter, const struct tcpshim_event *event)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if (has_conn(filter, event->subjects[i].facts.serial))
			return true;
	return has_conn(filter, event->connection.serial);
}

bool filter_matches(const struct filter *filter, const struct tcpshim_address *local,
		    const struct tcpshim_address *peer, uint8_t role)
{
	return filter->match->count == 0 ||
	       match_connection(filter->match, local, peer, (enum tcpshim_role)role) == MATCH_YES;
}

static bool is_own_matched(const struct filter *filter, const struct tcpshim_event *event)
{
	const struct tcpshim_connection *connection = &event->connection;

	return connection->serial != 0 &&
	       filter_matches(filter, &connection->local, &connection->peer, connection->role);
}

static bool is_subject_matched(const struct filter *filter, const struct tcpshim_event *event,
			       const struct tcpshim_facts *facts)
{
	return filter_matches(filter, &facts->local, &facts->peer, facts->role) ||
	       (facts->serial == event->connection.serial && is_own_matched(filter, event));
}

static bool is_matched(const struct filter *filter, const struct tcpshim_event *event)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if (is_subject_matched(filter, event, &event->subjects[i].facts))
			return true;
	return filter->match->count == 0 || is_own_matched(filter, event);
}

void filter_subjects(const struct filter *filter, struct tcpshim_event *event)
{
	uint32_t count = 0;

	if (filter->conn_count == 0 && filter->match->count == 0)
		return;
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_facts *facts = &event->subjects[i].facts;

		if (!has_conn(filter, facts->serial) || !is_subject_matched(filter, event, facts))
			continue;
		if (count != i)
			event->subjects[count] = event->subjects[i];
		count++;
	}
	event->subject_count = count;
}

static bool is_of_errors(const struct filter *filter, const struct tcpshim_event *event)
{
	if (!filter->has_errors)
		return true;
	for (unsigned i = 0; i < filter->error_count; i++)
		if (event->error == filter->errors[i])
			return true;
	return filter->error_count == 0 && event->error != 0 && !facts_is_would_block(event->error);
}

/* Returns whether a note of the event is one of those that are asked for. serial: of this
 * connection only; 0: of any. */
static bool is_of_notes(const struct filter *filter, const struct tcpshim_event *event,
			uint32_t serial)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if ((serial == 0 || event->subjects[i].facts.serial == serial) &&
		    note_set_has_common(&event->subjects[i].notes, &filter->notes))
			return true;
	return !filter->has_notes;
}

static uint64_t since_base_ns(const struct tcpshim_event *event)
{
	return event->time_ns > event->base_ns ? event->time_ns - event->base_ns : 0;
}

bool filter_is_before(const struct filter *filter, const struct tcpshim_event *event)
{
	return since_base_ns(event) < filter->since_ns;
}

bool filter_is_after(const struct filter *filter, const struct tcpshim_event *event)
{
	return since_base_ns(event) > filter->until_ns;
}

/* The conditions about the call itself. */
static bool is_of_calls(const struct filter *filter, const struct tcpshim_event *event)
{
	bool is_sleeping = event->flags & EVENT_SLEEPING;
	uint64_t duration_ns = event->time_ns > event->start_ns ? event->time_ns - event->start_ns
								: 0;

	if (!filter->is_shown[event->call] || filter_is_before(filter, event) ||
	    filter_is_after(filter, event))
		return false;
	if (filter->least_duration_ns > 0 &&
	    (is_sleeping || duration_ns < filter->least_duration_ns))
		return false;
	if (filter->has_result &&
	    (is_sleeping || event->error != 0 || event->result < filter->least_result ||
	     event->result > filter->most_result))
		return false;
	return is_of_errors(filter, event);
}

bool filter_shows(const struct filter *filter, const struct tcpshim_event *event)
{
	return is_of_calls(filter, event) && is_of_notes(filter, event, 0) &&
	       is_of_fds(filter, event) && is_of_conns(filter, event) && is_matched(filter, event);
}

bool filter_shows_of(const struct filter *filter, const struct tcpshim_event *event,
		     uint32_t serial)
{
	return is_of_calls(filter, event) && has_conn(filter, serial) &&
	       is_of_notes(filter, event, serial) && is_of_own_fds(filter, event, serial);
}
