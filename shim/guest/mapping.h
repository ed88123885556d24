/*
 * mapping: finds the file whose code is at an address of this process, and the name of the function
 * there.
 *
 * Owns a table of the files that are mapped with code. It is read from /proc/self/maps when an
 * address is in none of the known files; entries are never removed. Used only if call stacks are
 * requested.
 * Context: any thread with its guard up and its signals blocked. Locks: none that is waited for:
 * while one thread reads the maps, others go without. Errno: untouched. Keeps I3, I5.
 */
#ifndef GUEST_MAPPING_H
#define GUEST_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "format/strbuf.h"

enum { MAPPING_PATH_BYTES = 216 };

struct mapping {
	uint64_t start, end, offset; /* start's offset in the file */
	const uint8_t *image;        /* the file's contents, mapped, or NULL */
	uint64_t image_bytes;
	char path[MAPPING_PATH_BYTES];
};

/* Allocates the table. Called at most once. Returns false if there is no memory. */
bool mapping_start(void);

/* Reads the maps if one of the addresses is in no known file. text is a work area of size bytes. */
void mapping_learn(const uint64_t *addresses, uint32_t count, char *text, size_t size);

/* Returns the known mapping with this number, in the order in which they were learned. NULL: there
 * are no more. */
const struct mapping *mapping_at(uint32_t number);

/* Appends the symbol of an address, for example "/usr/bin/nc(main+0x2a3)". A truss_symbol. */
void mapping_symbol(struct strbuf *buf, uint64_t address);

#endif
