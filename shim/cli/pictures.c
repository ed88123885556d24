#include "cli/pictures.h"

#include <stdlib.h>
#include <string.h>

#include "format/attributes.h"
#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/symbols.h"
#include "settings/config.h"

/* --- Collecting. --- */

/* Adds the event to the chronicle of the row's connection, with its text as a report has it. */
static void tell(struct open_row *row, const struct item *item,
		 const struct tcpshim_subject *subject, void *data)
{
	const struct pictures *pictures = data;
	struct truss_style style = config.style;
	struct strbuf raw, text;
	size_t bound;

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

static const char *host_of(const struct reader *reader)
{
	const char *name = attributes_find(reader->attributes, "host.name");

	return name ? name : "";
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
		.host = host_of(reader),
		.row = row->row,
		.story = row->story,
		.chronicle = row->chronicle,
		.end_ns = reader->seen_ns + reader->shift_ns,
		.is_uncertain = row->row.has_gaps,
		.is_chosen = row->is_chosen &&
			     filter_matches(pictures->rows.filter, &row->row.local, &row->row.peer,
					    row->row.role),
	};
	row->chronicle = (struct chronicle){0};
}

void pictures_take(struct pictures *pictures, const struct item *item)
{
	open_rows_take(&pictures->rows, item, close_row, pictures);
}

static void leave_row(struct open_row *row, void *pictures)
{
	open_row_leave(row, UINT64_MAX);
	close_row(row, pictures);
}

/* --- The two ends of a connection. --- */

static int compare_addresses(const struct tcpshim_address *x, const struct tcpshim_address *y)
{
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

/* The client's address first, as far as the roles are known: both ends have the same order. */
static void order_addresses(const struct picture_end *end, const struct tcpshim_address *pair[2])
{
	bool is_swapped = compare_addresses(&end->row.local, &end->row.peer) > 0;

	pair[is_swapped] = &end->row.local;
	pair[!is_swapped] = &end->row.peer;
}

static int compare_ends(const void *a, const void *b)
{
	const struct picture_end *x = a, *y = b;
	const struct tcpshim_address *of_x[2], *of_y[2];
	int order;

	order_addresses(x, of_x);
	order_addresses(y, of_y);
	order = compare_addresses(of_x[0], of_y[0]);
	if (order == 0)
		order = compare_addresses(of_x[1], of_y[1]);
	if (order != 0)
		return order;
	return (x->row.first_ns > y->row.first_ns) - (x->row.first_ns < y->row.first_ns);
}

static bool are_of_one(const struct picture_end *x, const struct picture_end *y)
{
	return x->row.peer.family != 0 && compare_addresses(&x->row.local, &y->row.peer) == 0 &&
	       compare_addresses(&x->row.peer, &y->row.local) == 0 &&
	       x->row.first_ns <= y->row.seen_ns && y->row.first_ns <= x->row.seen_ns;
}

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

void pictures_finish(struct pictures *pictures)
{
	open_rows_visit(&pictures->rows, leave_row, pictures);
	open_rows_clear(&pictures->rows);
	if (pictures->end_count == 0)
		return;
	qsort(pictures->ends, pictures->end_count, sizeof(pictures->ends[0]), compare_ends);
	pictures->list = allocate(pictures->end_count * sizeof(pictures->list[0]));
	for (size_t i = 0; i < pictures->end_count; i++) {
		const struct picture_end *end = &pictures->ends[i], *next = end + 1;
		struct picture picture = {.ours = end};

		if (i + 1 < pictures->end_count && are_of_one(end, next)) {
			picture.theirs = next;
			if (end->row.role == ROLE_SERVER)
				picture = (struct picture){.ours = next, .theirs = end};
			i++;
		}
		if (is_chosen(&picture))
			pictures->list[pictures->count++] = picture;
	}
	qsort(pictures->list, pictures->count, sizeof(pictures->list[0]), compare_pictures);
}

void pictures_free(struct pictures *pictures)
{
	for (size_t i = 0; i < pictures->end_count; i++)
		chronicle_free(&pictures->ends[i].chronicle);
	free(pictures->ends);
	free(pictures->list);
	*pictures = (struct pictures){0};
}
