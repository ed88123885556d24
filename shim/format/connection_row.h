/*
 * history: what the events of one connection add up to, as a row of a table.
 *
 * Pure. Context: any thread, signal handler, after fork; threads may share a row. Locks: none.
 * Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_CONNECTION_ROW_H
#define FORMAT_CONNECTION_ROW_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* Who said first that nothing more comes. */
enum first_row { CONNECTION_ROW_NOBODY, CONNECTION_ROW_HERE, CONNECTION_ROW_PEER };

enum { CONNECTION_ROW_NO_NOTE = UINT16_MAX, CONNECTION_ROW_BYTES = 2048 };

struct connection_row {
	uint32_t serial;
	int32_t pid, fd;
	uint8_t role, state;
	uint8_t first;  /* enum first_row */
	uint16_t ended; /* the note that tells how, CONNECTION_ROW_NO_NOTE: not yet */
	struct tcpshim_address local, peer;
	uint64_t opened_ns; /* 0: not seen */
	uint64_t closed_ns;
	uint64_t active_ns;  /* the last call that moved bytes */
	uint64_t silence_ns; /* the longest time without one */
	uint64_t sent_bytes, received_bytes, writes, reads;
	uint64_t handshake_ns, rtt_ns, retransmits;
	struct tcpshim_notes notes; /* all that it was given */
};

void connection_row_start(struct connection_row *row, const struct tcpshim_event *event,
			  uint32_t serial);

/* Bytes that the call moved over the connection, as far as the event tells. */
uint64_t connection_row_bytes(const struct tcpshim_event *event);

/* An event whose one connection this is. */
void connection_row_call(struct connection_row *row, const struct tcpshim_event *event);

/* What the event's notes tell of it. True: nothing more comes of it. */
bool connection_row_subject(struct connection_row *row, const struct tcpshim_event *event,
			    const struct tcpshim_subject *subject);

/* The table, a line each, with its end. has_pid: of several processes. base_ns: what the times
 * count from. */
void connection_row_headings(struct strbuf *buf, bool has_pid);
void connection_row_line(struct strbuf *buf, const struct connection_row *row, bool has_pid,
			 uint64_t base_ns);
/* The same as an object. */
void connection_row_json(struct strbuf *buf, const struct connection_row *row, uint64_t base_ns);

#endif
