/*
 * ladder: a connection as a conversation between two lifelines, one line after another.
 *
 * On the left is the end that was recorded, or the client if both were. The column at the left has
 * the time of a call, as a report has it. What an end's calls show is solid; what follows from them
 * for the other end and the network is dashed.
 * Pure. Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_H
#define PICTURE_LADDER_H

#include "picture/ladder_style.h"
#include "picture/picture.h"

void ladder_draw(const struct picture *picture, const struct ladder_style *style);

#endif
