/*
 * words: the pieces of a variable's value: lists, numbers, durations.
 *
 * Pure. Nothing is copied: a word is a view of the text it was cut from.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_WORDS_H
#define FORMAT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
	const char *text;
	size_t size;
};

struct word word_of(const char *text);

bool word_is(struct word word, const char *text);

/* Takes the next piece, up to the separator; *rest is NULL after the last one. False: there is no
 * piece left. */
bool word_next(const char **rest, char separator, struct word *word);

/* Cuts the word at its first separator: word keeps what is before it, *after is what follows.
 * False: there is no separator. */
bool word_cut(struct word *word, char separator, struct word *after);

/* Reads a number of decimal digits. False: there are other characters, or it does not fit. */
bool word_number(struct word word, uint64_t *number);

/* Reads a number of bytes with an optional unit: K, M or G (1024, 1024^2, 1024^3). */
bool word_bytes(struct word word, uint64_t *bytes);

/* Reads a duration: a number with ms, s, m or h after it, which may have decimals: 250ms, 1.5s, 2m,
 * 0.2; a bare number is seconds. Parts of a nanosecond are dropped. False also where the number
 * does not fit: after 584 years. */
bool word_duration(struct word word, uint64_t *ns);

/* Reads a duration that is a whole number of milliseconds. */
bool word_milliseconds(struct word word, uint64_t *milliseconds);

#endif
