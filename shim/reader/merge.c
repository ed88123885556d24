#include "reader/merge.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "reader/complain.h"
#include "reader/scan.h"

/* --- The heap. --- */

/* Compares by time. Equal times are ordered by recording and stream, so that the order is always
 * the same. */
static bool is_before(const struct stream *a, const struct stream *b)
{
	uint64_t x = a->order_ns + a->reader->shift_ns;
	uint64_t y = b->order_ns + b->reader->shift_ns;

	if (x != y)
		return x < y;
	if (a->reader != b->reader)
		return a->reader < b->reader;
	return a->id < b->id;
}

/* Moves a stream down the heap to where it belongs. */
static void sink_down(struct merge *merge, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1;
		struct stream *stream;

		for (size_t i = child; i < child + 2 && i < merge->heap_size; i++)
			if (is_before(merge->heap[i], merge->heap[least]))
				least = i;
		if (least == at)
			return;
		stream = merge->heap[at];
		merge->heap[at] = merge->heap[least];
		merge->heap[least] = stream;
		at = least;
	}
}

static void push(struct merge *merge, struct stream *stream)
{
	size_t at = merge->heap_size++;

	if (merge->heap_size > merge->heap_capacity) {
		merge->heap_capacity = 2 * merge->heap_size;
		merge->heap =
			reallocate(merge->heap, merge->heap_capacity * sizeof(merge->heap[0]));
	}
	merge->heap[at] = stream;
	while (at > 0 && is_before(stream, merge->heap[(at - 1) / 2])) {
		merge->heap[at] = merge->heap[(at - 1) / 2];
		at = (at - 1) / 2;
		merge->heap[at] = stream;
	}
}

/* Puts the streams that have further events on the heap. */
static void fill(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		for (size_t j = 0; j < merge->readers[i]->stream_count; j++) {
			struct stream *stream = merge->readers[i]->streams[j];

			if (!stream->has_ahead && stream_advance(stream))
				push(merge, stream);
		}
}

/* Returns the header of the recording whose machine was booted first: on its clock no time is
 * negative. */
static const struct record_header *find_first_boot(struct reader **readers, size_t count)
{
	const struct record_header *first = &readers[0]->header;

	for (size_t i = 1; i < count; i++) {
		const struct record_header *header = &readers[i]->header;

		if (strcmp(header->boot, first->boot) != 0 &&
		    header->realtime_offset_ns < first->realtime_offset_ns)
			first = header;
	}
	return first;
}

void merge_start(struct merge *merge, struct reader **readers, size_t count)
{
	const struct record_header *first = find_first_boot(readers, count);

	*merge = (struct merge){
		.readers = readers,
		.count = count,
		.base_ns = first->base_ns,
		.realtime_offset_ns = first->realtime_offset_ns,
	};
	for (size_t i = 0; i < count; i++) {
		const struct record_header *header = &readers[i]->header;

		readers[i]->shift_ns = strcmp(header->boot, first->boot) == 0
					       ? 0
					       : (uint64_t)header->realtime_offset_ns -
							 (uint64_t)first->realtime_offset_ns;
		if (header->base_ns + readers[i]->shift_ns < merge->base_ns)
			merge->base_ns = header->base_ns + readers[i]->shift_ns;
		merge->has_prefixes |= (header->flags & RECORD_HAS_TEXT) != 0;
		scan_refresh(readers[i]);
	}
	fill(merge);
}

void merge_refresh(struct merge *merge)
{
	merge->last = NULL;
	free(merge->in_call);
	merge->in_call = NULL;
	for (size_t i = 0; i < merge->count; i++)
		scan_refresh(merge->readers[i]);
	fill(merge);
}

void merge_end(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++) {
		tdestroy(merge->readers[i]->connections, free);
		polled_free(&merge->readers[i]->polled);
		merge->readers[i]->connections = NULL;
		scan_end(merge->readers[i]);
	}
	free(merge->heap);
	free(merge->in_call);
}

/* --- Connections. --- */

