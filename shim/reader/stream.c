#include "reader/stream.h"

#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"

enum { MOST_MODULES = 4096 };

void stream_free(struct stream *stream)
{
	free(stream->blocks);
	free(stream->block);
	free(stream->payload);
	free(stream->copy);
	free(stream);
}

static void enter_block(struct stream *stream)
{
	const struct record_block *block = (const struct record_block *)stream->block;

	stream->position = sizeof(*block);
	stream->time_ns = block->time_ns;
	stream->tid = block->tid;
	stream->thread_number = block->thread_number;
	stream->previous_ns = block->previous_ns;
}

/* Clears the stream's block, which has been used for another stream: it has no record, and its
 * thread is in no call. */
static void leave_block(struct stream *stream)
{
	stream->position = RECORD_BLOCK_BYTES;
	memset(stream->block, 0, sizeof(struct record_block));
}

/* Reads the block. Returns false if its place has been used for another one; *missing: events that
 * it should have and does not. */
static bool read_block(struct stream *stream, const struct block_ref *ref, uint32_t *missing)
{
	struct block_loss loss;
	bool is_read = block_read(stream->reader->fd, ref, stream->block, &loss);

	stream->reader->damage.is_cut |= loss.is_cut;
	*missing = loss.events;
	return is_read;
}

/* Goes to the next block that can be read. Returns false if there is none, now. */
static bool next_block(struct stream *stream)
{
	while (stream->next_block < stream->block_count) {
		const struct block_ref *ref = &stream->blocks[stream->next_block++];
		uint32_t missing;

		if (!stream->block)
			stream->block = allocate(RECORD_BLOCK_BYTES);
		if (read_block(stream, ref, &missing)) {
			stream->reader->damage.records += missing;
			stream->may_grow = stream->next_block == stream->block_count;
			enter_block(stream);
			return true;
		}
		stream->reader->damage.blocks++;
		leave_block(stream);
	}
	return false;
}

/* Reads again the rest of a block that may have grown. */
static void read_again(struct stream *stream)
{
	const struct block_ref *ref = &stream->blocks[stream->next_block - 1];
	uint32_t missing;

	stream->may_grow = stream->next_block == stream->block_count;
	if (!read_block(stream, ref, &missing))
		leave_block(stream);
}

/* Returns the next record, NULL if there is none, now. */
static const struct record_head *next_record(struct stream *stream)
{
	bool is_read_again = false;

	for (;;) {
		const uint8_t *at = stream->block ? stream->block + stream->position : NULL;
		struct record_head head;

		if (at && unpack_head(&head, at, RECORD_BLOCK_BYTES - stream->position) > 0) {
			stream->position += head.size;
			return (const struct record_head *)at;
		}
		/* It may have grown even if there is a next block by now. */
		if (at && stream->may_grow && !is_read_again) {
			is_read_again = true;
			read_again(stream);
		} else if (!next_block(stream)) {
			return NULL;
		}
	}
}

/* Adds size bytes after the first done bytes of the payload. Its memory grows with the bytes that
 * are in the file, not with the size that the file claims. */
static void add_payload(struct stream *stream, size_t done, const void *bytes, size_t size)
{
	if (stream->payload_capacity < done + size || !stream->payload) {
		stream->payload_capacity = 2 * (done + size) + 8;
		stream->payload = reallocate(stream->payload, stream->payload_capacity);
	}
	memcpy(stream->payload + done, bytes, size);
}

/* Adds the rest of a payload, from the records that follow. */
static void put_together(struct stream *stream)
{
	struct unpacked *ahead = &stream->ahead;
	uint64_t total = ahead->event.data_total;
	size_t done = ahead->stored_bytes;
	bool has_more = true;

	add_payload(stream, 0, ahead->data.iov_base, done);
	while (has_more) {
		const struct record_head *head = next_record(stream);
		struct unpacked_bytes more;

		if (!head || head->kind != RECORD_MORE || !unpack_more(&more, head, head->size) ||
		    more.size > total - done) {
			stream->reader->damage.records++;
			if (head && head->kind != RECORD_MORE)
				stream->position -= head->size; /* it is read next */
			break;
		}
		add_payload(stream, done, more.bytes, more.size);
		done += more.size;
		has_more = head->flags & RECORD_HAS_MORE;
	}
	ahead->data = (struct iovec){stream->payload, done};
	ahead->stored_bytes = done;
}

static void take_thread(struct stream *stream, const struct record_head *head)
{
	struct record_thread told;

	if (!unpack_thread(&told, head, head->size))
		return;
	stream->tid = told.tid;
	stream->thread_number = told.thread_number;
	stream->previous_ns = told.previous_ns;
	stream->time_ns = told.time_ns;
}

static void take_clock(struct reader *reader, const struct record_head *head)
{
	struct record_clock told;

	if (unpack_clock(&told, head, head->size))
		reader->realtime_offset_ns = told.realtime_offset_ns;
}

static void take_module(struct reader *reader, const struct record_head *head)
{
	struct record_module told;
	const char *path;

	if (reader->module_count >= MOST_MODULES || !unpack_module(&told, &path, head, head->size))
		return;
	reader->modules =
		reallocate(reader->modules, (reader->module_count + 1) * sizeof(struct module));
	reader->modules[reader->module_count++] =
		(struct module){told.start, told.end, told.offset, duplicate(path)};
}

