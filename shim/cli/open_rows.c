#include "cli/open_rows.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "format/note_set.h"
#include "reader/complain.h"

/* What one process sees of a connection. */
struct view {
	struct reader *reader;
	uint32_t serial;
	bool is_closed;
	struct open_row *row;
	struct view *next; /* of the same row */
};

/* A row whose socket is known. */
struct known_socket {
	const char *boot;
	uint64_t cookie;
	struct open_row *row;
};

static void fail(void)
{
	complain("not enough memory for the connections");
	exit(EXIT_OWN_FAILURE);
}

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

static int compare_views(const void *a, const void *b)
{
	const struct view *x = a, *y = b;
	int order = compare_readers(x->reader, y->reader);

	return order != 0 ? order : (x->serial > y->serial) - (x->serial < y->serial);
}

static int compare_sockets(const void *a, const void *b)
{
	const struct known_socket *x = a, *y = b;

	if (x->cookie != y->cookie)
		return x->cookie < y->cookie ? -1 : 1;
	return strcmp(x->boot, y->boot);
}

/* --- Views of one socket. --- */

static struct open_row *make_row(const struct open_rows *rows, const struct item *item,
				 uint32_t serial)
{
	struct open_row *row = allocate(sizeof(*row));

	*row = (struct open_row){.reader = item->reader, .is_chosen = !rows->filter};
	connection_row_start(&row->row, item->event, serial);
	return row;
}

/* Returns whether the process has the socket as another connection that is open: one before a
 * connect to AF_UNSPEC is a row of its own. */
static bool has_other(const struct open_row *row, const struct reader *reader)
{
	for (const struct view *view = row->views; view; view = view->next)
		if (view->reader == reader && !view->is_closed)
			return true;
	return false;
}

/* Returns the row of the socket that the recording's connection is of, after adding the socket, for
 * row, if it is new. Returns row itself where the socket is not known. */
static struct open_row *find_socket(struct open_rows *rows, const struct reader *reader,
				    uint32_t serial, struct open_row *row)
{
	struct known_socket key = {.boot = reader->header.boot, .row = row}, *socket, **found;

	key.cookie = merge_cookie(reader, serial);
	if (!rows->is_joined || key.cookie == 0 || *key.boot == '\0')
		return row;
	found = tfind(&key, &rows->sockets, compare_sockets);
	if (found && !has_other((*found)->row, reader))
		return (*found)->row;
	if (found) {
		(*found)->row = row;
		return row;
	}
	socket = allocate(sizeof(*socket));
	*socket = key;
	if (!tsearch(socket, &rows->sockets, compare_sockets))
		fail();
	return row;
}

/* A process that is seen for the first time may have had the connection while others closed it:
 * then these closes were not its end. */
static void add_view(struct open_row *row, struct view *view)
{
	if (row->views)
		connection_row_go_on(&row->row);
	view->row = row;
	view->next = row->views;
	row->views = view;
	connection_row_add_process(&row->row, view->reader->header.pid);
}

static struct view *find_or_add(struct open_rows *rows, const struct item *item, uint32_t serial)
{
	const struct view key = {.serial = serial, .reader = item->reader};
	struct view **found = tfind(&key, &rows->views, compare_views), *view;
	struct open_row *made, *row;

	if (found)
		return *found;
	view = allocate(sizeof(*view));
	*view = key;
	if (!tsearch(view, &rows->views, compare_views))
		fail();
	made = make_row(rows, item, serial);
	row = find_socket(rows, item->reader, serial, made);
	if (row != made)
		free(made);
	add_view(row, view);
	return view;
}

/* Forgets the socket, if it is still that of the row. */
static void forget_socket(struct open_rows *rows, const struct open_row *row)
{
	for (const struct view *view = row->views; rows->is_joined && view; view = view->next) {
		struct known_socket key = {.boot = view->reader->header.boot}, **found, *socket;

		key.cookie = merge_cookie(view->reader, view->serial);
		found = tfind(&key, &rows->sockets, compare_sockets);
		if (!found || (*found)->row != row)
			continue;
		socket = *found;
		tdelete(socket, &rows->sockets, compare_sockets);
		free(socket);
	}
}

