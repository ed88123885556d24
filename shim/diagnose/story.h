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

/* The same fruitless call again and again, without a rest: of rows of a hundred and more, how many
 * calls they had and how long they took. */
struct story_row {
	uint64_t calls, ns;
	uint64_t start_ns, last_ns; /* of the current row */
	uint32_t length;
	uint32_t stack; /* of one of the calls */
};

/* What is known of a call beside its event. */
struct story_context {
	uint32_t stack;     /* number of its call stack, 0: none */
	uint64_t waited_ns; /* when its thread last waited for something; 0: never */
	/* Of a close: until when its thread last waited for data on it with poll or select. */
	uint64_t polled_ns;
};

struct story {
	/* The peer's FIN: when it came, and how long nothing had moved then. */
	uint64_t fin_ns, fin_idle_ns;
	bool has_fin_idle;
	/* The longest pause after which the peer answered. */
	uint64_t survived_ns;
	uint64_t asked_ns;  /* the pause before the last write, until the peer answers it */
	uint64_t moved_ns;  /* the last call that moved bytes */
	bool has_moved_out; /* it sent them */
	uint64_t heard_ns;  /* the last read that got bytes */

	uint64_t silence_before_ns; /* before the data that was answered with a reset or not at all
				     */
	uint64_t waiting_ns;        /* how long nothing was acknowledged when it timed out */
	uint64_t timed_out_ns;      /* when the program learned of that */
	uint64_t last_heard_ns;     /* how long ago the peer was heard when keepalive gave up */
	uint64_t lost_bytes, unread_bytes;
	bool is_unread_after_fin; /* the peer had closed: a reset does no harm */
	uint64_t window_limited_ns, buffer_limited_ns;
	uint64_t queued_ns, handshake_ns, lookup_ns, nagle_lost_ns;
	uint64_t failed_ns; /* how long a connect took that failed */
	uint32_t nagle_count, stale_writes, syns_lost, queue_length, queue_limit;
	uint32_t local_ports, time_wait_sockets, eof_count, polls;
	uint64_t bad_ns;      /* the first warning or error */
	uint64_t dead_ns;     /* it was dead and polled again and again, since then */
	uint64_t dead_end_ns; /* until then */

	/* Requests: what is written, but for alerts of TLS. An answer is the first data after it.
	 */
	uint64_t request_ns;      /* when the last one was written; 0: it has been answered */
	uint64_t answer_ns;       /* the longest that an answer took */
	uint64_t unanswered_ns;   /* the longest pause before a write since the last answer */
	uint64_t given_up_ns;     /* how long this side waited for one when it closed */
	bool has_alert;           /* of TLS, written after the request */
	bool is_seen_waiting;     /* its last call before was a wait for data on this connection */
	struct story_row blocked; /* reads and writes that would block */
	struct story_row ends;    /* reads of end of stream */

	/* Numbers of call stacks, 0: not recorded. Where it was opened, last read, written or shut
	 * down, and where the first notes were given that a finding asks for. */
	uint32_t opened_stack, used_stack;
	uint32_t stacks[STORY_STACKS];
	uint8_t stack_notes[STORY_STACKS], stack_count;
};

/* Adds a call on the connection alone. */
void story_call(struct story *story, const struct tcpshim_event *event,
		const struct story_context *context);

/* Adds what an event's notes tell of the connection. */
void story_subject(struct story *story, const struct tcpshim_event *event,
		   const struct tcpshim_subject *subject, uint32_t stack);

/* Returns the stack of the first of these notes that has one, 0 if none has. */
uint32_t story_stack(const struct story *story, const uint8_t *notes, unsigned note_count);

#endif
