#include <stdlib.h>

#include "picture/drawing.h"
#include "picture/wire.h"
#include "reader/complain.h"

enum { ARROWS_PER_ROW = 3 };

/* What each side has sent so far; a FIN or RST is drawn once. */
struct seen {
	unsigned fins, resets; /* bit: side */
};

static void add(struct drawing *drawing, struct drawing_arrow arrow)
{
	if (arrow.from_y > arrow.to_y) /* as the clocks have it, it came before it was sent */
		arrow.from_y = arrow.to_y;
	drawing->arrows[drawing->arrow_count++] = arrow;
}

/* Adds an arrow whose other end nobody saw: it leaves at the row, or comes to it. */
static void add_half(struct drawing *drawing, const struct drawing_row *row, enum drawing_what what,
		     unsigned from, bool is_inferred)
{
	bool is_leaving = from == row->side;

	add(drawing, (struct drawing_arrow){
			     .what = (uint8_t)what,
			     .from = (uint8_t)from,
			     .is_inferred = is_inferred,
			     .from_y = is_leaving ? row->y : row->y - DRAWING_SLANT,
			     .to_y = is_leaving ? row->y + DRAWING_SLANT : row->y,
		     });
}

/* Returns the row of the other side that moved the byte of this position, NULL if none did. */
static const struct drawing_row *find_byte(const struct drawing *drawing, unsigned side,
					   unsigned direction, uint64_t position)
{
	for (size_t i = 0; i < drawing->row_count; i++) {
		const struct drawing_row *row = &drawing->rows[i];

		if (row->moment && row->side == side && row->moment->direction == direction &&
		    position >= row->position && position - row->position < row->bytes)
			return row;
	}
	return NULL;
}

/* Returns whether bytes of the row are among the last ones of its end, which were never
 * acknowledged. */
static bool is_lost(const struct picture_end *end, const struct drawing_row *row)
{
	uint64_t sent = end->chronicle.sent_bytes, lost = end->story.lost_bytes;

	return lost > 0 && row->position + row->bytes > sent - (lost < sent ? lost : sent);
}

static void add_sent(struct drawing *drawing, const struct drawing_row *row)
{
	const struct picture_end *end = drawing_end(drawing->picture, row->side);
	const struct picture_end *other = drawing_end(drawing->picture, !row->side);
	uint64_t last = row->position + row->bytes - 1;
	const struct drawing_row *read =
		other ? find_byte(drawing, !row->side, MOMENT_RECEIVED, last) : NULL;

	add(drawing, (struct drawing_arrow){
			     .what = DRAWING_DATA,
			     .from = row->side,
			     .is_inferred = !read,
			     .is_lost = !read && is_lost(end, row),
			     .from_y = row->y,
			     .to_y = read ? read->y : row->y + DRAWING_SLANT,
			     .bytes = row->bytes,
		     });
}

/* Adds what was read, unless the other end's write has the arrow. */
static void add_received(struct drawing *drawing, const struct drawing_row *row)
{
	const struct drawing_row *sent = NULL;
	uint64_t last = row->position + row->bytes - 1;

	if (drawing_end(drawing->picture, !row->side))
		sent = find_byte(drawing, !row->side, MOMENT_SENT, last);
	if (sent && sent->position + sent->bytes - 1 == last)
		return;
	add(drawing, (struct drawing_arrow){
			     .what = DRAWING_DATA,
			     .from = !row->side,
			     .from_y = sent ? sent->y : row->y - DRAWING_SLANT,
			     .to_y = row->y,
			     .bytes = row->bytes,
		     });
}

/* Returns where the other side sent its FIN or RST, as its own calls tell; -1 if none does. */
static int sender_y(const struct drawing *drawing, const struct drawing_row *row, unsigned sign)
{
	for (size_t i = 0; i < drawing->row_count; i++)
		if (drawing->rows[i].moment && drawing->rows[i].side != row->side &&
		    (wire_signs(drawing->rows[i].moment) & sign))
			return drawing->rows[i].y;
	return -1;
}

