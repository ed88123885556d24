#include "reader/block.h"

#include <string.h>

#include "format/unpack.h"
#include "reader/regular.h"

/* Returns where the records of the block end, of which size bytes are there; *events: how many of
 * them are events and transfers. */
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

/* Reads twice: the second reading copies the records that were complete at the first one. Records
 * that were added in between are left for a later call. */
bool block_read(int fd, const struct block_ref *ref, uint8_t *to, struct block_loss *loss)
{
	const struct record_block *block = (const struct record_block *)to;
	uint64_t offset = block_offset(ref->number), sequence;
	size_t size = regular_read(fd, to, RECORD_BLOCK_BYTES, offset), end;
	uint32_t events;

	*loss = (struct block_loss){0};
	if (size < sizeof(*block))
		return false;
	end = find_end(to, size, &events);
	loss->events = block->events > events ? block->events - events : 0;
	if (regular_read(fd, to, size, offset) < size ||
	    regular_read(fd, &sequence, sizeof(sequence), offset) < sizeof(sequence))
		return false;
	if (size < RECORD_BLOCK_BYTES) {
		*loss = (struct block_loss){.is_cut = true};
		memset(to + end, 0, RECORD_BLOCK_BYTES - end);
	} else if (end + sizeof(struct record_head) <= RECORD_BLOCK_BYTES) {
		memset(to + end, 0, sizeof(struct record_head));
	}
	return block->sequence == ref->sequence && sequence == ref->sequence;
}
