#include "reader/scan.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/block.h"
#include "reader/complain.h"
#include "reader/stream.h"

static int compare_ids(const void *a, const void *b)
{
	const struct stream *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int compare_places(const void *a, const void *b)
{
	return compare_ids(*(struct stream *const *)a, *(struct stream *const *)b);
}

/* Finds the stream of this id, or adds it. A new one is the last until scan_refresh sorts them all:
 * in a damaged file each block can have a stream of its own. */
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
		complain("not enough memory for the threads of %s", reader->path);
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

/* Returns the first block from number on that is not in a hole of the file, end if there is none.
 * *known: below this block there is no further hole; 0 at the first call. */
static uint64_t skip_hole(int fd, uint64_t number, uint64_t end, uint64_t *known)
{
	off_t data, hole;

	if (number < *known || number >= end)
		return number;
	*known = end;
	data = lseek(fd, (off_t)block_offset(number), SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? end : number; /* a file system without SEEK_DATA */
	hole = lseek(fd, data, SEEK_HOLE);
	if ((uint64_t)data > block_offset(number))
		number = ((uint64_t)data - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES;
	if (hole > 0)
		*known = ((uint64_t)hole - RECORD_HEADER_BYTES + RECORD_BLOCK_BYTES - 1) /
			 RECORD_BLOCK_BYTES;
	return number < end ? number : end;
}

/* Adds a block to its stream. */
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

/* Adds the blocks from first to below end that the streams do not have yet. Returns the first block
 * that is empty or about to be used again, end if there is none. */
static uint64_t add_blocks(struct reader *reader, uint64_t first, uint64_t end)
{
	uint64_t empty = end, known = 0, number;

	while ((number = skip_hole(reader->fd, first, end, &known)) < end) {
		struct record_block block;

		if (number > first && empty == end)
			empty = first;
		first = number + 1;
		if (!reader_read(reader, &block, sizeof(block), block_offset(number)))
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

/* Sorts the streams by their ids, and the blocks that each has not read yet by their sequence. */
static void sort_streams(struct reader *reader)
{
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
}

/* Whether the file ends before the last block that was ever taken. */
static bool is_cut(const struct reader *reader, uint64_t blocks)
{
	struct stat status;

	return blocks > 0 && fstat(reader->fd, &status) == 0 &&
	       (uint64_t)status.st_size < block_offset(blocks - 1) + sizeof(struct record_block);
}

/* A function for tdestroy: the streams are freed one by one. */
static void keep(void *stream)
{
	(void)stream;
}

bool scan_refresh(struct reader *reader)
{
	const struct record_header *header = &reader->header;
	uint64_t taken;
	bool is_wrapped;

	if (!reader_update(reader))
		return false;
	is_wrapped = header->blocks_taken > header->block_count;
	taken = is_wrapped ? header->block_count : header->blocks_taken;
	reader->damage.is_cut |= is_cut(reader, taken);
	/* If the recording wraps, any block may be new. Else look from the first empty one on:
	 * blocks need not be used in the order of their places. */
	reader->scanned_blocks =
		add_blocks(reader, is_wrapped ? 0 : reader->scanned_blocks, header->block_count);
	sort_streams(reader);
	return true;
}

void scan_end(struct reader *reader)
{
	tdestroy(reader->streams_by_id, keep);
	for (size_t i = 0; i < reader->stream_count; i++)
		stream_free(reader->streams[i]);
	free(reader->streams);
	reader->streams_by_id = NULL;
	reader->streams = NULL;
	reader->stream_count = reader->stream_capacity = 0;
}
