#include "picture/ladder_frame.h"

enum { STAMP_BYTES = 32, LEAST_STAMP = 7 };

/* --- Where things are. --- */

static void place(struct ladder_frame *frame, size_t stamp_width)
{
	size_t more = frame->width - LADDER_LEAST_WIDTH;

	frame->text = stamp_width + 1;
	if (frame->picture->theirs) {
		frame->column[LADDER_OURS] = frame->text + 22 + more / 3;
		frame->column[LADDER_THEIRS] = frame->width - 1 - 22 - more / 3;
	} else {
		frame->column[LADDER_OURS] = frame->text + 28 + more / 3;
		frame->column[LADDER_THEIRS] = frame->width - 1;
	}
	for (size_t i = 0; i < LADDER_LANES; i++) {
		frame->lanes[LADDER_OURS][i].column = frame->column[LADDER_THEIRS] - 3 - 2 * i;
		frame->lanes[LADDER_THEIRS][i].column = frame->column[LADDER_OURS] + 3 + 2 * i;
	}
}

void ladder_frame_start(struct ladder_frame *frame, const struct picture *picture,
			const struct ladder_style *style, uint64_t most_ns)
{
	char text[STAMP_BYTES];
	struct strbuf stamp;

	*frame = (struct ladder_frame){.picture = picture, .style = style, .width = style->width};
	if (frame->width < LADDER_LEAST_WIDTH)
		frame->width = LADDER_LEAST_WIDTH;
	if (frame->width > LADDER_LINE_MOST)
		frame->width = LADDER_LINE_MOST;
	strbuf_init(&stamp, text, sizeof(text));
	strbuf_stamp(&stamp, most_ns > style->base_ns ? most_ns - style->base_ns : 0);
	place(frame, stamp.size > LEAST_STAMP ? stamp.size : LEAST_STAMP);
}

/* --- Lines. --- */

static uint32_t band_of(const struct ladder_frame *frame, unsigned side)
{
	const struct picture_end *end = side == LADDER_OURS ? frame->picture->ours
							    : frame->picture->theirs;

	if (frame->is_over[side] || !end)
		return GLYPH_INFERRED;
	switch (frame->state[side]) {
	case STATE_ESTABLISHED:
		return GLYPH_BAR;
	case STATE_CLOSE_WAIT:
		return GLYPH_HEAVY;
	case STATE_UNKNOWN:
		return end->row.is_adopted ? '?' : GLYPH_DOT;
	case STATE_CLOSE:
		return GLYPH_DOT;
	default:
		return GLYPH_OPENING;
	}
}

void ladder_frame_begin(struct ladder_frame *frame)
{
	ladder_line_clear(&frame->line);
	for (unsigned side = 0; side < LADDER_SIDES; side++) {
		ladder_line_put(&frame->line, frame->column[side], band_of(frame, side));
		for (size_t i = 0; i < LADDER_LANES; i++)
			if (frame->lanes[side][i].arrives != 0)
				ladder_line_put(&frame->line, frame->lanes[side][i].column,
						GLYPH_BAR);
	}
}

void ladder_frame_stamp(struct ladder_frame *frame, uint64_t time_ns)
{
	uint64_t base_ns = frame->style->base_ns;
	char text[STAMP_BYTES];
	struct strbuf stamp;

	strbuf_init(&stamp, text, sizeof(text));
	strbuf_stamp(&stamp, time_ns > base_ns ? time_ns - base_ns : 0);
	ladder_line_text(&frame->line, frame->text > stamp.size ? frame->text - 1 - stamp.size : 0,
			 frame->text, text, stamp.size);
}

void ladder_frame_beside(struct ladder_frame *frame, enum ladder_side side, const char *text,
			 size_t size)
{
	size_t columns = ladder_line_columns(text, size), from, to;

	if (side == LADDER_OURS) {
		to = frame->column[LADDER_OURS] - 1;
		from = to - frame->text > columns ? to - columns : frame->text;
	} else {
		from = frame->column[LADDER_THEIRS] + 2;
		to = frame->width;
	}
	ladder_line_text(&frame->line, from, to, text, size);
	if (columns > to - from && to > from)
		ladder_line_put(&frame->line, to - 1, frame->style->is_ascii ? '$' : 0x2026);
}

void ladder_frame_end(struct ladder_frame *frame)
{
	char text[LADDER_LINE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	ladder_line_append(&frame->line, &buf, frame->style->is_ascii);
	frame->style->line(text, buf.size, frame->style->data);
}

/* --- Text. --- */

/* Returns how much of the text fits into so many columns, whole words if one fits. */
static size_t fit(const char *text, size_t size, size_t columns)
{
	size_t end = 0, word = 0;

	if (ladder_line_columns(text, size) <= columns)
		return size;
	while (end < size && ladder_line_columns(text, end + 1) <= columns) {
		if (text[end] == ' ')
			word = end;
		end++;
	}
	if (end < size && text[end] == ' ')
		word = end;
	return word > 0 ? word : end > 0 ? end : 1;
}

static void blank(struct ladder_line *line, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		ladder_line_put(line, i, ' ');
}

void ladder_frame_paragraph(struct ladder_frame *frame, enum ladder_side side, const char *mark,
			    const char *text, size_t size, const char *colour)
{
	size_t from = side == LADDER_OURS ? frame->text : frame->column[LADDER_OURS] + 2;
	size_t to = side == LADDER_OURS ? frame->column[LADDER_THEIRS] - 1 : frame->width;
	size_t indent = from + strlen(mark) + 1;

	for (bool is_first = true; size > 0; is_first = false) {
		size_t taken = fit(text, size, to - indent), end;

		ladder_frame_begin(frame);
		blank(&frame->line, from, to);
		if (is_first)
			ladder_line_text(&frame->line, from, to, mark, strlen(mark));
		end = ladder_line_text(&frame->line, indent, to, text, taken);
		if (colour && frame->style->has_colour) {
			frame->line.colour = colour;
			frame->line.colour_from = is_first ? from : indent;
			frame->line.colour_to = end;
		}
		ladder_frame_end(frame);
		while (taken < size && text[taken] == ' ')
			taken++;
		text += taken;
		size -= taken;
	}
}

void ladder_frame_heading(struct ladder_frame *frame, const char *text, size_t size)
{
	while (size > 0) {
		size_t taken = fit(text, size, frame->width);

		ladder_line_clear(&frame->line);
		ladder_line_text(&frame->line, 0, frame->width, text, taken);
		ladder_frame_end(frame);
		while (taken < size && text[taken] == ' ')
			taken++;
		text += taken;
		size -= taken;
	}
}

void ladder_frame_across(struct ladder_frame *frame, char fill, const char *text, size_t size)
{
	size_t columns = ladder_line_columns(text, size), from, to = frame->width;

	ladder_frame_begin(frame);
	for (size_t i = frame->text; i < to; i++)
		ladder_line_put(&frame->line, i, (uint8_t)fill);
	from = (frame->column[LADDER_OURS] + frame->column[LADDER_THEIRS] + 1 - columns) / 2;
	ladder_line_put(&frame->line, from - 1, ' ');
	from = ladder_line_text(&frame->line, from, to, text, size);
	ladder_line_put(&frame->line, from, ' ');
	ladder_frame_end(frame);
}
