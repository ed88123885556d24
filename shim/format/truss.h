/*
 * truss: an event as text, in the form of illumos truss -v: a line of the call, its notes indented
 * below.
 *
 * Pure: the same event and style give the same bytes, live or from a recording.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5; the
 * event's pointers must be readable (I4 is the business of whoever filled it).
 */
#ifndef FORMAT_TRUSS_H
#define FORMAT_TRUSS_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

enum truss_stamps {
	TRUSS_BASE = 1 << 0,    /* completion, since the base line */
	TRUSS_DELTA = 1 << 1,   /* since this thread's last line */
	TRUSS_ELAPSED = 1 << 2, /* inside the call */
	TRUSS_UTC = 1 << 3      /* RFC 3339, microseconds */
};

/* Appends the name of what is at the address. Async-signal-safe where it is used live. */
typedef void truss_symbol(struct strbuf *buf, uint64_t address);

struct truss_style {
	unsigned stamps; /* enum truss_stamps */
	/* payload shown: 0 a pointer only, 12 in the line, more in rows below */
	uint64_t data_bytes;
	uint8_t least_severity; /* of notes; SEVERITY_NONE: no notes */
	bool has_colour;
	/* The name of an address: "/usr/bin/nc(main+0x2a3)". NULL: the address alone. */
	truss_symbol *symbol;
};

enum { TRUSS_FRAME_BYTES = 384 }; /* one frame of a stack as text, at most */

/* "/usr/bin/nc(main+0x2a3) [0x5d4a3]". */
void truss_frame(struct strbuf *buf, uint64_t address, const struct truss_style *style);

/* Appends the whole record: the line, rows of payload and notes, each ended by '\n'. */
void truss_event(struct strbuf *buf, const struct tcpshim_event *event,
		 const struct truss_style *style);

/* Returns how many bytes truss_event needs at most for the event. */
size_t truss_event_bound(const struct tcpshim_event *event, const struct truss_style *style);

#endif