static void remove_row(struct open_rows *rows, struct open_row *row)
{
	forget_socket(rows, row);
	for (struct view *view = row->views, *next; view; view = next) {
		next = view->next;
		tdelete(view, &rows->views, compare_views);
		free(view);
	}
	free(row->messages);
	free(row);
}

/* A process that has become another program by exec has its sockets in that program's recording. */
static bool is_replaced(const struct open_row *row, const struct view *view)
{
	for (const struct view *other = row->views; other; other = other->next)
		if (other->reader->header.pid == view->reader->header.pid &&
		    other->reader->header.base_ns > view->reader->header.base_ns)
			return true;
	return false;
}

static bool has_open_view(const struct open_row *row)
{
	for (const struct view *view = row->views; view; view = view->next)
		if (!view->is_closed && !is_replaced(row, view))
			return true;
	return false;
}

/* --- Events. --- */

bool open_rows_are_uncertain(const struct reader *reader)
{
	return (reader->header.flags & RECORD_IS_SELECTED) || reader->has_unseen_calls ||
	       reader->header.lost_events > 0 || reader->damage.is_cut ||
	       reader->damage.blocks > 0 || reader->damage.records > 0 ||
	       (reader->header.overwritten_events > 0 && reader->stream_count > 1);
}

static bool are_any_uncertain(const struct open_row *row)
{
	for (const struct view *view = row->views; view; view = view->next)
		if (open_rows_are_uncertain(view->reader))
			return true;
	return false;
}

void open_row_find_gaps(struct open_row *row)
{
	bool is_opening_seen = row->row.opened_ns != 0 && !row->row.is_opening_missed;

	row->row.has_gaps |= are_any_uncertain(row) ||
			     (row->reader->header.overwritten_events > 0 && !is_opening_seen);
}

static void choose(const struct open_rows *rows, struct open_row *row,
		   const struct tcpshim_event *event, uint32_t serial)
{
	if (!row->is_chosen)
		row->is_chosen = filter_shows_of(rows->filter, event, serial);
}

static const struct tcpshim_subject *find_subject(const struct tcpshim_event *event,
						  uint32_t serial)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if (event->subjects[i].facts.serial == serial)
			return &event->subjects[i];
	return NULL;
}

/* Returns until when the thread that closes a descriptor last waited for data on it with poll or
 * select; 0 if it last waited for others. */
static uint64_t find_polled_ns(const struct item *item)
{
	const struct polled_last *last = &item->stream->rested;
	const struct tcpshim_event *event = item->event;

	for (unsigned i = 0; i < last->count && call_rows[event->call].effect == EFFECT_CLOSE; i++)
		if (last->fds[i] == (int32_t)event->arguments[0] && last->is_for_data[i])
			return last->end_ns;
	return 0;
}

static void take_message(struct open_row *row, const struct tcpshim_event *event)
{
	if (connection_row_bytes(event) == 0)
		return;
	if (!row->messages) {
		row->messages = allocate(sizeof(*row->messages));
		*row->messages = (struct messages){0};
	}
	messages_take(row->messages, event);
}

static void take_call(struct open_rows *rows, const struct item *item, uint32_t stack, void *data)
{
	const struct story_context context = {
		.stack = stack,
		.waited_ns = item->stream->waited_ns,
		.polled_ns = find_polled_ns(item),
	};
	const struct tcpshim_event *event = item->event;
	struct view *view = find_or_add(rows, item, event->connection.serial);
	struct open_row *row = view->row;

	connection_row_call(&row->row, event);
	story_call(&row->story, event, &context);
	choose(rows, row, event, view->serial);
	if (rows->is_joined)
		take_message(row, event);
	if (rows->tell)
		rows->tell(row, item, find_subject(event, view->serial), stack, data);
}

