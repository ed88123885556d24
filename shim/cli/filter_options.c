#include "cli/filter_options.h"

#include "cli/options.h"
#include "format/facts.h"
#include "format/nearest.h"
#include "reader/complain.h"

enum {
	OPTION_FD = OPTION_FILTER,
	OPTION_CONN,
	OPTION_ERROR,
	OPTION_NOTE,
	OPTION_RESULT,
	OPTION_LONGER,
	OPTION_SINCE,
	OPTION_UNTIL,
};

const struct argp_option filter_options[] = {
	{"fd", OPTION_FD, "N,...", 0, "Only calls on these descriptors", 0},
	{"conn", OPTION_CONN, "N,...", 0, "Only calls on the connections with these numbers", 0},
	{"error", OPTION_ERROR, "NAME,...", OPTION_ARG_OPTIONAL,
	 "Only calls that failed (would block is no failure), or that failed with these errors "
	 "(ECONNRESET, EAGAIN or 104)",
	 0},
	{"note", OPTION_NOTE, "info|warn|error|ID,...", OPTION_ARG_OPTIONAL,
	 "Only calls with notes, or with these: notes of an id, or of a severity and worse", 0},
	{"notes", OPTION_NOTE, "on|off|info|warn|error|ID,...", OPTION_ARG_OPTIONAL,
	 "The same as --note. off hides the notes of all calls, on shows them", 0},
	{"result", OPTION_RESULT, "N|N..M", 0, "Only calls that returned N, or N to M", 0},
	{"longer", OPTION_LONGER, "DURATION", 0, "Only calls that took this long or longer", 0},
	{"since", OPTION_SINCE, "DURATION", 0,
	 "Only calls that ended this long after the start, or later", 0},
	{"until", OPTION_UNTIL, "DURATION", 0,
	 "Only calls that ended this long after the start, or earlier", 0},
	{0},
};

#define A_DURATION "a duration in ms, s, m or h (a bare number is seconds)"

static const struct filter_reader {
	int key;
	bool (*read)(struct filter *filter, const char *value);
	const char *wants, *example;
} readers[] = {
	{OPTION_FD, filter_read_fds, "a list of descriptors", "3,5"},
	{OPTION_CONN, filter_read_conns, "a list of numbers of connections", "1,2"},
	{OPTION_ERROR, filter_read_errors, "a list of errors, by name or number", "ECONNRESET"},
	{OPTION_NOTE, filter_read_notes,
	 "on, off, or a list of ids of notes (tcpshim explain) and of info, warn or error", "warn"},
	{OPTION_RESULT, filter_read_result, "a number, or a range", "0..100"},
	{OPTION_LONGER, filter_read_longer, A_DURATION, "1.5s"},
	{OPTION_SINCE, filter_read_since, A_DURATION, "250ms"},
	{OPTION_UNTIL, filter_read_until, A_DURATION, "2m"},
};

/* Refuses a list of notes; its last word that is none gets the nearest id. */
static void refuse_notes(const char *typed, const char *value)
{
	struct nearest nearest;
	struct word word = filter_find_wrong_note(value);

	nearest_start(&nearest, word.text, word.size);
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		nearest_offer(&nearest, note_rows[note].id);
	if (nearest_is_close(&nearest))
		refuse("%s%s: there is no note %.*s; did you mean %s?", typed, value,
		       (int)word.size, word.text, nearest.found);
}

bool filter_options_take(struct filter *filter, int key, const char *value,
			 const struct argp_state *state)
{
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		const struct filter_reader *reader = &readers[i];
		const char *typed;

		if (reader->key != key)
			continue;
		if (reader->read(filter, value))
			return true;
		typed = options_typed(key, value, state);
		if (key == OPTION_NOTE)
			refuse_notes(typed, value);
		refuse("%s%s: it takes %s, for example %s%s", typed, value, reader->wants, typed,
		       reader->example);
	}
	return false;
}
