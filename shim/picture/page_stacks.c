#include "picture/page_stacks.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "picture/page_text.h"
#include "reader/complain.h"

enum { MOST_BYTES = 2 << 20, ROOM = 64 };

struct numbered {
	const char *text;
	int number;
};

static int compare(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	return strcmp(x->text, y->text);
}

const char *page_stacks_find(const char *text)
{
	const char *found = strstr(text, "\n > ");

	return found ? found + 1 : text + strlen(text);
}

int page_stacks_number(struct page_stacks *stacks, const char *text)
{
	const struct numbered key = {.text = text};
	struct numbered **found, *made;
	size_t size = strlen(text);

	if (size == 0)
		return PAGE_STACKS_NONE;
	found = tfind(&key, &stacks->tree, compare);
	if (found)
		return (*found)->number;
	if (size > MOST_BYTES - stacks->bytes)
		return PAGE_STACKS_NONE;
	made = allocate(sizeof(*made));
	*made = (struct numbered){text, (int)stacks->count};
	if (!tsearch(made, &stacks->tree, compare)) {
		complain("not enough memory for the call stacks");
		exit(EXIT_OWN_FAILURE);
	}
	if (stacks->count % ROOM == 0)
		stacks->list =
			reallocate(stacks->list, (stacks->count + ROOM) * sizeof(stacks->list[0]));
	stacks->list[stacks->count++] = text;
	stacks->bytes += size;
	return made->number;
}

void page_stacks_write(FILE *to, const struct page_stacks *stacks)
{
	putc('[', to);
	for (size_t i = 0; i < stacks->count; i++) {
		fputs(i > 0 ? ",\n" : "", to);
		page_text(to, stacks->list[i], strlen(stacks->list[i]));
	}
	fputs("]\n", to);
}

void page_stacks_free(struct page_stacks *stacks)
{
	tdestroy(stacks->tree, free);
	free(stacks->list);
	*stacks = (struct page_stacks){0};
}
