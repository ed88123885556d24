/*
 * ladder_row: the rows of a ladder: what happened on one connection, in the order of time, at the
 * end where it happened, with the arrow that it sent to the other end.
 *
 * Data, and a list of it. Owns the list, not the moments. Times are nanoseconds of the report's
 * clock, those of their end too.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_ROW_H
#define PICTURE_LADDER_ROW_H

#include "picture/picture.h"

enum ladder_side { LADDER_OURS, LADDER_THEIRS, LADDER_SIDES };

enum ladder_kind {
	LADDER_CALL,     /* count calls that look the same; moment: the first of them */
	LADDER_BEGIN,    /* a connect began; moment: it, which returns in a later row */
	LADDER_WIRE,     /* the arrow alone */
	LADDER_SILENCE,  /* nothing for number nanoseconds */
	LADDER_LEFT_OUT, /* number calls were not kept */
	LADDER_REPEAT,   /* the number rows above happened count times more, until last_ns */
	LADDER_END       /* the recording ends, and the connection is open */
};

enum ladder_arrow {
	LADDER_NO_ARROW,
	LADDER_DATA,
	LADDER_SYN,
	LADDER_SYN_ACK,
	LADDER_HANDSHAKE, /* all of it, before an accept */
	LADDER_FIN,
	LADDER_RST
};

enum { LADDER_NOWHERE = UINT32_MAX };

struct ladder_row {
	uint64_t time_ns, last_ns; /* last_ns: of the last of count calls */
	const struct moment *moment;
	uint64_t count, number;
	uint64_t position, bytes; /* of the data that it moved */
	uint64_t lost_bytes;      /* the last ones of bytes: never read, or never acknowledged */
	uint64_t sent[LADDER_SIDES], received[LADDER_SIDES]; /* LADDER_REPEAT: bytes, by side */
	/* The row in which the arrow arrives: LADDER_NOWHERE: in this row, or not known. */
	uint32_t arrives;
	uint8_t kind, side, arrow;
	uint8_t from;  /* enum ladder_side: where the arrow starts */
	uint8_t state; /* enum tcpshim_tcp_state of its side, if has_state: it changed */
	bool has_state;
	bool is_start_seen, is_arrival_seen; /* by a call of that end; else it is inferred */
	bool is_bound;                       /* it happened then, or earlier */
	bool is_rest;    /* a read of more of what an arrow brought that arrived before */
	bool is_target;  /* arrows of other rows arrive in it */
	bool is_options; /* the count calls are various ones of options and addresses */
	bool has_notes;
};

struct ladder_rows {
	struct ladder_row *list;
	size_t count, capacity;
	/* The bytes of both ends are counted from the first one of the connection. */
	bool is_matched;
};

/* Appends a copy, and returns it. It moves when the next one is appended. */
struct ladder_row *ladder_rows_add(struct ladder_rows *rows, const struct ladder_row *row);

void ladder_rows_free(struct ladder_rows *rows);

#endif
