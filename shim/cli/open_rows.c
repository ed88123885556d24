#include "cli/open_rows.h"

#include <search.h>
#include <stdlib.h>

#include "reader/complain.h"

/* Recordings of one process, one after an exec, are in the order in which they began. */
static int compare_readers(const struct reader *x, const struct reader *y)
{
	if (x == y)
		return 0;
	if (x->header.pid != y->header.pid)
		return x->header.pid < y->header.pid ? -1 : 1;
	if (x->header.base_ns != y->header.base_ns)
		return x->header.base_ns < y->header.base_ns ? -1 : 1;
	return x < y ? -1 : 1;
}

static int compare(const void *a, const void *b)
{
	const struct open_row *x = a, *y = b;
	int order = compare_readers(x->reader, y->reader);

	return order != 0 ? order
			  : (x->row.serial > y->row.serial) - (x->row.serial < y->row.serial);
}

static struct open_row *find_or_add(struct open_rows *rows, const struct item *item,
				    uint32_t serial)
{
	const struct open_row key = {.row.serial = serial, .reader = item->reader};
	struct open_row **found = tfind(&key, &rows->tree, compare), *row;

	if (found)
		return *found;
	row = allocate(sizeof(*row));
	*row = (struct open_row){.reader = item->reader, .is_chosen = !rows->filter};
	connection_row_start(&row->row, item->event, serial);
	if (!tsearch(row, &rows->tree, compare)) {
		complain("not enough memory for the connections");
		exit(EXIT_OWN_FAILURE);
	}
	return row;
}

bool open_rows_are_uncertain(const struct reader *reader)
{
	return (reader->header.flags & RECORD_IS_SELECTED) || reader->header.lost_events > 0 ||
	       reader->damage.is_cut || reader->damage.blocks > 0 || reader->damage.records > 0 ||
	       (reader->header.overwritten_events > 0 && reader->stream_count > 1);
}

void open_row_find_gaps(struct open_row *row)
{
	bool is_opening_seen = row->row.opened_ns != 0 && !row->row.is_opening_missed;

	row->row.has_gaps |= open_rows_are_uncertain(row->reader) ||
			     (row->reader->header.overwritten_events > 0 && !is_opening_seen);
}

static void choose(const struct open_rows *rows, struct open_row *row,
		   const struct tcpshim_event *event)
{
	if (!row->is_chosen)
		row->is_chosen = filter_shows_of(rows->filter, event, row->row.serial);
}

static const struct tcpshim_subject *find_subject(const struct tcpshim_event *event,
						  uint32_t serial)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if (event->subjects[i].facts.serial == serial)
			return &event->subjects[i];
	return NULL;
}

static void take_call(struct open_rows *rows, const struct item *item, void *data)
{
	const struct tcpshim_event *event = item->event;
	struct open_row *row = find_or_add(rows, item, event->connection.serial);

	connection_row_call(&row->row, event);
	story_call(&row->story, event);
	choose(rows, row, event);
	if (rows->tell)
		rows->tell(row, item, find_subject(event, row->row.serial), data);
}

/* Returns whether the row's connection is over. */
static bool take_subject(struct open_rows *rows, struct open_row *row, const struct item *item,
			 const struct tcpshim_subject *subject, void *data)
{
	const struct tcpshim_event *event = item->event;

	choose(rows, row, event);
	story_subject(&row->story, event, subject);
	if (rows->tell && row->row.serial != event->connection.serial)
		rows->tell(row, item, subject, data);
	return connection_row_subject(&row->row, event, subject);
}

void open_rows_take(struct open_rows *rows, const struct item *item,
		    void (*close)(struct open_row *row, void *data), void *data)
{
	const struct tcpshim_event *event = item->event;

	if (event->connection.serial != 0)
		take_call(rows, item, data);
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];
		struct open_row *row;

		if (subject->facts.serial == 0)
			continue;
		row = find_or_add(rows, item, subject->facts.serial);
		if (!take_subject(rows, row, item, subject, data))
			continue;
		open_row_find_gaps(row);
		if (close)
			close(row, data);
		tdelete(row, &rows->tree, compare);
		free(row);
	}
}

struct visit {
	void (*visit)(struct open_row *row, void *data);
	void *data;
};

static void visit_node(const void *node, VISIT order, void *closure)
{
	const struct visit *visit = closure;

	if (order == postorder || order == leaf)
		visit->visit(*(struct open_row *const *)node, visit->data);
}

void open_rows_visit(const struct open_rows *rows, void (*visit)(struct open_row *row, void *data),
		     void *data)
{
	twalk_r(rows->tree, visit_node, &(struct visit){visit, data});
}

void open_row_leave(struct open_row *row, uint64_t until_ns)
{
	const struct reader *reader = row->reader;
	uint64_t end_ns = reader->seen_ns + reader->shift_ns;

	open_row_find_gaps(row);
	if (open_rows_are_uncertain(reader)) /* its close may be missing */
		return;
	if (end_ns > until_ns)
		connection_row_leave(&row->row, until_ns, false);
	else
		connection_row_leave(&row->row, end_ns, reader->header.end == RECORD_ENDED);
}

void open_rows_clear(struct open_rows *rows)
{
	tdestroy(rows->tree, free);
	rows->tree = NULL;
}
