#include "picture/page_choice.h"

#include <string.h>

#include "picture/page_stacks.h"
#include "picture/wire.h"

enum {
	NUMBERS_BYTES = 72, /* of a moment, beside its text */
	END_BYTES = 500,    /* of an end, beside its moments */
};

size_t page_choice_text(const struct moment *moment)
{
	size_t size = (size_t)(page_stacks_find(moment->text) - moment->text), line;

	if (size <= PAGE_MOMENT_BYTES) {
		while (size > 0 && moment->text[size - 1] == '\n')
			size--;
		return size;
	}
	for (line = PAGE_MOMENT_BYTES; line > 0; line--)
		if (moment->text[line] == '\n')
			return line;
	for (size = PAGE_MOMENT_BYTES; size > 0; size--)
		if (((unsigned char)moment->text[size] & 0xc0) != 0x80)
			break;
	return size;
}

static bool keep(bool *is_kept, size_t at, size_t *kept, size_t most)
{
	if (*kept == most)
		return false;
	*kept += !is_kept[at];
	is_kept[at] = true;
	return true;
}

/* Keeps those with notes that are bad, or not; a quarter of the room is left for the others. */
static void keep_noted(const struct chronicle *chronicle, bool is_bad, size_t most, bool *is_kept,
		       size_t *kept)
{
	for (size_t i = 0; i < chronicle->count && *kept < most * 3 / 4; i++) {
		unsigned severity = wire_severity(&chronicle->list[i].notes);

		if (severity != SEVERITY_NONE && (severity > SEVERITY_INFO) == is_bad)
			keep(is_kept, i, kept, most);
	}
}

size_t page_choice(const struct chronicle *chronicle, size_t most, bool *is_kept)
{
	size_t count = chronicle->count, kept = 0;

	if (count > PAGE_MOMENTS)
		count = PAGE_MOMENTS;
	memset(is_kept, 0, PAGE_MOMENTS * sizeof(is_kept[0]));
	if (count <= most) {
		memset(is_kept, 1, count * sizeof(is_kept[0]));
		return count;
	}
	keep_noted(chronicle, true, most, is_kept, &kept);
	keep_noted(chronicle, false, most, is_kept, &kept);
	for (size_t i = 0; i < count / 2 + 1; i++)
		if (!keep(is_kept, count - 1 - i, &kept, most) || !keep(is_kept, i, &kept, most))
			break;
	return kept;
}

/* Returns how many bytes text takes in JSON. */
static uint64_t written_size(const char *text, size_t size)
{
	uint64_t written = size;

	for (size_t i = 0; i < size; i++)
		written += text[i] == '<' ? 5 : strchr("\n\t\"\\", text[i]) ? 1 : 0;
	return written;
}

static uint64_t end_size(const struct picture_end *end, size_t most)
{
	bool is_kept[PAGE_MOMENTS];
	uint64_t size = END_BYTES;

	if (!end)
		return 0;
	size += 30 * end->chronicle.waypoint_count;
	page_choice(&end->chronicle, most, is_kept);
	for (size_t i = 0; i < end->chronicle.count && i < PAGE_MOMENTS; i++)
		if (is_kept[i])
			size += NUMBERS_BYTES +
				written_size(end->chronicle.list[i].text,
					     page_choice_text(&end->chronicle.list[i]));
	return size;
}

static bool has_room(const struct page *page, size_t most, uint64_t budget)
{
	uint64_t size = 0;

	for (size_t i = 0; i < page->count && size <= budget; i++)
		size += end_size(page->list[i].ours, most) + end_size(page->list[i].theirs, most);
	return size <= budget;
}

size_t page_choice_most(const struct page *page, uint64_t budget)
{
	size_t least = 2, most = PAGE_MOMENTS;

	if (has_room(page, most, budget))
		return most;
	while (most - least > 1) {
		size_t middle = (least + most) / 2;

		if (has_room(page, middle, budget))
			least = middle;
		else
			most = middle;
	}
	return least;
}
