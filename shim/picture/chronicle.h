/*
 * chronicle: what happened on one connection as one of its ends saw it, call after call, in the
 * order of time.
 *
 * Owns its moments and their texts. The texts may hold what the traced program chose; they were
 * made printable (reader/printable.h), and are not escaped for any language.
 * Pure. Times are nanoseconds of the report's clock.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_CHRONICLE_H
#define PICTURE_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tcpshim/event.h"

enum moment_direction { MOMENT_NEITHER, MOMENT_SENT, MOMENT_RECEIVED };

/* One call on the connection, or one that told something of it (a poll of many). */
struct moment {
	uint64_t start_ns, time_ns; /* it began; it returned, or is_sleeping: was seen to wait */
	uint16_t call;              /* enum tcpshim_call */
	uint8_t state;              /* enum tcpshim_tcp_state after it, 0: not known */
	uint8_t direction;          /* enum moment_direction: of its bytes */
	bool is_sleeping;           /* it had not returned, and may never */
	bool is_of_many;            /* a call on several connections: of it, only notes are told */
	int32_t pid, tid;
	int32_t error; /* errno, 0 on success */
	int64_t result;
	uint64_t bytes;    /* moved by it */
	uint64_t position; /* of the first of them in its direction, from 0; peeks do not count */
	struct tcpshim_notes notes;
	/* For a note that tells when the peer's FIN arrived: that time. 0: none does. */
	uint64_t fin_ns;
	enum tcpshim_fin_time fin_time;
	/* The call as truss writes it, without stamps: one line, and below it those of its payload,
	 * its notes ("\t! text [id]", as many as it has) and its stack (" > frame"). */
	char *text;
};

enum { CHRONICLE_WAYPOINTS = 64 };

/* How much had been moved when, for the moments that are left out. */
struct waypoint {
	uint64_t time_ns, sent_bytes, received_bytes;
};

struct chronicle {
	struct moment *list; /* the first ones, then the latest ones */
	size_t count, capacity;
	size_t most;       /* moments that are kept */
	size_t next;       /* where the next one is stored, once there are most of them */
	uint64_t left_out; /* moments between the two parts */
	uint64_t sent_bytes, received_bytes;
	/* By time; one for each so many moments that are left out. NULL if none is. */
	struct waypoint *waypoints;
	size_t waypoint_count;
	uint64_t waypoint_step;
};

/* Starts a chronicle that keeps at most so many moments: the first half of them, and the latest. */
void chronicle_start(struct chronicle *chronicle, size_t most);

/* Adds an event. subject: its notes for this connection, NULL if it has none. text: copied. */
void chronicle_add(struct chronicle *chronicle, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject, const char *text, size_t size);

/* Sorts the moments by time, after the last one was added; then they are list[0] to list[count-1],
 * and left_out more were between list[most / 2 - 1] and list[most / 2]. */
void chronicle_finish(struct chronicle *chronicle);

void chronicle_free(struct chronicle *chronicle);

#endif
