/*
 * module: which file's code stands at an address of this process, and the name of the function.
 *
 * Owns a table of the files that are mapped with code, read from /proc/self/maps when an address is
 * in none of them; entries are never taken out. Only used where call stacks are asked for.
 * Context: any thread with its guard up and its signals held back. Locks: none that is waited for:
 * while one thread reads the maps, others go without. Errno: untouched. Keeps I3, I5.
 */
#ifndef GUEST_MAPPING_H
#define GUEST_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "format/strbuf.h"

enum { MODULE_PATH_BYTES = 216 };

struct mapping {
	uint64_t start, end, offset; /* of the file, at start */
	const uint8_t *image;        /* the file, mapped, or NULL */
	uint64_t image_bytes;
	char path[MODULE_PATH_BYTES];
};

/* In the constructor. False: no memory. */
bool mapping_start(void);

/* Reads the maps if one of the addresses is in no file that is known. text: a work area. */
void mapping_learn(const uint64_t *addresses, uint32_t count, char *text, size_t size);

/* Those that are known, in the order in which they were learned; NULL behind the last. */
const struct mapping *mapping_at(uint32_t number);

/* "/usr/bin/nc(main+0x2a3)"; a truss_symbol. */
void mapping_symbol(struct strbuf *buf, uint64_t address);

#endif
