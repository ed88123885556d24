#include "diagnose/numbers.h"

#include <stdlib.h>

bool numbers_add(struct numbers *numbers, uint64_t number)
{
	if (numbers->count == numbers->capacity) {
		size_t capacity = numbers->capacity != 0 ? 2 * numbers->capacity : 16;
		uint64_t *list = realloc(numbers->list, capacity * sizeof(list[0]));

		if (!list)
			return false;
		numbers->list = list;
		numbers->capacity = capacity;
	}
	numbers->list[numbers->count++] = number;
	return true;
}

uint64_t numbers_least(const struct numbers *numbers)
{
	uint64_t least = numbers->count > 0 ? numbers->list[0] : 0;

	for (size_t i = 1; i < numbers->count; i++)
		least = numbers->list[i] < least ? numbers->list[i] : least;
	return least;
}

uint64_t numbers_most(const struct numbers *numbers)
{
	uint64_t most = 0;

	for (size_t i = 0; i < numbers->count; i++)
		most = numbers->list[i] > most ? numbers->list[i] : most;
	return most;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t numbers_median(struct numbers *numbers)
{
	if (numbers->count == 0)
		return 0;
	qsort(numbers->list, numbers->count, sizeof(numbers->list[0]), compare);
	return numbers->list[numbers->count / 2];
}

uint64_t numbers_sum(const struct numbers *numbers)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < numbers->count; i++)
		sum += numbers->list[i];
	return sum;
}

void numbers_clear(struct numbers *numbers)
{
	free(numbers->list);
	*numbers = (struct numbers){0};
}
