/*
 * ladder_heading: what is above a ladder: what became of the connection, and who its ends are.
 *
 * Pure. Context: the command. Locks: none.
 */
#ifndef PICTURE_LADDER_HEADING_H
#define PICTURE_LADDER_HEADING_H

#include "picture/ladder_frame.h"

/* Writes a line that explains what is solid and what is dashed. */
void ladder_heading_legend(const struct ladder_style *style);

void ladder_heading_draw(struct ladder_frame *frame);

#endif
