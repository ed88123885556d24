/*
 * page_choice: which moments of each connection a page has room for.
 *
 * The text of the calls is what makes a page large. All connections get the same number of
 * moments, as many as fit into the budget: first those with warnings and errors, then the first
 * and the latest ones. What few connections do not need, the others get.
 * Context: the command; exits if there is not enough memory.
 */
#ifndef PICTURE_PAGE_CHOICE_H
#define PICTURE_PAGE_CHOICE_H

#include "picture/page.h"

enum { PAGE_MOMENT_BYTES = 2048 }; /* of the text of a moment */

/* Returns how many moments of an end may be kept, so that budget bytes are enough for all. */
size_t page_choice_most(const struct page *page, uint64_t budget);

/* Fills is_kept for each moment of the chronicle; PAGE_MOMENTS of them have room. Returns how many
 * are kept. */
size_t page_choice(const struct chronicle *chronicle, size_t most, bool *is_kept);

/* Returns how many bytes of the moment's text are shown, its stack not included: whole lines, or
 * whole characters. */
size_t page_choice_text(const struct moment *moment);

#endif
