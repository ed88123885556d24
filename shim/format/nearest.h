/*
 * nearest: the known name that is nearest to what somebody typed: the one search behind every "did
 * you mean".
 *
 * Pure; capital letters count as small ones. The names are the caller's, offered one by one.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_NEAREST_H
#define FORMAT_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
	const char *typed;
	size_t size;       /* of typed, in bytes */
	const char *found; /* the nearest name so far; NULL: none was offered */
	unsigned rank;
	int distance;
	unsigned edits; /* letters to insert, delete, replace or swap */
};

/* Begins a search. typed need not end in NUL. */
void nearest_start(struct nearest *nearest, const char *typed, size_t size);

/* Offers a name. Returns true if it is nearer than all before it; then it is kept in found. */
bool nearest_offer(struct nearest *nearest, const char *known);

/* Returns whether the name found differs by so little that it is probably what was meant. */
bool nearest_is_close(const struct nearest *nearest);

#endif
