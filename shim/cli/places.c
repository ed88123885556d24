#include "cli/places.h"

#include <stdlib.h>

enum { SHOWN_STACKS = 3 };

static int compare_stacks(const void *a, const void *b)
{
	const struct finding_stack *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

void places_sort(struct finding_list *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->list[i];

		qsort(finding->stacks, finding->stack_count, sizeof(finding->stacks[0]),
		      compare_stacks);
	}
}

bool places_append(struct strbuf *buf, const struct finding *finding, const struct stacks *stacks,
		   unsigned number)
{
	if (number > SHOWN_STACKS || number >= finding->stack_count)
		return false;
	strbuf_string(buf, "At ");
	if (number == SHOWN_STACKS) {
		strbuf_count(buf, finding->stack_count - number, "more place");
		strbuf_char(buf, '.');
		return true;
	}
	stacks_append(stacks, finding->stacks[number].stack, buf);
	strbuf_string(buf, " (");
	strbuf_unsigned(buf, finding->stacks[number].count);
	strbuf_string(buf, " of ");
	strbuf_unsigned(buf, finding->count);
	strbuf_string(buf, ").");
	return true;
}
