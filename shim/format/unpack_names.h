/*
 * unpack_names: the tables of names of a recording (tcpshim/record.h).
 *
 * The numbers of calls, notes and facts in a file are those of the version that wrote it. They are
 * translated by name to the numbers of this version.
 * Pure. Trusts no byte: damaged tables are refused, and nothing outside of them is read.
 * Context: anywhere. Locks: none. Errno: untouched.
 */
#ifndef FORMAT_UNPACK_NAMES_H
#define FORMAT_UNPACK_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most rows that a table may have. */
enum { UNPACK_CALLS = 512, UNPACK_NOTES = 1024, UNPACK_FACTS = 64, UNPACK_UNKNOWN = 0xffff };

/* This version's number for each number in the file; UNPACK_UNKNOWN where it has none. */
struct unpack_names {
	uint16_t calls[UNPACK_CALLS], notes[UNPACK_NOTES], facts[UNPACK_FACTS];
};

/* Reads the tables of names, size bytes of them. Returns false if they are damaged. */
bool unpack_names(struct unpack_names *names, const void *bytes, size_t size);

#endif
