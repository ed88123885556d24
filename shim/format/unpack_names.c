#include "format/unpack_names.h"

#include <string.h>

#include "format/facts.h"

/* Bytes that are being read. */
struct reading {
	const uint8_t *bytes;
	size_t size, position;
};

/* Returns the next size bytes, NULL if there are not so many. */
static const void *take(struct reading *from, size_t size)
{
	const void *at = from->bytes + from->position;

	if (size > from->size - from->position)
		return NULL;
	from->position += size;
	return at;
}

/* Returns the next zero-terminated string, NULL if there is none. */
static const char *take_string(struct reading *from)
{
	const char *text = (const char *)from->bytes + from->position;
	const char *end = memchr(text, '\0', from->size - from->position);

	return end ? take(from, (size_t)(end - text) + 1) : NULL;
}

/* Reads the number of rows of a table. Returns false if it is above most. */
static bool take_count(struct reading *from, uint32_t most, uint32_t *count)
{
	const void *at = take(from, sizeof(*count));

	if (!at)
		return false;
	memcpy(count, at, sizeof(*count));
	return *count <= most;
}

/* Finds the call with the same name, effect and arguments. */
static uint16_t find_call(const char *name, uint8_t effect, const uint8_t *kinds, uint8_t count)
{
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		const struct call_row *row = &call_rows[call];

		if (strcmp(row->shown, name) == 0 && row->effect == effect &&
		    memcmp(row->kinds, kinds, count) == 0 &&
		    (count == EVENT_ARGUMENTS || row->kinds[count] == ARG_NONE))
			return (uint16_t)call;
	}
	return UNPACK_UNKNOWN;
}

static uint16_t find_note(const char *name)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (strcmp(note_rows[note].name, name) == 0)
			return (uint16_t)note;
	return UNPACK_UNKNOWN;
}

static uint16_t find_fact(const char *name)
{
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++)
		if (strcmp(fact_fields[fact].name, name) == 0)
			return (uint16_t)fact;
	return UNPACK_UNKNOWN;
}

bool unpack_names(struct unpack_names *names, const void *bytes, size_t size)
{
	struct reading from = {bytes, size, 0};
	uint32_t count;

	memset(names, 0xff, sizeof(*names));
	if (!take_count(&from, UNPACK_CALLS, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *row = take(&from, 2), *kinds;
		const char *name = row ? take_string(&from) : NULL;

		if (!name || row[1] > EVENT_ARGUMENTS || !(kinds = take(&from, row[1])))
			return false;
		names->calls[i] = find_call(name, row[0], kinds, row[1]);
	}
	if (!take_count(&from, UNPACK_NOTES, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = take(&from, 2) ? take_string(&from) : NULL;

		if (!name || !take_string(&from))
			return false;
		names->notes[i] = find_note(name);
	}
	if (!take_count(&from, UNPACK_FACTS, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = take(&from, 2) ? take_string(&from) : NULL;

		if (!name)
			return false;
		names->facts[i] = find_fact(name);
	}
	return true;
}
