#include "reader/merge.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"

/* --- The heap. --- */

/* Of equal times, the recording and the stream that come first: the same order every time. */
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

static void fill(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		for (size_t j = 0; j < merge->readers[i]->stream_count; j++) {
			struct stream *stream = merge->readers[i]->streams[j];

			if (!stream->has_ahead && stream_advance(stream))
				push(merge, stream);
		}
}

/* The recording of the machine that was booted first: on its clock no time is before 0. */
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
	}
	fill(merge);
}

void merge_refresh(struct merge *merge)
{
	merge->last = NULL;
	free(merge->in_call);
	merge->in_call = NULL;
	for (size_t i = 0; i < merge->count; i++)
		reader_refresh(merge->readers[i]);
	fill(merge);
}

void merge_end(struct merge *merge)
{
	free(merge->heap);
	free(merge->in_call);
}

/* --- Connections. --- */

static int compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->serial > y->serial) - (x->serial < y->serial);
}

const struct known *merge_find(const struct reader *reader, uint32_t serial)
{
	const struct known key = {.serial = serial};
	struct known *const *found = tfind(&key, &reader->connections, compare_known);

	return found ? *found : NULL;
}

static struct known *find_or_add(struct reader *reader, uint32_t serial)
{
	struct known key = {.serial = serial}, *known;
	struct known **found = tfind(&key, &reader->connections, compare_known);

	if (found)
		return *found;
	known = allocate(sizeof(*known));
	*known = key;
	if (!tsearch(known, &reader->connections, compare_known)) {
		complain("there is no memory for the connections");
		exit(EXIT_OWN_FAILURE);
	}
	return known;
}

static void learn(struct reader *reader, struct tcpshim_event *event, bool is_transfer)
{
	struct tcpshim_connection *connection = &event->connection;
	struct known *known;

	if (connection->serial == 0)
		return;
	known = find_or_add(reader, connection->serial);
	if (event->flags & EVENT_ENDPOINTS) {
		known->local = connection->local;
		known->peer = connection->peer;
	}
	if (!is_transfer) {
		known->role = connection->role;
		known->state = connection->state;
	}
	connection->role = known->role;
	connection->state = known->state;
	connection->local = known->local;
	connection->peer = known->peer;
}

/* What the recording as a whole tells of its events. is_transfer: role and state are not in it. */
static void complete(const struct merge *merge, struct reader *reader, struct tcpshim_event *event,
		     bool is_transfer)
{
	learn(reader, event, is_transfer);
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
		.event = &stream->ahead.event,
		.stored_bytes = stream->ahead.stored_bytes,
		.line = stream->line,
		.line_size = stream->line_size,
	};
	if (!item->line)
		complete(merge, stream->reader, item->event, stream->is_transfer);
	return true;
}

static int compare_streams(const void *a, const void *b)
{
	const struct stream *x = *(struct stream *const *)a, *y = *(struct stream *const *)b;

	return is_before(y, x) - is_before(x, y);
}

/* Finds the threads that are in a call. to: room for one. */
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
	*item = (struct item){.reader = next->reader, .event = &to->event};
	complete(merge, next->reader, &to->event, true);
	return true;
}