/* Takes a line as the next event. */
static bool take_line(struct stream *stream, const struct record_head *head)
{
	struct unpacked_bytes line;
	uint64_t time_ns;

	if (!unpack_line(&line, &time_ns, head, head->size))
		return false;
	stream->line = line.bytes;
	stream->line_size = line.size;
	stream->ahead.event.time_ns = time_ns;
	return true;
}

/* Cuts the payload to the bytes that are recorded: a transfer's record always has room for 12. */
static void limit_payload(struct unpacked *ahead, uint64_t data_bytes)
{
	if (ahead->stored_bytes <= data_bytes)
		return;
	ahead->stored_bytes = data_bytes;
	ahead->data.iov_len = data_bytes;
}

/* Takes an event or a transfer as the next event. */
static bool take_event(struct stream *stream, const struct record_head *head)
{
	struct reader *reader = stream->reader;
	bool is_unknown_call = false, is_good, has_more;

	has_more = head->kind == RECORD_EVENT && (head->flags & RECORD_HAS_MORE);
	if (has_more) { /* the rest of the payload may be in another block */
		if (!stream->copy)
			stream->copy = allocate(RECORD_BLOCK_BYTES);
		head = memcpy(stream->copy, head, head->size);
	}
	if (head->kind == RECORD_TRANSFER)
		is_good = unpack_transfer(&stream->ahead, &reader->names, head, head->size,
					  stream->time_ns);
	else
		is_good = unpack_event(&stream->ahead, &reader->names, head, head->size,
				       &is_unknown_call);
	reader->damage.unknown_calls += is_unknown_call;
	reader->damage.records += !is_good && !is_unknown_call;
	if (!is_good)
		return false;
	reader->damage.unknown_notes += stream->ahead.unknown_notes;
	limit_payload(&stream->ahead, reader->header.data_bytes);
	stream->line = NULL;
	stream->is_transfer = head->kind == RECORD_TRANSFER;
	stream->time_ns = stream->ahead.event.time_ns;
	if (stream->ahead.event.flags & EVENT_SLEEPING)
		stream->announced_ns = stream->ahead.event.start_ns;
	else
		stream->last_start_ns = stream->ahead.event.start_ns;
	if (has_more && stream->ahead.event.data_count > 0)
		put_together(stream);
	return true;
}

/* Adds the process and the thread to the event. */
static void name_thread(struct stream *stream)
{
	struct tcpshim_event *event = &stream->ahead.event;

	event->pid = stream->reader->header.pid;
	event->tid = stream->tid;
	event->thread_number = stream->thread_number;
	event->program = stream->reader->header.program;
	event->attributes = stream->reader->attributes;
	event->previous_ns = stream->previous_ns != 0 ? stream->previous_ns
						      : stream->reader->header.base_ns;
	if (!(event->flags & EVENT_SLEEPING))
		stream->previous_ns = event->time_ns;
}

/* A RECORD_CLOCK counts for all streams from when it is read: merge reads streams in the order of
 * time. */
bool stream_advance(struct stream *stream)
{
	const struct record_head *head;

	stream->has_ahead = false;
	while (!stream->has_ahead && (head = next_record(stream))) {
		switch (head->kind) {
		case RECORD_TRANSFER:
		case RECORD_EVENT:
			stream->has_ahead = take_event(stream, head);
			if (stream->has_ahead)
				name_thread(stream);
			break;
		case RECORD_THREAD:
			take_thread(stream, head);
			break;
		case RECORD_CLOCK:
			take_clock(stream->reader, head);
			break;
		case RECORD_LINE:
			stream->has_ahead = take_line(stream, head);
			stream->reader->damage.records += !stream->has_ahead;
			break;
		case RECORD_MODULE:
			take_module(stream->reader, head);
			break;
		default: /* RECORD_MORE without its event, or a kind of a later version */
			break;
		}
	}
	if (stream->has_ahead && stream->ahead.event.time_ns > stream->order_ns)
		stream->order_ns = stream->ahead.event.time_ns;
	return stream->has_ahead;
}

bool stream_current(struct stream *stream, struct unpacked *to)
{
	const struct record_block *block = (const struct record_block *)stream->block;
	struct reader *reader = stream->reader;
	uint64_t start_ns;
	bool is_found;

	if (!block || reader->header.end == RECORD_ENDED)
		return false;
	/* If both are there, the one that began later counts. */
	is_found = unpack_current(to, &reader->names, &block->current);
	start_ns = is_found ? to->event.start_ns : 0;
	if (!unpack_pending(to, &reader->names, stream->block + stream->position,
			    RECORD_BLOCK_BYTES - stream->position, stream->time_ns) ||
	    to->event.start_ns < start_ns)
		is_found = unpack_current(to, &reader->names, &block->current);
	else
		is_found = true;
	if (!is_found || to->event.start_ns == stream->last_start_ns)
		return false;
	to->event.pid = reader->header.pid;
	to->event.tid = stream->tid;
	to->event.thread_number = stream->thread_number;
	to->event.program = reader->header.program;
	to->event.attributes = reader->attributes;
	return true;
}
