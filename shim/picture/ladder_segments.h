/*
 * ladder_segments: what a call of an end tells of the segments that were sent and received: data,
 * the handshake, FIN and RST.
 *
 * Pure.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_SEGMENTS_H
#define PICTURE_LADDER_SEGMENTS_H

#include "picture/ladder_row.h"

/* What is known of an end, from call to call. */
struct ladder_end {
	struct ladder_rows *rows;
	const struct picture_end *end;
	int64_t offset_ns;   /* is added to its times */
	uint8_t side, state; /* enum ladder_side; enum tcpshim_tcp_state */
	bool is_syn_sent, is_open, is_fin_sent, is_fin_seen, is_reset;
};

/* Returns a time of the end in the report's clock. */
uint64_t ladder_segments_time(const struct ladder_end *end, uint64_t time_ns);

/* Starts a row of the moment, which happens when it returned. */
struct ladder_row ladder_segments_row(const struct ladder_end *end, const struct moment *moment);

/* Adds a change of state to the row, unless it is the state already. */
void ladder_segments_state(struct ladder_end *end, struct ladder_row *row, uint8_t state);

/* Gives the row the arrow of its moment, and its state. Appends rows for what happened before: a
 * SYN that was sent when the call began, a FIN that arrived before it was read. */
void ladder_segments_take(struct ladder_end *end, struct ladder_row *row);

#endif
