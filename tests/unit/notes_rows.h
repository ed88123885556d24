/*
 * notes_rows: the form of a history of a connection, and the steps that histories are made of.
 *
 * A history is one test: the steps of a connection in order, and for each step the notes that it
 * draws and the facts that those notes are based on.  Each notes_*.c holds the histories of one
 * section; test_notes.c plays all of them.
 */
#ifndef UNIT_NOTES_ROWS_H
#define UNIT_NOTES_ROWS_H

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "conn/conn.h"
#include "conn/notes.h"
#include "conn/state.h"
#include "format/facts.h"

enum { MOST_ACTS = 16, MOST_NUMBERS = 8 };

/* A fact, and the value that it must have. */
struct number {
	const char *name;
	size_t offset, size;
	uint64_t wanted;
};
#define IS(field, value)                                                    \
	{                                                                   \
#field, offsetof(struct tcpshim_facts, field),              \
			sizeof(((struct tcpshim_facts *)0)->field), (value) \
	}
#define MS(ms) (UINT64_C(1000000) * (ms))
#define SECONDS(s) MS(UINT64_C(1000) * (s))

/* One step: what a call did to its connection, when it returned, how long it took, and the notes
 * and facts that it must give. */
struct act {
	const char *does;
	uint64_t at_ms, took_ms;
	struct conn_step step;
	unit_notes notes;
	struct number facts[MOST_NUMBERS];
};

struct history {
	const char *name;
	bool is_healthy; /* no note may be a warning or an error */
	enum conn_kind kind;
	bool is_adopted;                               /* it was open before the library saw it */
	uint64_t acknowledged_base, sent_before_bytes; /* of an adopted one */
	struct act acts[MOST_ACTS];
};

/* The histories of one section. */
struct history_section {
	const struct history *histories;
	size_t count;
};
extern const struct history_section notes_healthy;
extern const struct history_section notes_opening;
extern const struct history_section notes_waiting;
extern const struct history_section notes_peer_fin;
extern const struct history_section notes_resets;
extern const struct history_section notes_timeouts;
extern const struct history_section notes_broken_pipe;
extern const struct history_section notes_closing;
extern const struct history_section notes_policies;
extern const struct history_section notes_rehearsed;

#define NOTE(name) UNIT_NOTE(name)

/* The fields of a step, as the calls fill them. */
#define CONNECTS .effect = EFFECT_CONNECT
#define ACCEPTS .effect = EFFECT_ACCEPT, .other_fd = -1
#define WRITES(bytes) .effect = EFFECT_WRITE, .result = (bytes)
#define READS(bytes) \
	.effect = EFFECT_READ, .result = (bytes), .asked_bytes = 1024, .is_unlimited = true
#define FAILS(what, code) .effect = EFFECT_##what, .result = -1, .error = (code)
#define POLLS(bits) .effect = EFFECT_WAIT, .result = 1, .revents = (bits), .is_unlimited = true
#define POLLS_IN_VAIN .effect = EFFECT_WAIT, .result = 0
#define SLEEPS_IN(what) .effect = EFFECT_##what, .is_sleeping = true, .is_unlimited = true
#define SHUTS(direction) .effect = EFFECT_SHUTDOWN, .how = (direction)
#define CLOSES .effect = EFFECT_CLOSE
#define ASKS_FOR_ERROR(code) .effect = EFFECT_GET_OPTION, .error = (code)
#define ENDS .effect = EFFECT_EXIT
#define DEATH_BITS (POLLIN | POLLERR | POLLHUP)

#define SETS_OPTION .effect = EFFECT_SET_OPTION
/* What policies did before the step's line; the options' values are 30 s, 10 s, 3 probes and 60 s.
 */
#define DEEDS(which) .policy = {.actions = (which), .values = {30, 10, 3, 1, 60000}}
#define DEEDS_ABOUT(which, of, code)                \
	.policy = {.actions = (which),              \
		   .values = {30, 10, 3, 1, 60000}, \
		   .option = (of),                  \
		   .error = (code)}

/* Samples of the kernel; acked includes the SYN of a client. */
#define OPEN(acked)                                                        \
	{                                                                  \
		.state = STATE_ESTABLISHED, .acknowledged_bytes = (acked), \
		.send_window_bytes = 64240                                 \
	}
