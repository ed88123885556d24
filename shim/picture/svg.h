/*
 * svg: one connection as a picture that a bug report can hold: its ladder, and its bytes over time.
 *
 * The picture is static: no scripts, nothing is loaded. What came from the traced program is
 * escaped.
 * Context: the command; exits if there is not enough memory. Look at ferror(to) for success.
 */
#ifndef PICTURE_SVG_H
#define PICTURE_SVG_H

#include <stdio.h>

#include "picture/drawing.h"

enum { SVG_WIDTH = 980, SVG_GRAPH_HEIGHT = 220 };

/* base_ns: 0 of the times shown. realtime_offset_ns: from the report's clock to the time of day. */
void svg_write(FILE *to, const struct picture *picture, uint64_t base_ns,
	       int64_t realtime_offset_ns);

/* Writes text for XML. It was made printable. */
void svg_text(FILE *to, const char *text, size_t size);

/* Writes the graph of the bytes over time, SVG_GRAPH_HEIGHT high, with its top at 0. */
void svg_graph(FILE *to, const struct picture *picture);

#endif
