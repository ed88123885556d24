#include "format/nearest.h"

#include <string.h>

/* Names that are longer are far from everything. */
enum { MOST_LETTERS = 64, FAR = 1 << 20 };

void nearest_start(struct nearest *nearest, const char *typed, size_t size)
{
	*nearest = (struct nearest){.typed = typed, .size = size};
}

static bool is_same(char a, char b)
{
	a = a >= 'A' && a <= 'Z' ? (char)(a + 'a' - 'A') : a;
	b = b >= 'A' && b <= 'Z' ? (char)(b + 'a' - 'A') : b;
	return a == b;
}

/* Counts the edits between two names by Levenshtein's rows; two letters that are swapped are one
 * edit. */
static unsigned count_edits(const char *a, size_t a_size, const char *b, size_t b_size)
{
	unsigned rows[3][MOST_LETTERS + 1];
	unsigned *above = rows[0], *row = rows[1], *twice_above = rows[2];

	if (a_size > MOST_LETTERS || b_size > MOST_LETTERS)
		return FAR;
	for (unsigned j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		unsigned *spare = twice_above;

		twice_above = above;
		above = row;
		row = spare;
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_size; j++) {
			unsigned best = above[j - 1] + !is_same(a[i - 1], b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) &&
			    is_same(a[i - 2], b[j - 1]) && twice_above[j - 2] + 1 < best)
				best = twice_above[j - 2] + 1;
			row[j] = best;
		}
	}
	return row[b_size];
}

/* Counts the letters that both names begin with; or those of typed, if known ends with all of it.
 */
static size_t count_common(const struct nearest *nearest, const char *known, size_t known_size)
{
	size_t before = 0, behind = 0;

	while (before < nearest->size && before < known_size &&
	       is_same(known[before], nearest->typed[before]))
		before++;
	while (behind < nearest->size && behind < known_size &&
	       is_same(known[known_size - behind - 1], nearest->typed[nearest->size - behind - 1]))
		behind++;
	return behind == nearest->size ? behind : before;
}

static bool is_close(size_t size, unsigned edits)
{
	enum { LEAST_LETTERS = 3, LETTERS_PER_EDIT = 3 };

	return size >= LEAST_LETTERS && edits <= size / LETTERS_PER_EDIT;
}

/* What is close comes first, then a name that begins or ends with all of typed: OUT is OUTPUT cut
 * short rather than FDS misspelt. Among equals the distance counts: the edits, less what is common.
 */
bool nearest_offer(struct nearest *nearest, const char *known)
{
	size_t size = strlen(known), common = count_common(nearest, known, size);
	unsigned edits = count_edits(nearest->typed, nearest->size, known, size), rank;
	int distance = (int)edits - (int)common;

	rank = is_close(nearest->size, edits) ? 2 : common == nearest->size;
	if (nearest->found &&
	    (rank < nearest->rank || (rank == nearest->rank && distance >= nearest->distance)))
		return false;
	nearest->found = known;
	nearest->rank = rank;
	nearest->distance = distance;
	nearest->edits = edits;
	return true;
}

bool nearest_is_close(const struct nearest *nearest)
{
	return nearest->found && is_close(nearest->size, nearest->edits);
}
