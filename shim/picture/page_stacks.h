/*
 * page_stacks: the call stacks of a page, each once: most calls are made from few places.
 *
 * Context: the command; exits if there is not enough memory.
 */
#ifndef PICTURE_PAGE_STACKS_H
#define PICTURE_PAGE_STACKS_H

#include <stddef.h>
#include <stdio.h>

struct page_stacks {
	void *tree;        /* tsearch(3)'s, by text */
	const char **list; /* in the order of their numbers */
	size_t count, bytes;
};

enum { PAGE_STACKS_NONE = -1 };

/* Returns where the stack begins in a moment's text; its end if it has none. */
const char *page_stacks_find(const char *text);

/* Returns the number of a stack, PAGE_STACKS_NONE if it is empty or there is no room for it. text:
 * kept, not copied. */
int page_stacks_number(struct page_stacks *stacks, const char *text);

/* Writes them as a list in JSON. */
void page_stacks_write(FILE *to, const struct page_stacks *stacks);

void page_stacks_free(struct page_stacks *stacks);

#endif
