/*
 * evidence: one connection before and after one call, and the numbers that notes are based on.
 *
 * Pure. A part of the notes, in a file of its own because the numbers are computed here, once, for
 * all predicates.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5. Units:
 * bytes, nanoseconds.
 */
#ifndef CONN_EVIDENCE_H
#define CONN_EVIDENCE_H

#include "conn/conn.h"

/* A peer that has sent nothing for this long counts as idle. */
#define IDLE_NS UINT64_C(5000000000)
/* A wait of this duration is worth a note; "(sleeping...)" is shown from then on. */
#define LONG_WAIT_NS UINT64_C(1000000000)

/* The bit of conn.noted that means that the note "dead" was given; cause_find reads it. */
enum { EVIDENCE_ONCE_DEAD = 0 };

/* How a connection died. */
enum cause {
	CAUSE_NONE,
	CAUSE_RESET_FORGOT,
	CAUSE_RESET_OF_PROBE,
	CAUSE_RESET_AFTER_FIN,
	CAUSE_RESET_BY_PEER,
	CAUSE_RESET, /* which of these is not known */
	CAUSE_DESTROYED_HERE,
	CAUSE_TIMED_OUT_DATA,
	CAUSE_TIMED_OUT_USER,
	CAUSE_TIMED_OUT_KEEPALIVE,
	CAUSE_TIMED_OUT, /* which timer is not known */
	CAUSE_UNKNOWN,   /* a reset or a timeout */
};

/* Everything that a predicate reads. */
struct evidence {
	const struct conn_view *before, *after;
	const struct conn_step *step;
	const struct tcpshim_facts *facts;
	enum cause cause;
};

/* Returns the time from then to now, or 0 if then is not set. */
static inline uint64_t evidence_since(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns != 0 && now_ns > then_ns ? now_ns - then_ns : 0;
}

static inline bool evidence_is_sampled(const struct tcpinfo *info)
{
	return info->state != STATE_UNKNOWN;
}

/* Returns whether the kernel had received the peer's FIN when the connection died: it counts as one
 * byte more than there was to read. */
bool evidence_has_fin(const struct conn_view *view, const struct tcpinfo *info);

/* Computes the facts from before, after and step, and makes evidence point to them. */
void evidence_fill(struct evidence *evidence, struct tcpshim_facts *facts);

/* Returns the state that a close finds: the kernel's from just before the call, or else the last
 * known one. */
uint8_t evidence_state_at_close(const struct evidence *evidence);

#endif
