/*
 * page: connections and what is wrong with them, as one page for a browser, complete in itself.
 *
 * A page is the frame (page.html with its styles and scripts), and in it three blocks of JSON:
 *
 *   summary   an object: what is drawn at once. page_summary.c
 *   details   one line of JSON per connection, in the same order: its calls. page_details.c
 *   stacks    the call stacks of the details, each once. page_stacks.c
 *
 * The scripts read a line of the details when its connection is opened. Times are microseconds
 * since the base.
 * Context: the command; exits if there is not enough memory. Look at ferror(to) for success.
 */
#ifndef PICTURE_PAGE_H
#define PICTURE_PAGE_H

#include <stdio.h>

#include "diagnose/diagnosis.h"
#include "picture/picture.h"

/* Calls that are kept of each connection; the page may have room for fewer. */
enum { PAGE_MOMENTS = 128 };

/* Of a page with up to 5,000 connections. */
enum { PAGE_BYTES = 19000000 };

/* The page without its blocks: what comes before them, and after. */
struct page_frame {
	const char *head, *tail;
	size_t head_size, tail_size;
};

struct page {
	const struct picture *list;
	size_t count;
	const struct finding_list *findings; /* sorted */
	const char *const *places;           /* of each, where it happened: lines, made printable */
	const char *scope;                   /* one line: what was looked at */
	uint64_t base_ns, end_ns;            /* the time that the page shows */
	int64_t realtime_offset_ns;          /* from the report's clock to the time of day */
};

void page_write(FILE *to, const struct page_frame *frame, const struct page *page);

/* The blocks; the details are followed by the stacks. */
void page_summary(FILE *to, const struct page *page);
/* budget: bytes that it may have, if there are not very many connections. */
void page_details(FILE *to, const struct page *page, size_t budget);

#endif
