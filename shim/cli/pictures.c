#include "cli/pictures.h"

#include "diagnose/ends.h"
#include "reader/complain.h"
#include "reader/current.h"
#include "reader/printable.h"
#include "reader/symbols.h"
#include "settings/config.h"
#include <stdlib.h>

/* --- Collecting. --- */

/* Adds the event to the chronicle of the row's connection, with its text as a report has it. */
static void tell(struct open_row *row, const struct item *item,
		 const struct tcpshim_subject *subject, uint32_t stack, void *data)
{
	const struct pictures *pictures = data;
	struct truss_style style = config.style;
	struct strbuf raw, text;
	size_t bound;

	(void)stack;
	style.stamps = 0;
	style.has_colour = false;
	style.symbol = symbols_append;
	if (style.data_bytes > item->stored_bytes)
		style.data_bytes = item->stored_bytes;
	symbols_use(item->reader);
	bound = truss_event_bound(item->event, &style);
	strbuf_init(&raw, allocate(bound), bound);
	strbuf_init(&text, allocate(bound), bound);
	truss_event(&raw, item->event, &style);
	printable_append_text(&text, raw.text, raw.size);
	if (row->chronicle.most == 0)
		chronicle_start(&row->chronicle, pictures->most_moments);
	chronicle_add(&row->chronicle, item->event, subject, text.text, text.size);
	free(raw.text);
	free(text.text);
}

void pictures_start(struct pictures *pictures, const struct filter *filter,
		    const struct merge *merge, size_t most_moments)
{
	*pictures = (struct pictures){.merge = merge,
				      .rows = {.filter = filter,
					       .is_joined = merge->count > 1,
					       .tell = tell},
				      .most_moments = most_moments};
}

static void close_row(struct open_row *row, void *data)
{
	struct pictures *pictures = data;
	const struct reader *reader = row->reader;

	if (row->row.role == ROLE_LISTENER) {
		chronicle_free(&row->chronicle);
		return;
	}
	if (pictures->end_count == pictures->end_capacity) {
		pictures->end_capacity = 2 * pictures->end_capacity + 16;
		pictures->ends = reallocate(pictures->ends,
					    pictures->end_capacity * sizeof(pictures->ends[0]));
	}
	chronicle_finish(&row->chronicle);
	pictures->ends[pictures->end_count++] = (struct picture_end){
		.program = reader->header.program,
		.host = reader_host(reader),
		.row = row->row,
		.story = row->story,
		.chronicle = row->chronicle,
		.messages = row->messages,
		.boot = reader->header.boot,
		.end_ns = reader->seen_ns + reader->shift_ns,
		.is_uncertain = row->row.has_gaps || connection_row_is_maybe_shared(&row->row),
		.is_chosen = row->is_chosen &&
			     filter_matches(pictures->rows.filter, &row->row.local, &row->row.peer,
					    row->row.role),
	};
	row->chronicle = (struct chronicle){0};
	row->messages = NULL;
}

static void take(struct pictures *pictures, const struct item *item)
{
	open_rows_take(&pictures->rows, item, close_row, pictures);
}

static void leave_row(struct open_row *row, void *pictures)
{
	open_row_leave(row, UINT64_MAX);
	close_row(row, pictures);
}

/* --- The two ends of a connection. --- */

static bool is_chosen(const struct picture *picture)
{
	return picture->ours->is_chosen || (picture->theirs && picture->theirs->is_chosen);
}

static int compare_pictures(const void *a, const void *b)
{
	const struct picture *x = a, *y = b;

	return (x->ours->row.first_ns > y->ours->row.first_ns) -
	       (x->ours->row.first_ns < y->ours->row.first_ns);
}

static void compare_clocks(struct picture *picture, const struct clock_pairs *clocks,
			   const struct end *ours, const struct end *theirs)
{
	int64_t ahead_ns;

	picture->is_offset_known = ends_ahead(clocks, ours, theirs, picture->ours->row.first_ns,
					      &ahead_ns, &picture->offset_error_ns);
	picture->offset_ns = -ahead_ns;
}

/* Makes the picture of an end, unless it is that of the end's partner. */
static void add_picture(struct pictures *pictures, const struct clock_pairs *clocks,
			const struct end *ends, size_t at)
{
	const struct picture_end *end = &pictures->ends[at];
	size_t partner = ends[at].partner, ours = at, theirs = partner;
	struct picture picture = {.ours = end};

	if (partner != ENDS_NONE) {
		if (partner < at)
			return;
		if (end->row.role == ROLE_SERVER) {
			ours = partner;
			theirs = at;
		}
		picture = (struct picture){.ours = &pictures->ends[ours],
					   .theirs = &pictures->ends[theirs]};
		compare_clocks(&picture, clocks, &ends[ours], &ends[theirs]);
	}
	if (is_chosen(&picture))
		pictures->list[pictures->count++] = picture;
}

static void finish(struct pictures *pictures)
{
	struct clock_pairs clocks;
	struct end *ends;

	open_rows_visit(&pictures->rows, leave_row, pictures);
	open_rows_clear(&pictures->rows);
	if (pictures->end_count == 0)
		return;
	ends = allocate(pictures->end_count * sizeof(ends[0]));
	for (size_t i = 0; i < pictures->end_count; i++)
		ends[i] = (struct end){.row = &pictures->ends[i].row,
				       .messages = pictures->ends[i].messages,
				       .boot = pictures->ends[i].boot,
				       .host = pictures->ends[i].host};
	ends_pair(ends, pictures->end_count);
	ends_compare_clocks(ends, pictures->end_count, &clocks);
	pictures->list = allocate(pictures->end_count * sizeof(pictures->list[0]));
	for (size_t i = 0; i < pictures->end_count; i++)
		add_picture(pictures, &clocks, ends, i);
	ends_clear(&clocks);
	free(ends);
	qsort(pictures->list, pictures->count, sizeof(pictures->list[0]), compare_pictures);
}

void pictures_read(struct pictures *pictures, struct merge *merge)
{
	struct unpacked *current = allocate(sizeof(*current));
	struct item item;

	while (merge_next(merge, &item)) {
		if (item.line)
			continue;
		pictures->events++;
		if (pictures->first_ns == 0)
			pictures->first_ns = item.event->start_ns;
		pictures->last_ns = item.event->time_ns;
		take(pictures, &item);
	}
	for (size_t i = 0; i < merge->count; i++)
		reader_find_end(merge->readers[i]);
	while (merge_next_current(merge, &item, current)) {
		if (item.is_announced)
			continue;
		current_find_notes(&item, NULL);
		take(pictures, &item);
	}
	free(current);
	finish(pictures);
}

void pictures_free(struct pictures *pictures)
{
	for (size_t i = 0; i < pictures->end_count; i++) {
		chronicle_free(&pictures->ends[i].chronicle);
		free(pictures->ends[i].messages);
	}
	free(pictures->ends);
	free(pictures->list);
	*pictures = (struct pictures){0};
}