/* Returns whether the row's connection is over. */
static bool take_subject(struct open_rows *rows, struct view *view, const struct item *item,
			 const struct tcpshim_subject *subject, uint32_t stack, void *data)
{
	const struct tcpshim_event *event = item->event;
	struct open_row *row = view->row;
	struct connection_row before = row->row;

	choose(rows, row, event, view->serial);
	story_subject(&row->story, event, subject, stack);
	if (rows->tell && view->serial != event->connection.serial)
		rows->tell(row, item, subject, stack, data);
	view->is_closed = connection_row_subject(&row->row, event, subject);
	if (row->views->next)
		connection_row_keep_opening(&row->row, &before);
	if (!view->is_closed)
		return false;
	if (!rows->is_joined)
		return true;
	if (has_open_view(row)) {
		connection_row_keep_open(&row->row, &before);
		return false;
	}
	/* Another process may have it, and its first call may still come. */
	return !note_set_has(&subject->notes, NOTE_closed_shared_maybe) ||
	       merge_cookie(view->reader, view->serial) == 0;
}

void open_rows_take(struct open_rows *rows, const struct item *item,
		    void (*close)(struct open_row *row, void *data), void *data)
{
	const struct tcpshim_event *event = item->event;
	uint32_t stack = rows->stacks ? stacks_number(rows->stacks, item->reader, event) : 0;

	if (event->connection.serial != 0)
		take_call(rows, item, stack, data);
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];
		struct view *view;

		if (subject->facts.serial == 0)
			continue;
		view = find_or_add(rows, item, subject->facts.serial);
		if (!take_subject(rows, view, item, subject, stack, data))
			continue;
		open_row_find_gaps(view->row);
		if (close)
			close(view->row, data);
		remove_row(rows, view->row);
	}
}

/* --- All rows. --- */

struct visit {
	void (*visit)(struct open_row *row, void *data);
	void *data;
};

/* A row is visited with its first view, which is the last of its list. */
static void visit_node(const void *node, VISIT order, void *closure)
{
	const struct view *view = *(struct view *const *)node;
	const struct visit *visit = closure;

	if ((order == postorder || order == leaf) && !view->next)
		visit->visit(view->row, visit->data);
}

void open_rows_visit(const struct open_rows *rows, void (*visit)(struct open_row *row, void *data),
		     void *data)
{
	twalk_r(rows->views, visit_node, &(struct visit){visit, data});
}

/* Returns until when the processes that have it open were there. *is_over: all have ended. */
static uint64_t find_end(const struct open_row *row, bool *is_over)
{
	uint64_t end_ns = 0;

	*is_over = true;
	for (const struct view *view = row->views; view; view = view->next) {
		const struct reader *reader = view->reader;
		uint64_t this_ns = reader->seen_ns + reader->shift_ns;

		if (view->is_closed || is_replaced(row, view))
			continue;
		end_ns = this_ns > end_ns ? this_ns : end_ns;
		*is_over &= reader->header.end == RECORD_ENDED;
	}
	return end_ns;
}

void open_row_leave(struct open_row *row, uint64_t until_ns)
{
	bool is_over;
	uint64_t end_ns = find_end(row, &is_over);

	open_row_find_gaps(row);
	if (!has_open_view(row)) {
		if (row->views->next) /* every process that had it has closed it */
			connection_row_end_shared(&row->row);
		return;
	}
	if (are_any_uncertain(row)) /* its close may be missing */
		return;
	if (end_ns <= until_ns && is_over && row->views->next)
		connection_row_end_shared(&row->row);
	if (end_ns > until_ns)
		connection_row_leave(&row->row, until_ns, false);
	else
		connection_row_leave(&row->row, end_ns, is_over);
}

static void free_row_of(void *data)
{
	struct view *view = data;

	if (!view->next) { /* the first one of its row */
		free(view->row->messages);
		free(view->row);
	}
	free(view);
}

void open_rows_clear(struct open_rows *rows)
{
	tdestroy(rows->views, free_row_of);
	tdestroy(rows->sockets, free);
	rows->views = rows->sockets = NULL;
}
