#include "picture/ladder_rows.h"

#include <stdlib.h>

#include "format/facts.h"
#include "format/note_set.h"
#include "picture/ladder_end.h"
#include "picture/ladder_fold.h"
#include "reader/complain.h"

/* --- Order. --- */

/* What is sent comes before what is received at the same time. */
static int compare(const void *a, const void *b)
{
	const struct ladder_row *const *x = a, *const *y = b;
	int order;

	if ((*x)->time_ns != (*y)->time_ns)
		return (*x)->time_ns < (*y)->time_ns ? -1 : 1;
	if ((*x)->side == (*y)->side)
		return (*x > *y) - (*x < *y);
	order = (*y)->is_start_seen - (*x)->is_start_seen;
	return order != 0 ? order : (*x > *y) - (*x < *y);
}

static void sort(struct ladder_rows *rows)
{
	struct ladder_rows sorted = {.is_matched = rows->is_matched};
	const struct ladder_row **order = allocate((rows->count + 1) * sizeof(order[0]));

	for (size_t i = 0; i < rows->count; i++)
		order[i] = &rows->list[i];
	qsort(order, rows->count, sizeof(order[0]), compare);
	for (size_t i = 0; i < rows->count; i++)
		ladder_rows_add(&sorted, order[i]);
	free(order);
	ladder_rows_free(rows);
	*rows = sorted;
}

/* --- What one end sent, and the other received. --- */

static bool is_from(const struct ladder_row *row, enum ladder_arrow arrow, unsigned side)
{
	return row->arrow == arrow && row->side == side && row->from == side && row->is_start_seen;
}

static bool is_to(const struct ladder_row *row, enum ladder_arrow arrow, unsigned side)
{
	return row->arrow == arrow && row->side == side && row->from != side &&
	       row->is_arrival_seen;
}

/* Returns the first row at or after from that received the byte at this position; count if none
 * did. */
static size_t find_reader(const struct ladder_rows *rows, size_t from, unsigned side,
			  uint64_t position)
{
	while (from < rows->count) {
		const struct ladder_row *row = &rows->list[from];

		if (is_to(row, LADDER_DATA, side) && row->position + row->bytes > position)
			return row->position <= position ? from : rows->count;
		from++;
	}
	return from;
}

/* What was received was sent before: a call that sent it, and returned after that, moves to the
 * time when it began. */
static void order_pair(struct ladder_row *sent, const struct ladder_row *received, int64_t offset)
{
	uint64_t start_ns = sent->moment->start_ns + (uint64_t)offset;

	if (sent->time_ns < received->time_ns)
		return;
	sent->time_ns = start_ns < received->time_ns ? start_ns : received->time_ns;
	sent->last_ns = sent->time_ns;
}

static void order_data(struct ladder_rows *rows, unsigned side, int64_t offset)
{
	size_t reader = 0;

	for (size_t i = 0; i < rows->count; i++) {
		struct ladder_row *row = &rows->list[i];
		size_t found;

		if (!is_from(row, LADDER_DATA, side))
			continue;
		found = find_reader(rows, reader, !side, row->position);
		if (found == rows->count)
			continue;
		reader = found;
		order_pair(row, &rows->list[found], offset);
	}
}

static struct ladder_row *find_from(struct ladder_rows *rows, enum ladder_arrow arrow,
				    unsigned side)
{
	for (size_t i = 0; i < rows->count; i++)
		if (is_from(&rows->list[i], arrow, side))
			return &rows->list[i];
	return NULL;
}

static struct ladder_row *find_to(struct ladder_rows *rows, enum ladder_arrow arrow, unsigned side)
{
	for (size_t i = 0; i < rows->count; i++)
		if (is_to(&rows->list[i], arrow, side))
			return &rows->list[i];
	return NULL;
}

static void order_both(struct ladder_rows *rows, const struct picture *picture)
{
	static const struct {
		enum ladder_arrow sent, received;
	} pairs[] = {{LADDER_SYN, LADDER_HANDSHAKE},
		     {LADDER_FIN, LADDER_FIN},
		     {LADDER_RST, LADDER_RST}};

	for (unsigned side = 0; side < LADDER_SIDES; side++) {
		int64_t offset = side == LADDER_THEIRS ? picture->offset_ns : 0;

		if (rows->is_matched)
			order_data(rows, side, offset);
		for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
			struct ladder_row *sent = find_from(rows, pairs[i].sent, side);
			const struct ladder_row *received = find_to(rows, pairs[i].received, !side);

			if (sent && received)
				order_pair(sent, received, offset);
		}
	}
}

