#include "picture/drawing.h"

#include <stdlib.h>

#include "format/facts.h"
#include "picture/wire.h"
#include "reader/complain.h"

#define MILLISECONDS(n) (UINT64_C(1000000) * (n))

const struct picture_end *drawing_end(const struct picture *picture, unsigned side)
{
	return side == 0 ? picture->ours : picture->theirs;
}

uint64_t drawing_time(const struct picture *picture, unsigned side, uint64_t time_ns)
{
	return side == 0 ? time_ns : time_ns + (uint64_t)picture->offset_ns;
}

/* Returns whether a row can stand for several such calls: nothing moved, and nothing is told. */
static bool is_quiet(const struct drawing_row *row)
{
	return row->moment && row->moment->direction == MOMENT_NEITHER &&
	       !row->moment->is_sleeping && wire_signs(row->moment) == 0 &&
	       wire_severity(&row->moment->notes) == SEVERITY_NONE &&
	       (row->moment->error == 0 || facts_is_would_block(row->moment->error));
}

static void add_end(struct drawing *drawing, unsigned side)
{
	const struct picture_end *end = drawing_end(drawing->picture, side);

	for (size_t i = 0; end && i < end->chronicle.count; i++) {
		const struct moment *moment = &end->chronicle.list[i];
		uint64_t time_ns = drawing_time(drawing->picture, side, wire_time_ns(moment));

		if (end->chronicle.left_out > 0 && i == end->chronicle.most / 2)
			drawing->rows[drawing->row_count++] = (struct drawing_row){
				.side = (uint8_t)side,
				.time_ns = time_ns,
				.others = end->chronicle.left_out,
			};
		drawing->rows[drawing->row_count++] = (struct drawing_row){
			.moment = moment,
			.side = (uint8_t)side,
			.time_ns = time_ns,
			.position = moment->position,
			.bytes = moment->bytes,
		};
	}
}

/* By time; what is left out comes before the call after it. */
static int compare(const void *a, const void *b)
{
	const struct drawing_row *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (!x->moment != !y->moment)
		return x->moment ? 1 : -1;
	return x->moment < y->moment ? -1 : x->moment > y->moment;
}

/* Makes one row of calls that follow each other and of which nothing is told. */
static void fold_quiet(struct drawing *drawing)
{
	size_t kept = 0;

	for (size_t i = 0; i < drawing->row_count; i++) {
		const struct drawing_row *row = &drawing->rows[i];
		struct drawing_row *last = kept > 0 ? &drawing->rows[kept - 1] : NULL;

		if (last && is_quiet(row) && is_quiet(last) && row->side == last->side) {
			last->others++;
			last->time_ns = row->time_ns;
			continue;
		}
		drawing->rows[kept++] = *row;
	}
	drawing->row_count = kept;
}

static bool is_transfer(const struct drawing_row *row)
{
	return row->moment && row->moment->direction != MOMENT_NEITHER &&
	       wire_signs(row->moment) == 0 && wire_severity(&row->moment->notes) == SEVERITY_NONE;
}

/* Returns how many rows from here on are reads, or writes, of one side; at least 1. */
static size_t count_transfers(const struct drawing *drawing, size_t at)
{
	const struct drawing_row *first = &drawing->rows[at], *row = first + 1;
	const struct drawing_row *end = drawing->rows + drawing->row_count;

	if (!is_transfer(first))
		return 1;
	while (row < end && is_transfer(row) && row->side == first->side &&
	       row->moment->direction == first->moment->direction)
		row++;
	return (size_t)(row - first);
}

/* Makes one row of many reads or writes that follow each other: of a large transfer. */
static void fold_transfers(struct drawing *drawing)
{
	size_t kept = 0, count;

	for (size_t at = 0; at < drawing->row_count; at += count) {
		const struct drawing_row *rows = &drawing->rows[at];
		struct drawing_row first = rows[0];

		count = count_transfers(drawing, at);
		if (count < DRAWING_FEWEST) {
			for (size_t i = 0; i < count; i++)
				drawing->rows[kept++] = rows[i];
			continue;
		}
		for (size_t i = 1; i < count; i++)
			first.bytes += rows[i].bytes;
		if (first.moment->direction == MOMENT_RECEIVED)
			first.time_ns = rows[count - 1].time_ns;
		first.others = count - 1;
		drawing->rows[kept++] = first;
	}
	drawing->row_count = kept;
}

static bool is_handshake(const struct moment *moment)
{
	const unsigned both = WIRE_SYN_SENT | WIRE_CONNECTED;

	return (wire_signs(moment) & both) == both;
}

static void place(struct drawing *drawing)
{
	const struct drawing_row *rows = drawing->rows;
	uint64_t all_ns = rows[drawing->row_count - 1].time_ns - rows[0].time_ns, least_ns;
	int y = DRAWING_ROW;

	least_ns = all_ns / 20 > MILLISECONDS(20) ? all_ns / 20 : MILLISECONDS(20);
	for (size_t i = 0; i < drawing->row_count; i++) {
		uint64_t before_ns = i > 0 ? rows[i].time_ns - rows[i - 1].time_ns : 0;

		if (before_ns >= least_ns) {
			drawing->rows[i].silence_ns = before_ns;
			y += DRAWING_SILENCE;
		}
		if (rows[i].moment && is_handshake(rows[i].moment))
			y += DRAWING_HANDSHAKE;
		drawing->rows[i].y = y;
		y += DRAWING_ROW;
		if (rows[i].moment && wire_severity(&rows[i].moment->notes) != SEVERITY_NONE)
			y += DRAWING_NOTE;
	}
	drawing->height = y + DRAWING_ROW;
}

int drawing_y(const struct drawing *drawing, uint64_t time_ns)
{
	const struct drawing_row *rows = drawing->rows;

	for (size_t i = 0; i < drawing->row_count; i++) {
		uint64_t before_ns = i > 0 ? rows[i - 1].time_ns : 0;

		if (rows[i].time_ns < time_ns)
			continue;
		if (i == 0 || rows[i].time_ns == time_ns || rows[i].time_ns == before_ns)
			return rows[i].y;
		return rows[i - 1].y +
		       (int)((double)(rows[i].y - rows[i - 1].y) * (double)(time_ns - before_ns) /
			     (double)(rows[i].time_ns - before_ns));
	}
	return drawing->height - DRAWING_ROW;
}

void drawing_make(struct drawing *drawing, const struct picture *picture)
{
	size_t most = picture->ours->chronicle.count + 2;

	if (picture->theirs)
		most += picture->theirs->chronicle.count;
	*drawing = (struct drawing){.picture = picture};
	drawing->rows = allocate(most * sizeof(drawing->rows[0]));
	add_end(drawing, 0);
	add_end(drawing, 1);
	if (drawing->row_count == 0)
		return;
	qsort(drawing->rows, drawing->row_count, sizeof(drawing->rows[0]), compare);
	fold_quiet(drawing);
	fold_transfers(drawing);
	place(drawing);
	drawing_arrows(drawing);
}

void drawing_free(struct drawing *drawing)
{
	free(drawing->rows);
	free(drawing->arrows);
	*drawing = (struct drawing){0};
}
