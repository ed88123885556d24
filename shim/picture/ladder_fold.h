/*
 * ladder_fold: makes a ladder shorter: calls that look the same become one row, what happens again
 * and again is shown once, and silence is one row.
 *
 * Pure.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_LADDER_FOLD_H
#define PICTURE_LADDER_FOLD_H

#include "picture/ladder_row.h"

/* Folds rows, which are in the order of time. */
void ladder_fold(struct ladder_rows *rows);

/* Adds a row for each time of a second or longer in which nothing happened; that a call waits is
 * nothing. Done last: the indexes of arrows are corrected. */
void ladder_add_silence(struct ladder_rows *rows);

#endif
