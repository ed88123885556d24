/*
 * scan: finds the blocks of a recording, and the streams that they belong to.
 *
 * Owns reader->streams. Holes of the file are skipped, so time and memory depend on the bytes that
 * are there. Memory: 16 bytes for each block of the file.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_SCAN_H
#define READER_SCAN_H

#include "reader/reader.h"

/* Finds the blocks that were not there the last time, if there was one. Returns false if the file
 * cannot be read. */
bool scan_refresh(struct reader *reader);

/* Frees the streams. */
void scan_end(struct reader *reader);

#endif
