#include "format/words.h"

#include <string.h>

struct word word_of(const char *text)
{
	return (struct word){text, strlen(text)};
}

bool word_is(struct word word, const char *text)
{
	return strlen(text) == word.size && memcmp(word.text, text, word.size) == 0;
}

bool word_next(const char **rest, char separator, struct word *word)
{
	const char *end;

	if (!*rest)
		return false;
	end = strchr(*rest, separator);
	word->text = *rest;
	word->size = end ? (size_t)(end - *rest) : strlen(*rest);
	*rest = end ? end + 1 : NULL;
	return true;
}

bool word_cut(struct word *word, char separator, struct word *after)
{
	for (size_t i = 0; i < word->size; i++) {
		if (word->text[i] != separator)
			continue;
		*after = (struct word){word->text + i + 1, word->size - i - 1};
		word->size = i;
		return true;
	}
	return false;
}

bool word_number(struct word word, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < word.size; i++) {
		unsigned digit = (unsigned)(word.text[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return word.size > 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Cuts the digits off the front of word. */
static struct word take_digits(struct word *word)
{
	struct word digits = {word->text, 0};

	while (digits.size < word->size && word->text[digits.size] >= '0' &&
	       word->text[digits.size] <= '9')
		digits.size++;
	*word = (struct word){word->text + digits.size, word->size - digits.size};
	return digits;
}

/* Finds the factor of a unit, 0 if there is none of this name. The last of units has the name "".
 */
static uint64_t find_factor(struct word name, const struct unit *units)
{
	while (!word_is(name, units->name)) {
		if (units->name[0] == '\0')
			return 0;
		units++;
	}
	return units->factor;
}

bool word_bytes(struct word word, uint64_t *bytes)
{
	static const struct unit units[] = {{"K", UINT64_C(1) << 10},
					    {"M", UINT64_C(1) << 20},
					    {"G", UINT64_C(1) << 30},
					    {"", 1}};
	struct word digits = take_digits(&word);
	uint64_t factor = find_factor(word, units);

	return factor != 0 && word_number(digits, bytes) &&
	       !__builtin_mul_overflow(*bytes, factor, bytes);
}

bool word_duration(struct word word, uint64_t *ns)
{
	static const struct unit units[] = {{"ms", 1000000},
					    {"s", 1000000000},
					    {"m", UINT64_C(60) * 1000000000},
					    {"h", UINT64_C(3600) * 1000000000},
					    {"", 1000000000}};
	struct word digits = take_digits(&word), decimals = {"0", 1};
	uint64_t factor, part;

	if (word.size > 0 && word.text[0] == '.') {
		word = (struct word){word.text + 1, word.size - 1};
		decimals = take_digits(&word);
		if (decimals.size == 0)
			return false;
	}
	factor = find_factor(word, units);
	if (factor == 0 || !word_number(digits, ns) || __builtin_mul_overflow(*ns, factor, ns))
		return false;
	part = factor;
	for (size_t i = 0; i < decimals.size && part > 0; i++) {
		part /= 10;
		if (__builtin_add_overflow(*ns, part * (unsigned)(decimals.text[i] - '0'), ns))
			return false;
	}
	return true;
}

bool word_milliseconds(struct word word, uint64_t *milliseconds)
{
	uint64_t ns;

	if (!word_duration(word, &ns) || ns % 1000000 != 0)
		return false;
	*milliseconds = ns / 1000000;
	return true;
}
