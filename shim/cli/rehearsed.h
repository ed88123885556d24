/*
 * rehearsed: the connections of a program on which a failure was rehearsed, read from its
 * recordings while it runs and after its end.
 *
 * Context: the command; exits if there is not enough memory.
 */
#ifndef CLI_REHEARSED_H
#define CLI_REHEARSED_H

#include "cli/recordings.h"
#include "diagnose/verdict.h"
#include "reader/stacks.h"

/* One connection. */
struct rehearsed_conn {
	struct verdict *verdict;
	struct connection_row row;
	const struct reader *reader; /* the recording that it was first seen in */
	char *waits_in; /* the call that it is in, with its place; NULL: none is known */
	bool is_taken;  /* it took the place of an earlier one */
};

struct rehearsed {
	struct recordings recordings;
	struct stacks stacks;
	uint64_t until_ns; /* what comes later is not the program's own doing; UINT64_MAX: all is */
	uint64_t base_ns;
	int64_t realtime_offset_ns;
	struct rehearsed_conn *list; /* by the time of their first call */
	size_t count, capacity;

	size_t concerned, passed, failed, attempts;
	uint64_t passed_ns; /* when the last one did */
};

/* Reads the recordings in the directory; none yet is no error. until_ns: as there. */
void rehearsed_read(struct rehearsed *rehearsed, const char *directory, uint64_t until_ns);

/* Adds that this process was ended by a signal. */
void rehearsed_kill(struct rehearsed *rehearsed, int pid, int signal);

/* Sends a signal to the recorded processes that are still there, but for one. Returns how many. */
size_t rehearsed_signal(const struct rehearsed *rehearsed, int except, int signal);

/* Finds the connection that took the place of one: the next that the same program opened to the
 * same peer and that took no other's place yet; is_single: after it had noticed, as it opens others
 * too. NULL: there is none. *attempts, *first_ns: how many connects came to nothing, and the first
 * of them. */
struct rehearsed_conn *rehearsed_find_later(struct rehearsed *rehearsed,
					    const struct rehearsed_conn *conn, bool is_single,
					    uint32_t *attempts, uint64_t *first_ns);

void rehearsed_clear(struct rehearsed *rehearsed);

#endif
