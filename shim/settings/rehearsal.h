/*
 * rehearsal: what TCPSHIM_REHEARSE asks for, and what follows for one connection.
 *
 * Pure: converts text to settings, and settings and a connection to a decision. trace/rehearse acts
 * on it.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5. Units:
 * bytes, nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef SETTINGS_REHEARSAL_H
#define SETTINGS_REHEARSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/event.h"

enum rehearsal_place { REHEARSAL_OPEN, REHEARSAL_CONNECT };

enum rehearsal_deed {
	REHEARSAL_CUT,    /* an open connection becomes mute and deaf */
	REHEARSAL_END,    /* the program reads end of stream */
	REHEARSAL_CLOSE,  /* the same, and it becomes mute and deaf */
	REHEARSAL_MUTE,   /* a connect gets no answer */
	REHEARSAL_REFUSE, /* a connect is refused */
	REHEARSAL_SLOW,   /* what is sent is paced */
};

enum rehearsal_sequel { REHEARSAL_NOTHING, REHEARSAL_RESET };
enum rehearsal_later { REHEARSAL_ANSWERED, REHEARSAL_UNANSWERED };

struct scenario_row {
	const char *word, *meaning;
	uint8_t place, deed, sequel, later;
};
extern const struct scenario_row scenario_rows[SCENARIO_COUNT];

/* When it happens to a connection. */
enum rehearsal_trigger {
	REHEARSAL_AT_ONCE,    /* when it is open, or at the connect */
	REHEARSAL_AFTER,      /* that long after it was opened; of connects: after tracing began */
	REHEARSAL_AT_WRITE,   /* before the nth call that writes */
	REHEARSAL_AT_READ,    /* before the nth call that reads */
	REHEARSAL_AT_ACCEPT,  /* when it is open, only on the nth that the process accepts */
	REHEARSAL_AT_CONNECT, /* the same of the nth that the process makes */
	REHEARSAL_IDLE,       /* when nothing has moved for that long */
};

/* By which means a connection is cut. */
enum rehearsal_means { REHEARSAL_BY_ANY, REHEARSAL_BY_MD5, REHEARSAL_BY_DEAF };

/* The settings. All zero: nothing is rehearsed. */
struct rehearsal {
	bool is_on;
	uint8_t scenario; /* enum tcpshim_scenario */
	uint8_t trigger, means;
	bool has_choice;    /* every or share was given: each connection is decided by itself */
	uint32_t number;    /* of the call, accept or connect, from 1 */
	uint32_t every;     /* of so many connections, the last; 0: not given */
	uint32_t share;     /* percent of the connections; 0: not given */
	uint64_t seed;      /* of the share */
	uint64_t delay_ns;  /* REHEARSAL_AFTER, REHEARSAL_IDLE */
	uint64_t length_ns; /* 0: to the end */
	uint64_t rate;      /* bytes a second */
};

/* Reads a value of TCPSHIM_REHEARSE. If it is not understood, returns false and changes nothing. */
bool rehearsal_read(struct rehearsal *rehearsal, const char *value);

static inline const struct scenario_row *rehearsal_scenario(const struct rehearsal *rehearsal)
{
	return &scenario_rows[rehearsal->scenario];
}

/* Returns whether the scenario cuts a connection off from its peer. */
static inline bool rehearsal_has_cut(const struct scenario_row *row)
{
	return row->deed == REHEARSAL_CUT || row->deed == REHEARSAL_CLOSE ||
	       row->deed == REHEARSAL_MUTE;
}

/* A connection, or a connect, that the rehearsal may concern. */
struct rehearsal_candidate {
	uint8_t role;        /* enum tcpshim_role: client or server */
	uint32_t number;     /* among the process's connections of both roles, from 1 */
	uint32_t accepted;   /* among those that it accepted */
	uint32_t made;       /* among those that it made */
	bool is_peer_failed; /* the rehearsal has acted on an earlier connection to this peer */
};

/* Returns whether the rehearsal chooses it. A peer fails once: without a choice, what is opened to
 * it afterwards is not chosen. */
bool rehearsal_chooses(const struct rehearsal *rehearsal,
		       const struct rehearsal_candidate *candidate);

/* Returns when it is due on a connection that was chosen; UINT64_MAX: not by time. active_ns: when
 * something moved last. */
uint64_t rehearsal_due_ns(const struct rehearsal *rehearsal, uint64_t opened_ns,
			  uint64_t active_ns);

/* Returns whether it is due before a call that reads or writes, after so many calls that did. */
bool rehearsal_is_due_at(const struct rehearsal *rehearsal, bool is_write, uint32_t calls_before);

/* Returns when what began at this time ends; UINT64_MAX: not by itself. */
uint64_t rehearsal_end_ns(const struct rehearsal *rehearsal, uint64_t start_ns);

/* Returns from when on connects are rehearsed. base_ns: when tracing began. */
uint64_t rehearsal_connects_ns(const struct rehearsal *rehearsal, uint64_t base_ns);

/* Returns whether connects are rehearsed at this time. */
bool rehearsal_is_time(const struct rehearsal *rehearsal, uint64_t base_ns, uint64_t now_ns);

#endif
