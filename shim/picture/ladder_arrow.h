/*
 * ladder_arrow: draws the arrows of a row into the line of a ladder.
 *
 * Pure. Context: the command. Locks: none.
 */
#ifndef PICTURE_LADDER_ARROW_H
#define PICTURE_LADDER_ARROW_H

#include "picture/ladder_frame.h"

/* Draws the arrows that arrive in the rows number first to last, which are drawn as one line, and
 * the one that starts in row. */
void ladder_arrow_draw(struct ladder_frame *frame, const struct ladder_row *row, uint32_t first,
		       uint32_t last);

#endif
