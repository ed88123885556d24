/*
 * filter: which events a report shows, and which rows of connections.
 *
 * A filter selects. The numbers of a row are those of all events in the range of time.
 */
#ifndef READER_FILTER_H
#define READER_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "format/words.h"
#include "settings/match.h"
#include "tcpshim/event.h"

enum { FILTER_MOST = 64 };

struct filter {
	const bool *is_shown; /* by call */
	const struct match *match;
	unsigned fd_count, conn_count, error_count;
	int32_t fds[FILTER_MOST], errors[FILTER_MOST];
	uint32_t conns[FILTER_MOST];
	bool has_errors, has_notes, has_result;
	bool has_hidden_notes;      /* all of them */
	uint8_t least_severity;     /* of the notes that are shown below a call */
	struct tcpshim_notes notes; /* at least one of these */
	int64_t least_result, most_result;
	uint64_t least_duration_ns;
	uint64_t since_ns, until_ns; /* since the base time stamp */
};

extern const struct filter filter_of_nothing;

/* One function per option. They return false where the value is not understood. */
bool filter_read_fds(struct filter *filter, const char *value);
bool filter_read_conns(struct filter *filter, const char *value);
bool filter_read_errors(struct filter *filter, const char *value);
bool filter_read_notes(struct filter *filter, const char *value);
bool filter_read_result(struct filter *filter, const char *value);
bool filter_read_longer(struct filter *filter, const char *value);
bool filter_read_since(struct filter *filter, const char *value);
bool filter_read_until(struct filter *filter, const char *value);

/* Returns the first word of a list of notes that is none; an empty one if there is none. */
struct word filter_find_wrong_note(const char *value);

/* Returns the least severity of notes that are shown, SEVERITY_NONE if none are. */
uint8_t filter_least_severity(const struct filter *filter);

/* Returns whether the event meets all conditions. */
bool filter_shows(const struct filter *filter, const struct tcpshim_event *event);

/* Returns whether the event meets all conditions for one of its connections: its descriptor, its
 * number and its notes are what they ask for. Leaves out the conditions of --match, which are for
 * filter_matches. */
bool filter_shows_of(const struct filter *filter, const struct tcpshim_event *event,
		     uint32_t serial);

/* Returns whether a connection with these addresses and role meets the conditions of --match. */
bool filter_matches(const struct filter *filter, const struct tcpshim_address *local,
		    const struct tcpshim_address *peer, uint8_t role);

/* Removes the notes of connections that do not meet the conditions of --conn and --match. */
void filter_subjects(const struct filter *filter, struct tcpshim_event *event);

/* Return whether the event is before or after the range of time. */
bool filter_is_before(const struct filter *filter, const struct tcpshim_event *event);
bool filter_is_after(const struct filter *filter, const struct tcpshim_event *event);

#endif
