/*
 * ladder_style: how a ladder is drawn, and where its lines go.
 *
 * Data only.
 */
#ifndef PICTURE_LADDER_STYLE_H
#define PICTURE_LADDER_STYLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LADDER_LEAST_WIDTH = 80 };

struct ladder_style {
	size_t width; /* columns; less than LADDER_LEAST_WIDTH is taken for that */
	bool is_ascii, has_colour;
	uint8_t least_severity; /* of notes; SEVERITY_NONE: no notes */
	uint64_t base_ns;       /* what the times count from */
	/* Takes one line of so many bytes, with its newline. */
	void (*line)(const char *text, size_t size, void *data);
	void *data;
};

#endif
