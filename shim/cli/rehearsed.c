#include "cli/rehearsed.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/open_rows.h"
#include "format/facts.h"
#include "reader/complain.h"
#include "reader/current.h"
#include "reader/symbols.h"

enum { PLACE_BYTES = 512 };

/* A thread that is in a wait at the end of its recording. */
struct waiting {
	const struct reader *reader;
	uint16_t call;
	uint32_t stack;
};

struct reading {
	struct rehearsed *rehearsed;
	struct open_rows rows;
	struct waiting *waiting;
	size_t waiting_count;
};

static void tell(struct open_row *row, const struct item *item,
		 const struct tcpshim_subject *subject, uint32_t stack, void *data)
{
	const struct reading *reading = data;

	if (!row->verdict) {
		row->verdict = allocate(sizeof(*row->verdict));
		*row->verdict = (struct verdict){0};
	}
	if (item->event->start_ns <= reading->rehearsed->until_ns)
		verdict_take(row->verdict, item->event, subject, stack);
}

/* Returns the name of a call with its place in the program, in memory that is the caller's. */
static char *describe(const struct rehearsed *rehearsed, uint16_t call, uint32_t stack)
{
	char text[PLACE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text) - 1);
	strbuf_string(&buf, call_rows[call].shown);
	strbuf_string(&buf, "()");
	if (stack != 0) {
		strbuf_string(&buf, " at ");
		stacks_append(&rehearsed->stacks, stack, &buf);
	}
	text[buf.size] = '\0';
	return duplicate(text);
}

/* Finds the call that the connection's program is in: on the connection, or a wait of any thread of
 * the same process. */
static char *find_wait(const struct reading *reading, const struct open_row *row)
{
	const struct verdict *verdict = row->verdict;

	if (verdict->is_waiting && verdict->closed_ns == 0)
		return describe(reading->rehearsed, verdict->waiting_call, verdict->stack);
	for (size_t i = 0; i < reading->waiting_count; i++)
		if (reading->waiting[i].reader == row->reader)
			return describe(reading->rehearsed, reading->waiting[i].call,
					reading->waiting[i].stack);
	return NULL;
}

static void close_row(struct open_row *row, void *data)
{
	struct reading *reading = data;
	struct rehearsed *rehearsed = reading->rehearsed;

	if (!row->verdict || row->row.role == ROLE_LISTENER) {
		free(row->verdict);
		row->verdict = NULL;
		return;
	}
	if (rehearsed->count == rehearsed->capacity) {
		rehearsed->capacity = 2 * rehearsed->capacity + 16;
		rehearsed->list = reallocate(rehearsed->list,
					     rehearsed->capacity * sizeof(rehearsed->list[0]));
	}
	rehearsed->list[rehearsed->count++] = (struct rehearsed_conn){
		.verdict = row->verdict,
		.row = row->row,
		.reader = row->reader,
		.waits_in = find_wait(reading, row),
	};
	row->verdict = NULL;
}

static void leave_row(struct open_row *row, void *data)
{
	open_row_leave(row, UINT64_MAX);
	close_row(row, data);
}

/* Takes a call that a thread is in. */
static void take_current(struct reading *reading, const struct item *item)
{
	const struct tcpshim_event *event = item->event;
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;

	if (!item->is_announced)
		open_rows_take(&reading->rows, item, close_row, reading);
	if (effect != EFFECT_WAIT && effect != EFFECT_EPOLL)
		return;
	reading->waiting = reallocate(reading->waiting,
				      (reading->waiting_count + 1) * sizeof(reading->waiting[0]));
	reading->waiting[reading->waiting_count++] = (struct waiting){
		.reader = item->reader,
		.call = event->call,
		.stack = stacks_number(&reading->rehearsed->stacks, item->reader, event),
	};
}

static int compare(const void *a, const void *b)
{
	const struct rehearsed_conn *x = a, *y = b;

	return (x->row.first_ns > y->row.first_ns) - (x->row.first_ns < y->row.first_ns);
}

static void count(struct rehearsed *rehearsed)
{
	rehearsed->failed = rehearsed->attempts = rehearsed->concerned = rehearsed->passed = 0;
	for (size_t i = 0; i < rehearsed->count; i++) {
		const struct verdict *verdict = rehearsed->list[i].verdict;
		uint64_t passed_ns = verdict->acted_ns + verdict_delay_ns(verdict);

		rehearsed->failed += verdict->is_failed;
		rehearsed->attempts += verdict->is_attempt;
		if (!verdict_is_concerned(verdict))
			continue;
		rehearsed->concerned++;
		if (!verdict_is_passed(verdict))
			continue;
		rehearsed->passed++;
		if (passed_ns > rehearsed->passed_ns)
			rehearsed->passed_ns = passed_ns;
	}
}