#define STATE(name)                                               \
	{                                                         \
		.state = STATE_##name, .send_window_bytes = 64240 \
	}

#define A_CLIENT                                                                                   \
	{                                                                                          \
		.does = "connect", .at_ms = 3, .took_ms = 3, .step = {CONNECTS, .after = OPEN(1)}, \
		.notes = NOTE(connected),                                                          \
		.facts =                                                                           \
		{ IS(handshake_ns, MS(3)),                                                         \
		  IS(role, ROLE_CLIENT),                                                           \
		  IS(before, STATE_SYN_SENT),                                                      \
		  IS(now, STATE_ESTABLISHED) }                                                     \
	}
#define A_SERVER                                                                   \
	{                                                                          \
		.does = "accept", .at_ms = 3, .step = {ACCEPTS, .after = OPEN(0)}, \
		.notes = NOTE(accepted),                                           \
		.facts =                                                           \
		{ IS(role, ROLE_SERVER),                                           \
		  IS(now, STATE_ESTABLISHED) }                                     \
	}
#define A_WRITE(ms, bytes)                                                \
	{                                                                 \
		.does = "write", .at_ms = (ms), .step = { WRITES(bytes) } \
	}
#define THE_PEERS_FIN(ms)                                                                          \
	{                                                                                          \
		.does = "read = 0", .at_ms = (ms), .step = {READS(0), .after = STATE(CLOSE_WAIT)}, \
		.notes = NOTE(peer_fin),                                                           \
		.facts =                                                                           \
		{ IS(now, STATE_CLOSE_WAIT),                                                       \
		  IS(eof_count, 1) }                                                               \
	}
#define ENDED_BY_FIN(ms)                                                                       \
	{                                                                                      \
		.does = "read = 0, answered by a FIN", .at_ms = (ms),                          \
		.step = {READS(0), .after = STATE(CLOSE_WAIT),                                 \
			 .policy_end = POLICY_ACTION_SENT_FIN, DEEDS(POLICY_ACTION_SENT_FIN)}, \
		.notes = NOTE(peer_fin) | NOTE(policy_closed_on_eof),                          \
		.facts =                                                                       \
		{ IS(before, STATE_ESTABLISHED),                                               \
		  IS(now, STATE_CLOSE_WAIT),                                                   \
		  IS(eof_count, 1),                                                            \
		  IS(lost_bytes, 0) }                                                          \
	}
#define ENDED_BY_RST(ms, acked, unacknowledged)                                                \
	{                                                                                      \
		.does = "read = 0, answered by a reset", .at_ms = (ms),                        \
		.step = {READS(0),                                                             \
			 .after = {.state = STATE_CLOSE_WAIT,                                  \
				   .acknowledged_bytes = (acked),                              \
				   .send_window_bytes = 64240},                                \
			 .policy_end = POLICY_ACTION_SENT_RST, DEEDS(POLICY_ACTION_SENT_RST)}, \
		.notes = NOTE(peer_fin) | NOTE(policy_aborted_on_eof),                         \
		.facts =                                                                       \
		{ IS(before, STATE_ESTABLISHED),                                               \
		  IS(now, STATE_CLOSE_WAIT),                                                   \
		  IS(eof_count, 1),                                                            \
		  IS(outstanding_bytes, (unacknowledged)) }                                    \
	}
#define OWN_FIN(ms)                                                                             \
	{                                                                                       \
		.does = "shutdown(SHUT_WR)", .at_ms = (ms),                                     \
		.step = {SHUTS(SHUT_WR), .before = STATE(ESTABLISHED)}, .notes = NOTE(own_fin), \
		.facts =                                                                        \
		{ IS(before, STATE_ESTABLISHED),                                                \
		  IS(now, STATE_FIN_WAIT_1) }                                                   \
	}
#define A_RESET(ms)                                                       \
	{                                                                 \
		.does = "read ECONNRESET", .at_ms = (ms),                 \
		.step = {FAILS(READ, ECONNRESET), .after = STATE(CLOSE)}, \
		.notes = NOTE(reset_by_peer),                             \
		.facts =                                                  \
		{ IS(reported, REPORTED_AS_ERROR),                        \
		  IS(now, STATE_CLOSE) }                                  \
	}

#endif
