/*
 * drawing: where the parts of a ladder are: one row per call, arrows for what went over the wire.
 *
 * Two lifelines: side 0 is this end, side 1 the peer. y is in pixels and grows with time, but not
 * at a constant rate: each call has a row, and silence takes little room. page/ladder.js draws the
 * same in a browser.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef PICTURE_DRAWING_H
#define PICTURE_DRAWING_H

#include "picture/picture.h"

enum {
	DRAWING_ROW = 20,
	DRAWING_SILENCE = 30,
	DRAWING_SLANT = 9,
	DRAWING_HANDSHAKE = 18,
	DRAWING_NOTE = 7,
	DRAWING_FEWEST = 4
};

struct drawing_row {
	const struct moment *moment; /* NULL: calls are left out here */
	uint8_t side;
	uint64_t time_ns;    /* by the clock of side 0 */
	uint64_t silence_ns; /* before it; 0: none that is shown */
	uint64_t others; /* further calls like it that this row stands for, or that are left out */
	uint64_t position, bytes; /* of all of them */
	int y;
};

enum drawing_what { DRAWING_DATA, DRAWING_SYN, DRAWING_SYN_ACK, DRAWING_FIN, DRAWING_RST };

struct drawing_arrow {
	uint8_t what; /* enum drawing_what */
	uint8_t from; /* side */
	bool is_inferred, is_lost;
	int from_y, to_y;
	uint64_t bytes;
};

struct drawing {
	const struct picture *picture;
	struct drawing_row *rows;
	size_t row_count;
	struct drawing_arrow *arrows;
	size_t arrow_count;
	int height;
};

void drawing_make(struct drawing *drawing, const struct picture *picture);
void drawing_free(struct drawing *drawing);

/* Returns where a time, by the clock of side 0, is. */
int drawing_y(const struct drawing *drawing, uint64_t time_ns);

/* Returns the end at a side, NULL if it was not recorded. */
const struct picture_end *drawing_end(const struct picture *picture, unsigned side);

/* Returns a time of an end by the clock of side 0. */
uint64_t drawing_time(const struct picture *picture, unsigned side, uint64_t time_ns);

/* Adds the arrows, once the rows have their places. */
void drawing_arrows(struct drawing *drawing);

#endif
