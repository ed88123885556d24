/*
 * ladder_frame: where things are in a ladder: the column of times, the two lifelines, and between
 * them the arrows that are on their way.
 *
 * Pure. Context: the command. Locks: none.
 */
#ifndef PICTURE_LADDER_FRAME_H
#define PICTURE_LADDER_FRAME_H

#include "picture/ladder_line.h"
#include "picture/ladder_row.h"
#include "picture/ladder_style.h"

enum { LADDER_LANES = 3 };

/* An arrow from one end goes down in a column of its own until its row comes. */
struct ladder_lane {
	uint32_t arrives; /* 0: free */
	size_t column;
};

struct ladder_frame {
	const struct picture *picture;
	const struct ladder_style *style;
	size_t width;
	size_t text;                 /* after the column of times */
	size_t column[LADDER_SIDES]; /* of the lifelines */
	uint8_t state[LADDER_SIDES]; /* enum tcpshim_tcp_state */
	bool has_pid[LADDER_SIDES];  /* its calls are shown with their processes */
	bool is_over[LADDER_SIDES];  /* its recording has ended */
	struct ladder_lane lanes[LADDER_SIDES][LADDER_LANES]; /* by where they start */
	struct ladder_line line;                              /* that is being drawn */
};

/* Starts with a connection in no known state. most_ns: the latest time. */
void ladder_frame_start(struct ladder_frame *frame, const struct picture *picture,
			const struct ladder_style *style, uint64_t most_ns);

/* Begins a line: the lifelines, and the arrows on their way. */
void ladder_frame_begin(struct ladder_frame *frame);

/* Puts a time into the line. */
void ladder_frame_stamp(struct ladder_frame *frame, uint64_t time_ns);

/* Puts text into the line, at its end's side of the lifeline. */
void ladder_frame_beside(struct ladder_frame *frame, enum ladder_side side, const char *text,
			 size_t size);

/* Writes the line. */
void ladder_frame_end(struct ladder_frame *frame);

/* Writes text as lines, broken at blanks, of one end: on its side of the other end's lifeline.
 * mark: before the first line. colour: NULL, or of the text. */
void ladder_frame_paragraph(struct ladder_frame *frame, enum ladder_side side, const char *mark,
			    const char *text, size_t size, const char *colour);

/* Writes text as lines over the whole width, above the lifelines. */
void ladder_frame_heading(struct ladder_frame *frame, const char *text, size_t size);

/* Writes text in the middle, between dashes or waves: '~'. */
void ladder_frame_across(struct ladder_frame *frame, char fill, const char *text, size_t size);

#endif
