#include "reader/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/regular.h"
#include "reader/writer.h"

enum { MOST_MODULES = 4096 };

/* How many bytes there are, at most size. */
static size_t read_some(int fd, void *to, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return read_some(fd, to, size, offset) == size;
}

static bool read_names(struct reader *reader)
{
	const struct record_header *header = &reader->header;
	uint8_t *bytes;
	bool is_good;

	if (header->names_bytes > header->header_bytes ||
	    header->names_offset > header->header_bytes - header->names_bytes)
		return false;
	bytes = allocate(header->names_bytes);
	is_good = read_at(reader->fd, bytes, header->names_bytes, header->names_offset) &&
		  unpack_names(&reader->names, bytes, header->names_bytes);
	free(bytes);
	return is_good;
}

static bool is_zero(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* One line that says what is wrong with the file, or NULL. */
static const char *check_header(struct reader *reader)
{
	struct record_header *header = &reader->header;

	if (read_at(reader->fd, header, sizeof(*header), 0) && is_zero(header, sizeof(*header)))
		return "was only just begun when its program was killed: there is nothing in it";
	if (!read_at(reader->fd, header, sizeof(*header), 0) ||
	    memcmp(header->magic, RECORD_MAGIC, sizeof(header->magic)) != 0)
		return "is no recording of tcpshim";
	if (header->version != RECORD_VERSION)
		return "was made by another version of tcpshim, whose format this one does not "
		       "know";
	if (header->block_bytes != RECORD_BLOCK_BYTES ||
	    header->header_bytes != RECORD_HEADER_BYTES)
		return "is damaged: its header makes no sense";
	header->program[sizeof(header->program) - 1] = '\0';
	header->executable[sizeof(header->executable) - 1] = '\0';
	header->boot[sizeof(header->boot) - 1] = '\0';
	return read_names(reader) ? NULL : "is damaged: its tables of names make no sense";
}

struct reader *reader_take(const char *path, int fd)
{
	struct reader *reader = allocate(sizeof(*reader));
	const char *wrong;
	struct stat status;

	*reader = (struct reader){.path = path, .fd = fd};
	if (fstat(fd, &status) < 0) {
		complain("%s cannot be read: %s", path, strerror(errno));
	} else if ((wrong = check_header(reader))) {
		complain("%s %s", path, wrong);
	} else {
		reader->is_foreign = status.st_uid != geteuid();
		reader->realtime_offset_ns = reader->header.realtime_offset_ns;
		reader_refresh(reader);
		return reader;
	}
	reader_close(reader);
	return NULL;
}

/* A folder that others may write to has files of any kind. */
struct reader *reader_open(const char *path)
{
	int fd = regular_open(path, 0);

	if (fd >= 0)
		return reader_take(path, fd);
	if (errno == ENOTSUP)
		complain("%s is no recording of tcpshim", path);
	else if (errno == EISDIR)
		complain("%s is a directory: name the recordings in it, %s/*.tcpshim", path, path);
	else
		complain("%s cannot be read: %s", path, strerror(errno));
	return NULL;
}

static void free_stream(struct stream *stream)
{
	free(stream->blocks);
	free(stream->block);
	free(stream->payload);
	free(stream->copy);
	free(stream);
}

static void keep(void *stream)
{
	(void)stream;
}

void reader_close(struct reader *reader)
{
	close(reader->fd);
	tdestroy(reader->streams_by_id, keep);
	for (size_t i = 0; i < reader->stream_count; i++)
		free_stream(reader->streams[i]);
	free(reader->streams);
	for (size_t i = 0; i < reader->module_count; i++)
		free(reader->modules[i].path);
	free(reader->modules);
	tdestroy(reader->connections, free);
	free(reader);
}

bool reader_is_live(struct reader *reader)
{
	struct record_header header;

	if (!read_at(reader->fd, &header, sizeof(header), 0) || header.end != RECORD_NOT_ENDED)
		return false;
	if (reader->writer == 0)
		reader->writer = writer_find(reader->fd, reader->header.pid);
	return reader->writer != 0 && writer_is(reader->fd, reader->writer);
}

/* --- Blocks. --- */

static int compare_ids(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int compare_places(const void *a, const void *b)
{
	return compare_ids(*(struct stream *const *)a, *(struct stream *const *)b);
}

/* A new one stands last, until all are sorted: every block of a bad file can have its own. */
static struct stream *stream_of(struct reader *reader, uint32_t id)
{
	static struct stream key;
	struct stream **found, *stream;

	key.id = id;
	found = tfind(&key, &reader->streams_by_id, compare_ids);
	if (found)
		return *found;
	if (reader->stream_count == reader->stream_capacity) {
		reader->stream_capacity = 2 * reader->stream_capacity + 8;
		reader->streams = reallocate(reader->streams,
					     reader->stream_capacity * sizeof(reader->streams[0]));
	}
	stream = reader->streams[reader->stream_count++] = allocate(sizeof(*stream));
	*stream = (struct stream){.reader = reader, .id = id};
	if (!tsearch(stream, &reader->streams_by_id, compare_ids)) {
		complain("there is no memory for the threads");
		exit(EXIT_OWN_FAILURE);
	}
	return stream;
}

static void add_block(struct stream *stream, uint64_t sequence, uint64_t number)
{
	if (stream->block_count == stream->block_capacity) {
		stream->block_capacity = 2 * stream->block_capacity + 8;
		stream->blocks = reallocate(stream->blocks,
					    stream->block_capacity * sizeof(stream->blocks[0]));
	}
	stream->blocks[stream->block_count++] = (struct block_ref){sequence, number};
}

static int compare_blocks(const void *a, const void *b)
{
	const struct block_ref *x = a, *y = b;

	return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static uint64_t last_sequence(const struct stream *stream)
{
	return stream->block_count > 0 ? stream->blocks[stream->block_count - 1].sequence : 0;
}

static uint64_t offset_of(uint64_t number)
{
	return RECORD_HEADER_BYTES + number * RECORD_BLOCK_BYTES;
}

/* Returns the first block from number on that is not in a hole of the file; end: none is. *known:
 * up to which block that is known already. */
static uint64_t skip_hole(int fd, uint64_t number, uint64_t end, uint64_t *known)
{
	off_t data, hole;

	if (number < *known || number >= end)
		return number;
	*known = end;
	data = lseek(fd, (off_t)offset_of(number), SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? end : number; /* a file system that does not tell */
	hole = lseek(fd, data, SEEK_HOLE);
	if ((uint64_t)data > offset_of(number))
		number = ((uint64_t)data - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES;
	if (hole > 0)
		*known = ((uint64_t)hole - RECORD_HEADER_BYTES + RECORD_BLOCK_BYTES - 1) /
			 RECORD_BLOCK_BYTES;
	return number < end ? number : end;
}

static void take_block(struct reader *reader, const struct record_block *block, uint64_t number)
{
	struct stream *stream;

	if (block->stream == 0) {
		reader->damage.blocks += number >= reader->seen_blocks;
		return;
	}
	stream = stream_of(reader, block->stream);
	if (stream->block_count == 0 || block->sequence > last_sequence(stream) ||
	    stream->next_block == 0)
		add_block(stream, block->sequence, number);
}

/* Takes blocks that the streams do not have yet, in the file from first to below end. Returns the
 * first that is empty, or about to be used again; end if none is. */
static uint64_t scan(struct reader *reader, uint64_t first, uint64_t end)
{
	uint64_t empty = end, known = 0, number;

	while ((number = skip_hole(reader->fd, first, end, &known)) < end) {
		struct record_block block;

		if (number > first && empty == end)
			empty = first;
		first = number + 1;
		if (!read_at(reader->fd, &block, sizeof(block), offset_of(number)))
			return empty < number ? empty : number;
		if (block.sequence != 0)
			take_block(reader, &block, number);
		else if (empty == end)
			empty = number;
		if (first > reader->seen_blocks)
			reader->seen_blocks = first;
	}
	return empty < first ? empty : first;
}

/* Whether the file ends before the last block that was ever taken. */
static bool is_cut(const struct reader *reader, uint64_t blocks)
{
	struct stat status;

	return blocks > 0 && fstat(reader->fd, &status) == 0 &&
	       (uint64_t)status.st_size < offset_of(blocks - 1) + sizeof(struct record_block);
}

bool reader_refresh(struct reader *reader)
{
	const struct record_header *header = &reader->header;
	uint64_t taken;
	struct record_header now;

	if (!read_at(reader->fd, &now, sizeof(now), 0))
		return false;
	reader->header.blocks_taken = now.blocks_taken;
	reader->header.lost_events = now.lost_events;
	reader->header.overwritten_events = now.overwritten_events;
	reader->header.nested_calls = now.nested_calls;
	reader->header.lost_error = now.lost_error;
	reader->header.end = now.end;
	taken = now.blocks_taken < header->block_count ? now.blocks_taken : header->block_count;
	reader->damage.is_cut |= is_cut(reader, taken);
	/* Of one that wraps, any block may be new. Else those from the first empty one on: blocks
	 * need not be used in the order of their places. */
	reader->scanned_blocks =
		scan(reader, now.blocks_taken > header->block_count ? 0 : reader->scanned_blocks,
		     header->block_count);
	if (reader->stream_count > 0)
		qsort(reader->streams, reader->stream_count, sizeof(reader->streams[0]),
		      compare_places);
	for (size_t i = 0; i < reader->stream_count; i++) {
		struct stream *stream = reader->streams[i];

		if (stream->block_count > stream->next_block)
			qsort(stream->blocks + stream->next_block,
			      stream->block_count - stream->next_block, sizeof(stream->blocks[0]),
			      compare_blocks);
	}
	return true;
}

/* Where the records of the block end, of which size bytes are there; *events: how many are of
 * calls. */
static size_t find_end(const uint8_t *block, size_t size, uint32_t *events)
{
	size_t position = sizeof(struct record_block), record;
	struct record_head head;

	*events = 0;
	while ((record = unpack_head(&head, block + position, size - position)) > 0) {
		position += record;
		*events += head.kind == RECORD_TRANSFER || head.kind == RECORD_EVENT;
	}
	return position;
}

/* Reads a block that may be written to: what was complete at the first reading is copied by the
 * second, and what has come since is left for later. The file may end within it. False: it is
 * another block by now. *missing: events that it says are there, and that are not. */
static bool read_block(struct reader *reader, const struct block_ref *ref, uint8_t *to,
		       uint32_t *missing)
{
	const struct record_block *block = (const struct record_block *)to;
	uint64_t offset = offset_of(ref->number), sequence;
	size_t size = read_some(reader->fd, to, RECORD_BLOCK_BYTES, offset), end;
	uint32_t events;

	if (size < sizeof(*block))
		return false;
	end = find_end(to, size, &events);
	*missing = block->events > events ? block->events - events : 0;
	if (!read_at(reader->fd, to, size, offset) ||
	    !read_at(reader->fd, &sequence, sizeof(sequence), offset))
		return false;
	if (size < RECORD_BLOCK_BYTES) {
		reader->damage.is_cut = true;
		*missing = 0;
		memset(to + end, 0, RECORD_BLOCK_BYTES - end);
	} else if (end + sizeof(struct record_head) <= RECORD_BLOCK_BYTES) {
		memset(to + end, 0, sizeof(struct record_head));
	}
	return block->sequence == ref->sequence && sequence == ref->sequence;
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

/* What stands in the stream's block is not its own any more: no record, and in no call. */
static void leave_block(struct stream *stream)
{
	stream->position = RECORD_BLOCK_BYTES;
	memset(stream->block, 0, sizeof(struct record_block));
}

static bool next_block(struct stream *stream)
{
	while (stream->next_block < stream->block_count) {
		const struct block_ref *ref = &stream->blocks[stream->next_block++];
		uint32_t missing;

		if (!stream->block)
			stream->block = allocate(RECORD_BLOCK_BYTES);
		if (read_block(stream->reader, ref, stream->block, &missing)) {
			stream->reader->damage.records += missing;
			enter_block(stream);
			return true;
		}
		stream->reader->damage.blocks++;
		leave_block(stream);
	}
	return false;
}

/* --- Records. --- */

/* The next record, or NULL: none, now. */
static const struct record_head *next_record(struct stream *stream)
{
	bool is_read_again = false;
	uint32_t missing;

	for (;;) {
		const uint8_t *at = stream->block ? stream->block + stream->position : NULL;
		struct record_head head;

		if (at && unpack_head(&head, at, RECORD_BLOCK_BYTES - stream->position) > 0) {
			stream->position += head.size;
			return (const struct record_head *)at;
		}
		if (stream->next_block < stream->block_count) {
			if (next_block(stream))
				continue;
			return NULL;
		}
		/* The last block may have grown. */
		if (is_read_again || !stream->block || stream->next_block == 0)
			return NULL;
		if (!read_block(stream->reader, &stream->blocks[stream->next_block - 1],
				stream->block, &missing)) {
			leave_block(stream);
			return NULL;
		}
		is_read_again = true;
	}
}

/* The payload grows by what the file holds, not by what it says. */
static void add_payload(struct stream *stream, size_t done, const void *bytes, size_t size)
{
	if (stream->payload_capacity < done + size || !stream->payload) {
		stream->payload_capacity = 2 * (done + size) + 8;
		stream->payload = reallocate(stream->payload, stream->payload_capacity);
	}
	memcpy(stream->payload + done, bytes, size);
}

/* The rest of a payload, from the records that follow. */
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
				stream->position -= head->size; /* it comes next */
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

/* One that is not an event may stand ahead too: a line. */
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

/* A transfer's record has room for 12 bytes, also where fewer are recorded. */
static void limit_payload(struct unpacked *ahead, uint64_t data_bytes)
{
	if (ahead->stored_bytes <= data_bytes)
		return;
	ahead->stored_bytes = data_bytes;
	ahead->data.iov_len = data_bytes;
}

static bool take_event(struct stream *stream, const struct record_head *head)
{
	struct reader *reader = stream->reader;
	bool is_unknown_call = false, is_good, has_more;

	has_more = head->kind == RECORD_EVENT && (head->flags & RECORD_HAS_MORE);
	if (has_more) { /* which may stand in another block */
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
	stream->last_start_ns = stream->ahead.event.start_ns;
	if (has_more && stream->ahead.event.data_count > 0)
		put_together(stream);
	return true;
}

static void name_thread(struct stream *stream)
{
	struct tcpshim_event *event = &stream->ahead.event;

	event->pid = stream->reader->header.pid;
	event->tid = stream->tid;
	event->thread_number = stream->thread_number;
	event->program = stream->reader->header.program;
	event->previous_ns = stream->previous_ns != 0 ? stream->previous_ns
						      : stream->reader->header.base_ns;
	if (!(event->flags & EVENT_SLEEPING))
		stream->previous_ns = event->time_ns;
}

/* The clock is set for all streams at once: as events are merged by time, that is when it is told.
 */
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
		default: /* RECORD_MORE without its event, or of a later version */
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
	/* If both are there, the one that began later. */
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
	return true;
}