void rehearsed_read(struct rehearsed *rehearsed, const char *directory, uint64_t until_ns)
{
	struct reading reading = {.rehearsed = rehearsed,
				  .rows = {.tell = tell, .stacks = &rehearsed->stacks}};
	struct unpacked *current;
	struct merge merge;
	struct item item;

	*rehearsed = (struct rehearsed){.until_ns = until_ns};
	if (!recordings_are_in(directory))
		return;
	recordings_open(&rehearsed->recordings, &directory, 1);
	if (rehearsed->recordings.count == 0)
		return;
	merge_start(&merge, rehearsed->recordings.readers, rehearsed->recordings.count);
	reading.rows.is_joined = merge.count > 1;
	while (merge_next(&merge, &item))
		if (!item.line)
			open_rows_take(&reading.rows, &item, close_row, &reading);
	for (size_t i = 0; i < merge.count; i++)
		reader_find_end(merge.readers[i]);
	current = allocate(sizeof(*current));
	while (merge_next_current(&merge, &item, current))
		take_current(&reading, &item);
	free(current);
	open_rows_visit(&reading.rows, leave_row, &reading);
	open_rows_clear(&reading.rows);
	free(reading.waiting);
	rehearsed->base_ns = merge.base_ns;
	rehearsed->realtime_offset_ns = merge.realtime_offset_ns;
	merge_end(&merge);
	if (rehearsed->count > 0)
		qsort(rehearsed->list, rehearsed->count, sizeof(rehearsed->list[0]), compare);
	count(rehearsed);
}

void rehearsed_kill(struct rehearsed *rehearsed, int pid, int signal)
{
	for (size_t i = 0; i < rehearsed->count; i++) {
		const struct rehearsed_conn *conn = &rehearsed->list[i];

		if (conn->row.pid == pid)
			verdict_kill(conn->verdict, signal, conn->reader->seen_ns);
	}
	count(rehearsed);
}

size_t rehearsed_signal(const struct rehearsed *rehearsed, int except, int signal)
{
	size_t found = 0;

	for (size_t i = 0; i < rehearsed->recordings.count; i++) {
		struct reader *reader = rehearsed->recordings.readers[i];

		if (reader->writer > 0 && reader->writer != except && reader_is_live(reader) &&
		    kill(reader->writer, signal) == 0)
			found++;
	}
	return found;
}

static bool is_same_peer(const struct connection_row *a, const struct connection_row *b)
{
	return a->peer.family == b->peer.family && a->peer.port == b->peer.port &&
	       memcmp(a->peer.bytes, b->peer.bytes, sizeof(a->peer.bytes)) == 0;
}

struct rehearsed_conn *rehearsed_find_later(struct rehearsed *rehearsed,
					    const struct rehearsed_conn *conn, bool is_single,
					    uint32_t *attempts, uint64_t *first_ns)
{
	const struct verdict *verdict = conn->verdict;
	uint64_t from_ns = is_single ? verdict->noticed_ns : verdict->acted_ns;

	*attempts = 0;
	*first_ns = 0;
	if (conn->row.role == ROLE_SERVER || from_ns == 0)
		return NULL;
	for (size_t i = 0; i < rehearsed->count; i++) {
		struct rehearsed_conn *later = &rehearsed->list[i];

		if (later->verdict->first_ns <= from_ns || later->is_taken || later == conn ||
		    later->row.role == ROLE_SERVER ||
		    strcmp(later->reader->header.program, conn->reader->header.program) != 0 ||
		    !is_same_peer(&later->row, &conn->row))
			continue;
		if (later->verdict->opened_ns != 0 && !later->verdict->is_attempt) {
			later->is_taken = true;
			return later;
		}
		if ((*attempts)++ == 0)
			*first_ns = later->verdict->first_ns;
	}
	return NULL;
}

void rehearsed_clear(struct rehearsed *rehearsed)
{
	for (size_t i = 0; i < rehearsed->count; i++) {
		free(rehearsed->list[i].verdict);
		free(rehearsed->list[i].waits_in);
	}
	free(rehearsed->list);
	stacks_clear(&rehearsed->stacks);
	recordings_close(&rehearsed->recordings);
	*rehearsed = (struct rehearsed){0};
}
