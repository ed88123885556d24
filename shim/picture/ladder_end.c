#include "picture/ladder_end.h"

#include "format/facts.h"
#include "picture/ladder_segments.h"

/* Returns whether the call that was seen to wait returned later, in a moment of its own. */
static bool has_returned(const struct chronicle *chronicle, size_t index)
{
	const struct moment *moment = &chronicle->list[index];

	for (size_t i = index + 1; i < chronicle->count; i++) {
		const struct moment *next = &chronicle->list[i];

		if (next->tid == moment->tid)
			return next->call == moment->call && !next->is_sleeping;
	}
	return false;
}

static void take_moment(struct ladder_end *end, size_t index)
{
	const struct chronicle *chronicle = &end->end->chronicle;
	const struct moment *moment = &chronicle->list[index];
	struct ladder_row row = ladder_segments_row(end, moment);

	if (moment->is_sleeping && !row.has_notes && has_returned(chronicle, index))
		return;
	ladder_segments_take(end, &row);
	ladder_rows_add(end->rows, &row);
}

/* Adds that the calls between the first and the latest ones are missing. */
static void add_left_out(struct ladder_end *end, size_t index)
{
	const struct chronicle *chronicle = &end->end->chronicle;
	uint64_t time_ns = ladder_segments_time(end, chronicle->list[index - 1].time_ns);

	ladder_rows_add(end->rows,
			&(struct ladder_row){
				.time_ns = time_ns,
				.last_ns =
					ladder_segments_time(end, chronicle->list[index].time_ns),
				.number = chronicle->left_out,
				.arrives = LADDER_NOWHERE,
				.kind = LADDER_LEFT_OUT,
				.side = end->side,
			});
}

static void add_end(struct ladder_end *end)
{
	uint64_t time_ns = ladder_segments_time(end, end->end->end_ns);

	ladder_rows_add(end->rows, &(struct ladder_row){
					   .time_ns = time_ns,
					   .last_ns = time_ns,
					   .arrives = LADDER_NOWHERE,
					   .kind = LADDER_END,
					   .side = end->side,
				   });
}

void ladder_end_add(struct ladder_rows *rows, const struct picture_end *of, enum ladder_side side,
		    int64_t offset_ns)
{
	struct ladder_end end = {
		.rows = rows,
		.end = of,
		.offset_ns = offset_ns,
		.side = (uint8_t)side,
	};
	const struct chronicle *chronicle = &of->chronicle;

	for (size_t i = 0; i < chronicle->count; i++) {
		if (chronicle->left_out > 0 && i > 0 && i == chronicle->most / 2)
			add_left_out(&end, i);
		take_moment(&end, i);
	}
	if (of->row.closed_ns == 0)
		add_end(&end);
}
