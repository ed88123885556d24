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

/* A number and its unit; the last of units has a name of nothing. */
static bool read_unit(struct word word, const struct unit *units, uint64_t *value)
{
	size_t digits = 0;
	uint64_t number;

	while (digits < word.size && word.text[digits] >= '0' && word.text[digits] <= '9')
		digits++;
	if (!word_number((struct word){word.text, digits}, &number))
		return false;
	word = (struct word){word.text + digits, word.size - digits};
	while (!word_is(word, units->name)) {
		if (units->name[0] == '\0')
			return false;
		units++;
	}
	return !__builtin_mul_overflow(number, units->factor, value);
}

bool word_bytes(struct word word, uint64_t *bytes)
{
	static const struct unit units[] = {{"K", UINT64_C(1) << 10},
					    {"M", UINT64_C(1) << 20},
					    {"G", UINT64_C(1) << 30},
					    {"", 1}};

	return read_unit(word, units, bytes);
}

bool word_milliseconds(struct word word, uint64_t *milliseconds)
{
	static const struct unit units[] = {{"ms", 1},
					    {"s", 1000},
					    {"m", 60000},
					    {"h", 3600000},
					    {"", 1000}};

	return read_unit(word, units, milliseconds);
}
