/*
 * verdict: what a program did on one connection on which a failure was rehearsed.
 *
 * Pure. Filled from the events of the connection, in the order of time. Times and durations are
 * nanoseconds of the recording's clock; 0: not seen.
 */
#ifndef DIAGNOSE_VERDICT_H
#define DIAGNOSE_VERDICT_H

#include "format/connection_row.h"

/* By what the program shows that it knows. */
enum verdict_notice {
	VERDICT_NOT_NOTICED,
	VERDICT_BY_ERROR, /* a call returned it */
	VERDICT_BY_END,   /* read = 0 */
	VERDICT_BY_CLOSE, /* it closed or shut down the connection itself */
	VERDICT_BY_EXIT,  /* it ended by itself */
};

enum { VERDICT_WRITES = 64 };

/* One write: where in the stream it begins, and a hash of what is known of its bytes. */
struct verdict_write {
	uint64_t offset, size, hash;
};

struct verdict {
	bool is_acted;   /* a failure was rehearsed on it */
	bool is_failed;  /* the kernel refused it */
	bool is_attempt; /* a connect that got no answer because the peer had failed before */
	bool is_deaf;    /* cut by the minimum TTL: the peer got what was written */
	uint8_t scenario;
	uint64_t acted_ns, healed_ns, reset_ns;
	uint64_t opened_ns; /* connected or accepted */
	uint64_t first_ns;  /* the first call on it: of a client, its socket or connect */

	uint8_t notice; /* enum verdict_notice */
	uint64_t noticed_ns;
	uint16_t call; /* that told it */
	int32_t error;
	bool is_told;     /* a wait reported the end before */
	uint64_t told_ns; /* likewise */
	uint64_t end_ns;  /* read = 0 */
	uint64_t closed_ns;
	int32_t exit_status; /* if it was still open at the end, -1: not seen */
	int32_t exit_signal; /* that ended the program, 0: none */
	int32_t fd;          /* -1: not known */
	uint64_t write_ns;   /* the last write */
	bool is_unaware; /* closed so soon after a write that it cannot have waited for anything */

	uint64_t sent_bytes;       /* in all */
	uint64_t sent_after_bytes; /* since the failure, before it was healed */
	uint64_t told_lost_bytes;  /* by a note at its death or close */
	bool has_told_lost;
	uint64_t moved_after_heal_ns;
	uint64_t first_late_ns; /* the first write while it was interrupted */

	/* The last writes that were not answered, and the first writes of all. */
	struct verdict_write unanswered[VERDICT_WRITES], first[VERDICT_WRITES];
	unsigned unanswered_count, first_count;

	uint32_t stack; /* of the wait that it was last announced to be in; 0: none */
	uint16_t waiting_call;
	bool is_waiting;
};

/* Adds a call on the connection, or one that has notes for it (subject; NULL: none). The event may
 * be announced, not returned. stack: the number of its call stack, 0: none. */
void verdict_take(struct verdict *verdict, const struct tcpshim_event *event,
		  const struct tcpshim_subject *subject, uint32_t stack);

/* Adds that the program was ended by a signal that was not the command's, at this time. */
void verdict_kill(struct verdict *verdict, int32_t signal, uint64_t time_ns);

/* Whether the failure concerns it. */
bool verdict_is_concerned(const struct verdict *verdict);

/* Whether the program has done what is asked of it: it knows of a peer that is gone, has closed a
 * connection that its peer closed, and goes on after an interruption. */
bool verdict_is_passed(const struct verdict *verdict);

/* When, since the failure; of an interruption, since it was over. 0 if it is not passed. */
uint64_t verdict_delay_ns(const struct verdict *verdict);

/* How many bytes were written and have not reached the peer. Returns false if that is not known. */
bool verdict_lost_bytes(const struct verdict *verdict, uint64_t *bytes);

/* What of the unanswered writes on old was written again on later, and how much of that the peer
 * had got before. */
struct verdict_retry {
	uint64_t bytes, duplicate_bytes;
};
struct verdict_retry verdict_retry_of(const struct verdict *old, const struct verdict *later);

#endif
