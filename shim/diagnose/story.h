/*
 * story: what became of one connection, as far as a diagnosis asks: the numbers in its notes, and
 * the pauses that it survived.
 *
 * Pure. Times and durations are nanoseconds; 0: not known.
 */
#ifndef DIAGNOSE_STORY_H
#define DIAGNOSE_STORY_H

#include "format/connection_row.h"

enum { STORY_STACKS = 8 };

struct story {
	/* The peer's FIN: when it came, and how long nothing had moved then. */
	uint64_t fin_ns, fin_idle_ns;
	bool has_fin_idle;
	/* The longest pause after which the peer answered. */
	uint64_t survived_ns;
	uint64_t asked_ns; /* the pause before the last write, until the peer answers it */
	uint64_t moved_ns; /* the last call that moved bytes */

	uint64_t silence_before_ns; /* before the data that was answered with a reset */
	uint64_t waiting_ns;        /* how long nothing was acknowledged when it timed out */
	uint64_t last_heard_ns;     /* how long ago the peer was heard when keepalive gave up */
	uint64_t lost_bytes, unread_bytes;
	uint64_t window_limited_ns, buffer_limited_ns;
	uint64_t queued_ns, handshake_ns, lookup_ns, nagle_lost_ns;
	uint32_t nagle_count, stale_writes, syns_lost, queue_length, queue_limit;
	uint32_t local_ports, time_wait_sockets, eof_count, polls;
	uint64_t bad_ns; /* the first warning or error */

	/* Numbers of call stacks, 0: not recorded. Where it was opened, last read, written or shut
	 * down, and where the first notes were given that a finding asks for. */
	uint32_t opened_stack, used_stack;
	uint32_t stacks[STORY_STACKS];
	uint8_t stack_notes[STORY_STACKS], stack_count;
};

/* Adds a call on the connection alone. stack: the number of its call stack. */
void story_call(struct story *story, const struct tcpshim_event *event, uint32_t stack);

/* Adds what an event's notes tell of the connection. */
void story_subject(struct story *story, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject, uint32_t stack);

/* Returns the stack of the first of these notes that has one, 0 if none has. */
uint32_t story_stack(const struct story *story, const uint8_t *notes, unsigned note_count);

#endif
