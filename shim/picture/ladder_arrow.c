#include "picture/ladder_arrow.h"

#include "picture/ladder_text.h"

/* --- Labels. --- */

/* Appends what goes over the line, in at most so many columns. */
static void append_label(struct strbuf *buf, const struct ladder_row *row, size_t most)
{
	static const char *const names[] = {
		[LADDER_SYN] = "SYN",
		[LADDER_SYN_ACK] = "SYN, ACK",
		[LADDER_HANDSHAKE] = "handshake",
		[LADDER_FIN] = "FIN",
		[LADDER_RST] = "RST",
	};

	if (row->arrow != LADDER_DATA) {
		strbuf_string(buf, names[row->arrow]);
		return;
	}
	strbuf_count(buf, row->bytes, "byte");
	if (row->count > 1) {
		strbuf_string(buf, " in ");
		strbuf_unsigned(buf, row->count);
	} else if (buf->size + 1 < most) {
		strbuf_char(buf, ' ');
		ladder_text_payload(buf, row->moment, most - buf->size);
	}
	while (buf->size > 0 && buf->text[buf->size - 1] == ' ')
		buf->size--;
}

/* Puts the label into the middle of the columns from to to, which are drawn. */
static void put_label(struct ladder_frame *frame, const struct ladder_row *row, size_t from,
		      size_t to)
{
	char text[LADDER_TEXT_BYTES];
	struct strbuf buf;
	size_t most = to - from > 5 ? to - from - 5 : 0, at;

	strbuf_init(&buf, text, sizeof(text) < most ? sizeof(text) : most);
	append_label(&buf, row, most);
	if (buf.size == 0)
		return;
	at = from + (to - from - buf.size) / 2;
	ladder_line_put(&frame->line, at - 1, ' ');
	at = ladder_line_text(&frame->line, at, to, text, buf.size);
	ladder_line_put(&frame->line, at, ' ');
}

/* --- Lines. --- */

static bool is_on_its_way(const struct ladder_frame *frame, size_t column)
{
	return frame->line.cells[column] == GLYPH_BAR;
}

static bool is_arriving(const struct ladder_frame *frame, size_t column)
{
	uint32_t glyph = frame->line.cells[column];

	return glyph == GLYPH_UP_LEFT || glyph == GLYPH_UP_RIGHT || glyph == GLYPH_UP;
}

/* Draws over the columns from to to, without crossing out what is on its way. */
static void draw_part(struct ladder_frame *frame, size_t from, size_t to, bool is_seen)
{
	for (size_t i = from; i < to; i++)
		if (is_on_its_way(frame, i))
			ladder_line_put(&frame->line, i, GLYPH_CROSS);
		else if (is_arriving(frame, i))
			ladder_line_put(&frame->line, i, GLYPH_UP);
		else
			ladder_line_put(&frame->line, i, is_seen ? GLYPH_LINE : GLYPH_DASH);
}

/* Draws a line between the lifelines, each half as it is known. */
static void draw_line(struct ladder_frame *frame, const struct ladder_row *row, size_t from,
		      size_t to)
{
	size_t middle = (from + to) / 2;
	bool is_rightwards = row->from == LADDER_OURS;

	draw_part(frame, from, middle, is_rightwards ? row->is_start_seen : row->is_arrival_seen);
	draw_part(frame, middle, to, is_rightwards ? row->is_arrival_seen : row->is_start_seen);
}

static void put_head(struct ladder_frame *frame, unsigned from_side, bool is_seen)
{
	if (from_side == LADDER_OURS)
		ladder_line_put(&frame->line, frame->column[LADDER_THEIRS] - 1,
				is_seen ? GLYPH_RIGHT : GLYPH_RIGHT_INFERRED);
	else
		ladder_line_put(&frame->line, frame->column[LADDER_OURS] + 1,
				is_seen ? GLYPH_LEFT : GLYPH_LEFT_INFERRED);
}

