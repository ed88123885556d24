/*
 * block: reads the blocks of a recording (tcpshim/record.h).
 *
 * The block may be written to while it is read, and the file may end within it. Trusts nothing in
 * it. Sizes and offsets are in bytes.
 * Context: the command. Locks: none.
 */
#ifndef READER_BLOCK_H
#define READER_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/record.h"

/* A block that was found in the file: the number of its place, and its sequence then. */
struct block_ref {
	uint64_t sequence;
	uint64_t number;
};

/* What is missing in a block that was read. */
struct block_loss {
	uint32_t events; /* the block's header counts them, but their records are not there */
	bool is_cut;     /* the file ends within the block */
};

/* Returns where a block begins in the file. */
static inline uint64_t block_offset(uint64_t number)
{
	return RECORD_HEADER_BYTES + number * RECORD_BLOCK_BYTES;
}

/* Reads a block to to, which has RECORD_BLOCK_BYTES. After its last complete record is a head of 0.
 * Returns false if the place has been used for another block since it was found. */
bool block_read(int fd, const struct block_ref *ref, uint8_t *to, struct block_loss *loss);

#endif
