/*
 * ladder_end: the rows of a ladder that one recorded end gives: its calls, and what they tell of
 * segments that were sent and received.
 *
 * Pure.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_END_H
#define PICTURE_LADDER_END_H

#include "picture/ladder_row.h"

/* Appends the rows of an end, not all in the order of time. offset_ns: is added to its times. */
void ladder_end_add(struct ladder_rows *rows, const struct picture_end *end, enum ladder_side side,
		    int64_t offset_ns);

#endif