/* Draws the arrow from lifeline to lifeline. */
static void draw_whole(struct ladder_frame *frame, const struct ladder_row *row)
{
	size_t from = frame->column[LADDER_OURS] + 1, to = frame->column[LADDER_THEIRS];
	bool is_rightwards = row->from == LADDER_OURS;

	draw_line(frame, row, from, to);
	put_label(frame, row, from, to);
	put_head(frame, row->from, row->is_arrival_seen);
	if (row->arrow == LADDER_HANDSHAKE)
		put_head(frame, !row->from, row->is_start_seen);
	if (row->bytes > 0 && row->lost_bytes == row->bytes)
		ladder_line_put(&frame->line, is_rightwards ? to - 1 : from, GLYPH_LOST);
}

static struct ladder_lane *find_free(struct ladder_frame *frame, unsigned side)
{
	for (size_t i = 0; i < LADDER_LANES; i++)
		if (frame->lanes[side][i].arrives == 0)
			return &frame->lanes[side][i];
	return NULL;
}

/* Draws the arrow as far as a lane, in which it goes down. */
static void draw_start(struct ladder_frame *frame, const struct ladder_row *row)
{
	struct ladder_lane *lane = find_free(frame, row->from);
	bool is_rightwards = row->from == LADDER_OURS;
	size_t from, to;

	if (!lane) {
		draw_whole(frame, row);
		return;
	}
	lane->arrives = row->arrives;
	from = is_rightwards ? frame->column[LADDER_OURS] + 1 : lane->column + 1;
	to = is_rightwards ? lane->column : frame->column[LADDER_THEIRS];
	draw_part(frame, from, to, true);
	put_label(frame, row, from, to);
	ladder_line_put(&frame->line, lane->column,
			is_rightwards ? GLYPH_DOWN_LEFT : GLYPH_DOWN_RIGHT);
}

/* Draws the ends of the arrows from a side that arrive in these rows. */
static void draw_arrivals(struct ladder_frame *frame, unsigned side, uint32_t first, uint32_t last)
{
	bool is_rightwards = side == LADDER_OURS, is_farthest = true;

	for (size_t i = LADDER_LANES; i-- > 0;) {
		struct ladder_lane *lane = &frame->lanes[side][i];
		size_t column = lane->column;

		if (lane->arrives == 0 || lane->arrives < first || lane->arrives > last)
			continue;
		lane->arrives = 0;
		ladder_line_put(&frame->line, column,
				!is_farthest    ? GLYPH_UP
				: is_rightwards ? GLYPH_UP_RIGHT
						: GLYPH_UP_LEFT);
		if (is_farthest && is_rightwards)
			draw_part(frame, column + 1, frame->column[LADDER_THEIRS], true);
		else if (is_farthest)
			draw_part(frame, frame->column[LADDER_OURS] + 1, column, true);
		is_farthest = false;
	}
	if (!is_farthest)
		put_head(frame, side, true);
}

/* Draws that a read took more of what another arrow brought. */
static void draw_rest(struct ladder_frame *frame, const struct ladder_row *row)
{
	size_t left = frame->column[LADDER_OURS], right = frame->column[LADDER_THEIRS];
	char text[LADDER_TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_count(&buf, row->bytes, "more byte");
	if (row->from == LADDER_OURS) {
		draw_part(frame, right - 3, right, true);
		ladder_line_text(&frame->line, right - 4 - buf.size, right - 4, text, buf.size);
	} else {
		draw_part(frame, left + 1, left + 4, true);
		ladder_line_text(&frame->line, left + 5, right - 1, text, buf.size);
	}
	put_head(frame, row->from, true);
}

void ladder_arrow_draw(struct ladder_frame *frame, const struct ladder_row *row, uint32_t first,
		       uint32_t last)
{
	for (unsigned side = 0; side < LADDER_SIDES; side++)
		draw_arrivals(frame, side, first, last);
	if (row->arrow == LADDER_NO_ARROW)
		return;
	if (row->is_rest)
		draw_rest(frame, row);
	else if (row->arrives != LADDER_NOWHERE)
		draw_start(frame, row);
	else
		draw_whole(frame, row);
}