static int compare_known(const void *a, const void *b)
{
	const struct known_connection *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

/* Returns what is known of a connection, after adding it if it is new. */
static struct known_connection *find_or_add(struct reader *reader, uint32_t serial)
{
	struct known_connection key = {.serial = serial}, *known;
	struct known_connection **found = tfind(&key, &reader->connections, compare_known);

	if (found)
		return *found;
	known = allocate(sizeof(*known));
	*known = key;
	known->hanging.fd = -1;
	if (!tsearch(known, &reader->connections, compare_known)) {
		complain("not enough memory for the connections of %s", reader->path);
		exit(EXIT_OWN_FAILURE);
	}
	return known;
}

uint64_t merge_cookie(const struct reader *reader, uint32_t serial)
{
	const struct known_connection key = {.serial = serial};
	struct known_connection *const *found = tfind(&key, &reader->connections, compare_known);

	return found ? (*found)->cookie : 0;
}

/* Learns from the event what it holds of its connection, and adds to it what is known. */
static void learn(struct reader *reader, struct tcpshim_event *event, bool is_transfer)
{
	struct tcpshim_connection *connection = &event->connection;
	struct known_connection *known;

	if (connection->serial == 0)
		return;
	known = find_or_add(reader, connection->serial);
	if (event->flags & EVENT_ENDPOINTS) {
		known->local = connection->local;
		known->peer = connection->peer;
	}
	if (connection->cookie != 0)
		known->cookie = connection->cookie;
	if (!is_transfer) {
		known->role = connection->role;
		known->state = connection->state;
	}
	connection->role = known->role;
	connection->state = known->state;
	connection->cookie = known->cookie;
	connection->local = known->local;
	connection->peer = known->peer;
	if (!(event->flags & EVENT_SLEEPING))
		hanging_learn(&known->hanging, &reader->listeners, event);
}

/* Adds to an event whether its process has several threads, if its record does not hold that: calls
 * that have not returned, and transfers of earlier versions. A process has several threads from
 * then on. */
static void learn_threads(struct reader *reader, struct tcpshim_event *event, bool is_transfer)
{
	if (is_transfer && reader->has_threads)
		event->flags |= EVENT_MANY_THREADS;
	reader->has_threads = (event->flags & EVENT_MANY_THREADS) != 0;
}

/* Adds to an event what the recording as a whole tells of it. is_transfer: the record does not hold
 * role and state. */
static void complete(const struct merge *merge, struct reader *reader, struct tcpshim_event *event,
		     bool is_transfer)
{
	learn(reader, event, is_transfer);
	learn_threads(reader, event, is_transfer);
	if (event->time_ns > reader->seen_ns)
		reader->seen_ns = event->time_ns;
	if (event->start_ns > reader->seen_ns)
		reader->seen_ns = event->start_ns;
	event->base_ns = merge->base_ns;
	event->realtime_ns = reader_realtime(reader, event->time_ns);
	if (event->previous_ns < reader->header.base_ns)
		event->previous_ns = reader->header.base_ns;
	event->time_ns += reader->shift_ns;
	event->start_ns += reader->shift_ns;
	event->previous_ns += reader->shift_ns;
	if (merge->count > 1 && !merge->has_prefixes)
		event->flags |= EVENT_MANY_PROCESSES;
}

/* A wait that finds nothing at once is no rest. */
static void learn_wait(struct stream *stream, const struct tcpshim_event *event)
{
	enum { SHORT_NS = 100000, LONG_NS = 10000000 };

	if (call_rows[event->call].effect != EFFECT_WAIT)
		return;
	if (event->result > 0 || event->time_ns > event->start_ns + SHORT_NS)
		stream->waited_ns = event->time_ns;
	if (event->time_ns > event->start_ns + LONG_NS)
		polled_learn_last(&stream->rested, event);
}

bool merge_next(struct merge *merge, struct item *item)
{
	struct stream *stream;

	if (merge->last) {
		if (stream_advance(merge->last)) {
			sink_down(merge, 0);
		} else {
			merge->heap[0] = merge->heap[--merge->heap_size];
			sink_down(merge, 0);
		}
		merge->last = NULL;
	}
	if (merge->heap_size == 0)
		return false;
	stream = merge->last = merge->heap[0];
	*item = (struct item){
		.reader = stream->reader,
		.stream = stream,
		.event = &stream->ahead.event,
		.stored_bytes = stream->ahead.stored_bytes,
		.line = stream->line,
		.line_size = stream->line_size,
	};
	if (item->line && memmem(item->line, item->line_size, "io_uring", strlen("io_uring")))
		stream->reader->has_unseen_calls = true;
	if (!item->line)
		complete(merge, stream->reader, item->event, stream->is_transfer);
	if (!item->line && !stream->is_transfer && !(item->event->flags & EVENT_SLEEPING)) {
		polled_learn(&stream->reader->polled, item->event);
		polled_learn_last(&stream->polled, item->event);
		learn_wait(stream, item->event);
	}
	return true;
}

static int compare_streams(const void *a, const void *b)
{
	const struct stream *x = *(struct stream *const *)a, *y = *(struct stream *const *)b;

	return is_before(y, x) - is_before(x, y);
}

/* Finds the threads that are in a call. to: memory for one such call. */
static void find_in_call(struct merge *merge, struct unpacked *to)
{
	size_t all = 0;

	for (size_t i = 0; i < merge->count; i++)
		all += merge->readers[i]->stream_count;
	merge->in_call = allocate((all + 1) * sizeof(merge->in_call[0]));
	merge->in_call_count = merge->next_in_call = 0;
	for (size_t i = 0; i < merge->count; i++)
		for (size_t j = 0; j < merge->readers[i]->stream_count; j++) {
			struct stream *stream = merge->readers[i]->streams[j];

			if (!stream_current(stream, to))
				continue;
			stream->order_ns = to->event.start_ns;
			merge->in_call[merge->in_call_count++] = stream;
		}
	qsort(merge->in_call, merge->in_call_count, sizeof(merge->in_call[0]), compare_streams);
}

bool merge_next_current(struct merge *merge, struct item *item, struct unpacked *to)
{
	struct stream *next;

	if (!merge->in_call)
		find_in_call(merge, to);
	if (merge->next_in_call == merge->in_call_count)
		return false;
	next = merge->in_call[merge->next_in_call++];
	stream_current(next, to);
	*item = (struct item){
		.reader = next->reader,
		.event = &to->event,
		.stream = next,
		.is_announced = to->event.start_ns == next->announced_ns,
	};
	complete(merge, next->reader, &to->event, true);
	return true;
}
