/*
 * numbers: a list of numbers, for the least, the median and the largest of them.
 *
 * Context: the command; add returns false if there is not enough memory. Locks: none.
 */
#ifndef DIAGNOSE_NUMBERS_H
#define DIAGNOSE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct numbers {
	uint64_t *list;
	size_t count, capacity;
};

bool numbers_add(struct numbers *numbers, uint64_t number);

/* Return one of the numbers; 0 if there are none. */
uint64_t numbers_least(const struct numbers *numbers);
uint64_t numbers_most(const struct numbers *numbers);
uint64_t numbers_median(struct numbers *numbers);

uint64_t numbers_sum(const struct numbers *numbers);
void numbers_clear(struct numbers *numbers);

#endif
