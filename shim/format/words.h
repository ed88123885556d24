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

/* Takes the next piece up to separator; *rest becomes NULL behind the last. False at the end. */
bool word_next(const char **rest, char separator, struct word *word);

/* Cuts word at its first separator: what stands before it stays, what comes behind is *behind.
 * False: there is none. */
bool word_cut(struct word *word, char separator, struct word *behind);

/* Decimal digits only; false also where the number does not fit. */
bool word_number(struct word word, uint64_t *number);

/* A number with K, M or G behind it (1024, and so on); a bare number is bytes. */
bool word_bytes(struct word word, uint64_t *bytes);

/* A number with ms, s, m or h behind it; a bare number is seconds. */
bool word_milliseconds(struct word word, uint64_t *milliseconds);

#endif