static void add_fin(struct drawing *drawing, const struct drawing_row *row)
{
	const struct moment *moment = row->moment;
	int from_y = sender_y(drawing, row, WIRE_FIN_SENT), to_y = row->y;

	if (wire_fin_ns(moment) != 0)
		to_y = drawing_y(drawing,
				 drawing_time(drawing->picture, row->side, wire_fin_ns(moment)));
	add(drawing, (struct drawing_arrow){
			     .what = DRAWING_FIN,
			     .from = !row->side,
			     .is_inferred = moment->fin_time == FIN_ARRIVED_BEFORE,
			     .from_y = from_y >= 0 ? from_y : to_y - DRAWING_SLANT,
			     .to_y = to_y,
		     });
}

static bool is_first(unsigned *seen, unsigned side)
{
	bool is_new = !(*seen & 1U << side);

	*seen |= 1U << side;
	return is_new;
}

static bool has_other(const struct drawing *drawing, const struct drawing_row *row)
{
	return drawing_end(drawing->picture, !row->side) != NULL;
}

static void add_opening(struct drawing *drawing, const struct drawing_row *row, unsigned signs)
{
	if (signs & WIRE_SYN_SENT)
		add_half(drawing, row, DRAWING_SYN, row->side, true);
	if ((signs & WIRE_SYN_SENT) && (signs & WIRE_CONNECTED)) { /* before its answer */
		drawing->arrows[drawing->arrow_count - 1].from_y -= DRAWING_HANDSHAKE + 4;
		drawing->arrows[drawing->arrow_count - 1].to_y -= DRAWING_HANDSHAKE + 4;
	}
	if (signs & WIRE_CONNECTED)
		add_half(drawing, row, DRAWING_SYN_ACK, !row->side, false);
	else if ((signs & WIRE_ACCEPTED) && !has_other(drawing, row))
		add_half(drawing, row, DRAWING_SYN, !row->side, false);
}

static void add_ending(struct drawing *drawing, const struct drawing_row *row, unsigned signs,
		       struct seen *seen)
{
	bool is_told = has_other(drawing, row);

	if ((signs & WIRE_RST_RECEIVED) && is_first(&seen->resets, !row->side)) {
		int from_y = sender_y(drawing, row, WIRE_RST_SENT);

		add_half(drawing, row, DRAWING_RST, !row->side, false);
		if (from_y >= 0 && from_y < row->y)
			drawing->arrows[drawing->arrow_count - 1].from_y = from_y;
	}
	if ((signs & WIRE_FIN_RECEIVED) && is_first(&seen->fins, !row->side))
		add_fin(drawing, row);
	/* If the other end saw it come, the arrow is drawn from there. */
	if ((signs & WIRE_RST_SENT) && !is_told && is_first(&seen->resets, row->side))
		add_half(drawing, row, DRAWING_RST, row->side, true);
	if ((signs & WIRE_FIN_SENT) && !is_told && is_first(&seen->fins, row->side))
		add_half(drawing, row, DRAWING_FIN, row->side, true);
}

/* Adds what one end sent and the other did not see come. */
static void add_unseen(struct drawing *drawing, struct seen *seen)
{
	for (size_t i = 0; i < drawing->row_count; i++) {
		const struct drawing_row *row = &drawing->rows[i];
		unsigned signs = row->moment ? wire_signs(row->moment) : 0;

		if ((signs & WIRE_RST_SENT) && is_first(&seen->resets, row->side))
			add_half(drawing, row, DRAWING_RST, row->side, true);
		if ((signs & WIRE_FIN_SENT) && is_first(&seen->fins, row->side))
			add_half(drawing, row, DRAWING_FIN, row->side, true);
	}
}

void drawing_arrows(struct drawing *drawing)
{
	struct seen seen = {0};
	size_t most = (ARROWS_PER_ROW + 4) * drawing->row_count;

	drawing->arrows = allocate(most * sizeof(drawing->arrows[0]));
	for (size_t i = 0; i < drawing->row_count; i++) {
		const struct drawing_row *row = &drawing->rows[i];
		unsigned signs = row->moment ? wire_signs(row->moment) : 0;

		if (!row->moment)
			continue;
		add_opening(drawing, row, signs);
		if (row->moment->direction == MOMENT_SENT)
			add_sent(drawing, row);
		else if (row->moment->direction == MOMENT_RECEIVED)
			add_received(drawing, row);
		add_ending(drawing, row, signs, &seen);
	}
	add_unseen(drawing, &seen);
}
