/*
 * wire: which segments a moment tells of: SYN, FIN and RST, of either side.
 *
 * A program does not see segments. That one was sent or came is concluded from what the kernel
 * said at that call.
 * Pure. Context: the command. Locks: none.
 */
#ifndef PICTURE_WIRE_H
#define PICTURE_WIRE_H

#include "picture/chronicle.h"

/* page/timeline.js and page/ladder.js have the same numbers. */
enum wire_sign {
	WIRE_SYN_SENT = 1 << 0,
	WIRE_CONNECTED = 1 << 1, /* the handshake is complete, seen from the side that began it */
	WIRE_ACCEPTED = 1 << 2,  /* the same, seen from the other side */
	WIRE_FIN_SENT = 1 << 3,
	WIRE_FIN_RECEIVED = 1 << 4,
	WIRE_RST_SENT = 1 << 5,
	WIRE_RST_RECEIVED = 1 << 6,
	WIRE_GAVE_UP = 1 << 7, /* the kernel, after no answer */
	WIRE_LOST = 1 << 8,    /* bytes written before were never acknowledged */
};

/* Returns the signs of a moment (enum wire_sign). Each of several moments may tell of the same FIN.
 */
unsigned wire_signs(const struct moment *moment);

/* Returns when the moment had its effect: a short call that sends does so as it begins, since the
 * peer may read before it returns; any other call when it returned. */
uint64_t wire_time_ns(const struct moment *moment);

/* Returns when the peer's FIN arrived before the moment, 0 if that is not known. The kernel counts
 * in ticks: what is shorter than one is taken as the moment itself. */
uint64_t wire_fin_ns(const struct moment *moment);

/* Returns a moment's severity: that of its worst note (enum tcpshim_severity), SEVERITY_NONE if it
 * has none. */
unsigned wire_severity(const struct tcpshim_notes *notes);

#endif
