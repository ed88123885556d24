#include "diagnose/diagnosis.h"

#include <stdlib.h>

#include "diagnose/findings.h"

static bool (*const finders[FINDING_COUNT])(const struct group *group, struct finding *finding) = {
#define FINDING(name, ...) [FINDING_##name] = find_##name,
#include "tcpshim/findings.def"
#undef FINDING
};

static struct finding *add(struct finding_list *list)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity != 0 ? 2 * list->capacity : 16;
		struct finding *grown = realloc(list->list, capacity * sizeof(grown[0]));

		if (!grown)
			return NULL;
		list->list = grown;
		list->capacity = capacity;
	}
	return &list->list[list->count];
}

bool diagnosis_of(const struct group *group, struct finding_list *to)
{
	for (unsigned name = 0; name < FINDING_COUNT; name++) {
		struct finding *finding = add(to);

		if (!finding)
			return false;
		*finding =
			(struct finding){.name = (uint8_t)name, .group = group, .of = group->count};
		if (finders[name](group, finding))
			to->count++;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	uint8_t x_severity = finding_rows[x->name].severity;
	uint8_t y_severity = finding_rows[y->name].severity;

	if (x_severity != y_severity)
		return x_severity > y_severity ? -1 : 1;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

void diagnosis_sort(struct finding_list *list)
{
	if (list->count > 0)
		qsort(list->list, list->count, sizeof(list->list[0]), compare);
}
