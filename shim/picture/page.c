#include "picture/page.h"

#include <stdlib.h>

#include "reader/complain.h"

enum { LEAST_BUDGET = 1 << 20 };

/* Writes the summary to memory, to know how much room it leaves. */
static char *make_summary(const struct page *page, size_t *size)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, size);

	if (to)
		page_summary(to, page);
	if (!to || fclose(to) != 0) {
		complain("not enough memory for the page");
		exit(EXIT_OWN_FAILURE);
	}
	return text;
}

void page_write(FILE *to, const struct page_frame *frame, const struct page *page)
{
	size_t size = 0, others;
	char *summary = make_summary(page, &size);

	others = frame->head_size + frame->tail_size + size;
	fwrite(frame->head, 1, frame->head_size, to);
	fputs("<script type=\"application/json\" id=\"summary\">\n", to);
	fwrite(summary, 1, size, to);
	free(summary);
	fputs("</script>\n<script type=\"application/json\" id=\"details\">\n", to);
	page_details(to, page,
		     others + LEAST_BUDGET < PAGE_BYTES ? PAGE_BYTES - others : LEAST_BUDGET);
	fputs("</script>\n", to);
	fwrite(frame->tail, 1, frame->tail_size, to);
}
