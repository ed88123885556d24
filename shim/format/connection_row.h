/*
 * connection_row: what the events of one connection add up to: one row of the table of
 * connections. The formats write it (format.h), with the numbers of connection_number.h.
 *
 * Pure. Times and durations are nanoseconds.
 * Context: any thread, signal handler, after fork; threads may share a row. Locks: none. Errno:
 * untouched. Keeps I5.
 */
#ifndef FORMAT_CONNECTION_ROW_H
#define FORMAT_CONNECTION_ROW_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* Who said first that nothing more comes. */
enum first_end { FIRST_END_NOBODY, FIRST_END_HERE, FIRST_END_PEER };

enum { CONNECTION_ROW_NO_NOTE = UINT16_MAX, CONNECTION_ROW_PIDS = 8 };

struct connection_row {
	uint32_t serial;
	int32_t pid, fd;
	/* The processes that were seen to have it, in the order in which they were, as far as there
	 * is room; 0: pid only. */
	uint32_t process_count;
	int32_t pids[CONNECTION_ROW_PIDS];
	uint8_t role, state;
	uint8_t first;          /* enum first_end */
	bool is_told_closed;    /* a note reports its close */
	bool has_gaps;          /* calls on it may be missing in the recording */
	bool is_restarted;      /* the sums are those of a part of the trace */
	bool is_sampled;        /* the kernel was asked about it */
	bool is_adopted;        /* it was open before the trace began */
	bool is_opening_missed; /* the recording shows only how old it was */
	uint16_t ended;         /* the note that tells how, CONNECTION_ROW_NO_NOTE: not yet */
	uint32_t more_fds;      /* descriptors beside the first, made by dup */
	struct tcpshim_address local, peer;
	/* Aligned to 8 bytes on i386 too: a locked operation on two cache lines may be fatal. */
	uint64_t opened_ns __attribute__((aligned(8))); /* 0: not seen */
	uint64_t closed_ns;  /* closed, or the end of its process; 0: not seen */
	uint64_t first_ns;   /* the first call on it that was seen */
	uint64_t seen_ns;    /* it was open until then, or longer */
	uint64_t active_ns;  /* the last call that moved bytes */
	uint64_t silence_ns; /* the longest time between two of them */
	uint64_t sent_bytes, received_bytes, writes, reads; /* of the calls that were seen */
	uint64_t sent_told, received_told;                  /* totals in the facts of its notes */
	uint64_t unread_bytes; /* when it was closed, as far as known */
	uint64_t handshake_ns, rtt_ns, retransmits;
	struct tcpshim_notes notes; /* all that it was given */
	int64_t realtime_offset_ns; /* time of day minus these times */
	const char *program;        /* of its process */
	const char *attributes;     /* likewise (attributes.h); NULL: none */
};

/* Starts the row of the connection with this serial number. */
void connection_row_start(struct connection_row *row, const struct tcpshim_event *event,
			  uint32_t serial);

/* Returns the bytes that the call moved over the connection, as far as the event shows. */
uint64_t connection_row_bytes(const struct tcpshim_event *event);

/* Returns whether the call left the bytes that it read where they were. */
bool connection_row_is_peek(const struct tcpshim_event *event);

/* Adds an event whose only connection this is. */
void connection_row_call(struct connection_row *row, const struct tcpshim_event *event);

/* Adds what an event's notes report about the connection. Returns true if the connection is over:
 * no further event belongs to it. */
bool connection_row_subject(struct connection_row *row, const struct tcpshim_event *event,
			    const struct tcpshim_subject *subject);

/* --- A connection that several processes have. --- */

/* Adds a process. */
void connection_row_add_process(struct connection_row *row, int32_t pid);

/* After the notes of a further process: takes back what they say of the opening. before: the row
 * before them. */
void connection_row_keep_opening(struct connection_row *row, const struct connection_row *before);

/* After a close: takes it back, because another process has the connection open. before: likewise.
 */
void connection_row_keep_open(struct connection_row *row, const struct connection_row *before);

/* Takes back the close that was seen last, if another process may have had the connection after it:
 * one has. */
void connection_row_go_on(struct connection_row *row);

/* Adds that every process that was seen to have it has closed it, or has ended: the last of these
 * was its end. */
void connection_row_end_shared(struct connection_row *row);

/* Returns whether a process of which there is no recording may have had the connection too. */
bool connection_row_is_maybe_shared(const struct connection_row *row);

/* Begins the sums anew: they are those from now_ns on. What the connection is stays known. */
void connection_row_restart(struct connection_row *row, uint64_t now_ns);

/* Adds that a connection without a close was open until end_ns. is_over: its process ended then. */
void connection_row_leave(struct connection_row *row, uint64_t end_ns, bool is_over);

/* Returns whether the row is of a listener that its process inherited and closed: no more than
 * leftovers of its parent's. */
bool connection_row_is_leftover(const struct connection_row *row);

/* Returns the time of day at which the connection was opened, or else first seen. */
int64_t connection_row_realtime_ns(const struct connection_row *row);

/* Return words for the table, "-" if not known: client, server, listener; here, peer; how it ended,
 * or the state it is in. */
const char *connection_row_role(const struct connection_row *row);
const char *connection_row_first(const struct connection_row *row);
const char *connection_row_ended(const struct connection_row *row);

/* Returns whether the row has this note, and no earlier note with the same id. */
bool connection_row_shows_note(const struct connection_row *row, unsigned note);

#endif
