/*
 * ladder_rows: a picture of a connection as the rows of a ladder.
 *
 * Pure.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_ROWS_H
#define PICTURE_LADDER_ROWS_H

#include "picture/ladder_row.h"

/* Makes the rows of a picture. Its moments must stay as long as they do. */
void ladder_rows_make(struct ladder_rows *rows, const struct picture *picture);

#endif