/* Lets the arrow of a row arrive in another, whose own arrow showed the same. */
static void join(struct ladder_rows *rows, struct ladder_row *sent, struct ladder_row *received)
{
	sent->arrives = (uint32_t)(received - rows->list);
	sent->is_arrival_seen = true;
	received->arrow = LADDER_NO_ARROW;
	received->is_target = true;
}

/* Marks the reads of more of what an arrow brought, which arrives in an earlier read. */
static void mark_rests(struct ladder_rows *rows, unsigned side)
{
	size_t writer = 0;

	for (size_t i = 0; i < rows->count; i++) {
		struct ladder_row *row = &rows->list[i];

		if (!is_to(row, LADDER_DATA, !side))
			continue;
		while (writer < rows->count &&
		       !(is_from(&rows->list[writer], LADDER_DATA, side) &&
			 rows->list[writer].position + rows->list[writer].bytes > row->position))
			writer++;
		row->is_rest = writer < rows->count && rows->list[writer].position < row->position;
	}
}

static void join_data(struct ladder_rows *rows, unsigned side)
{
	size_t reader = 0;
	uint32_t *found = allocate((rows->count + 1) * sizeof(found[0]));

	for (size_t i = 0; i < rows->count; i++) {
		found[i] = LADDER_NOWHERE;
		if (!is_from(&rows->list[i], LADDER_DATA, side))
			continue;
		size_t at = find_reader(rows, reader, !side, rows->list[i].position);
		if (at == rows->count)
			continue;
		reader = at;
		found[i] = (uint32_t)at;
	}
	for (size_t i = 0; i < rows->count; i++)
		if (found[i] != LADDER_NOWHERE && found[i] > i)
			join(rows, &rows->list[i], &rows->list[found[i]]);
	free(found);
	mark_rests(rows, side);
}

static void join_all(struct ladder_rows *rows)
{
	static const enum ladder_arrow arrows[] = {LADDER_FIN, LADDER_RST};

	for (unsigned side = 0; side < LADDER_SIDES; side++) {
		if (rows->is_matched)
			join_data(rows, side);
		for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++) {
			struct ladder_row *sent = find_from(rows, arrows[i], side);
			struct ladder_row *received = find_to(rows, arrows[i], !side);

			if (sent && received && sent < received)
				join(rows, sent, received);
		}
	}
	/* The client's rows show the handshake. */
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].arrow == LADDER_HANDSHAKE &&
		    find_from(rows, LADDER_SYN, !rows->list[i].side))
			rows->list[i].arrow = LADDER_NO_ARROW;
}

/* --- What was lost. --- */

/* Marks what the side wrote from this position on as lost. */
static void mark_lost(struct ladder_rows *rows, unsigned side, uint64_t from)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct ladder_row *row = &rows->list[i];
		uint64_t end = row->position + row->bytes;

		if (is_from(row, LADDER_DATA, side) && end > from)
			row->lost_bytes = row->position > from ? row->bytes : end - from;
	}
}

/* Returns whether all bytes of the end are counted. */
static bool has_all_bytes(const struct picture_end *end)
{
	const struct connection_row *row = &end->row;

	if (end->is_uncertain || row->has_gaps || row->is_adopted || row->is_opening_missed ||
	    connection_row_is_maybe_shared(row))
		return false;
	for (size_t i = 0; i < end->chronicle.count; i++)
		if (call_rows[end->chronicle.list[i].call].effect == EFFECT_SPLICE)
			return false;
	return true;
}

/* Marks what never reached the program at the other end, or was never acknowledged. */
static void mark_losses(struct ladder_rows *rows, const struct picture *picture)
{
	const struct picture_end *ends[] = {picture->ours, picture->theirs};

	for (unsigned side = 0; side < LADDER_SIDES && ends[side]; side++) {
		const struct chronicle *chronicle = &ends[side]->chronicle;
		uint64_t lost = ends[side]->story.lost_bytes;

		if (rows->is_matched && ends[!side])
			mark_lost(rows, side, ends[!side]->chronicle.received_bytes);
		else if (lost > 0 && lost <= chronicle->sent_bytes && has_all_bytes(ends[side]))
			mark_lost(rows, side, chronicle->sent_bytes - lost);
	}
}

void ladder_rows_make(struct ladder_rows *rows, const struct picture *picture)
{
	*rows = (struct ladder_rows){0};
	ladder_end_add(rows, picture->ours, LADDER_OURS, 0);
	if (picture->theirs) {
		ladder_end_add(rows, picture->theirs, LADDER_THEIRS, picture->offset_ns);
		rows->is_matched = has_all_bytes(picture->ours) && has_all_bytes(picture->theirs);
		sort(rows);
		order_both(rows, picture);
	}
	mark_losses(rows, picture);
	sort(rows);
	ladder_fold(rows);
	if (picture->theirs)
		join_all(rows);
	ladder_add_silence(rows);
}
