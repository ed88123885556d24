/*
 * utf8: well-formed UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_UTF8_H
#define FORMAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a character goes on after its first byte. */
struct utf8_sequence {
	unsigned more;       /* bytes that follow the first */
	uint8_t least, most; /* range of the second byte; further ones are 80 to BF */
};

/* Starts a character with its first byte. False if no character begins with this byte. */
bool utf8_begin(struct utf8_sequence *sequence, uint8_t first);

/* Returns the size in bytes of the character that text begins with, 0 if it is not UTF-8. size is
 * at least 1. */
size_t utf8_size(const uint8_t *text, size_t size);

#endif
