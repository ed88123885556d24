/*
 * diagnosis: all that is wrong with the connections of a group.
 *
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_DIAGNOSIS_H
#define DIAGNOSE_DIAGNOSIS_H

#include "diagnose/finding.h"

struct finding_list {
	struct finding *list;
	size_t count, capacity;
};

/* Adds all findings of the group. Returns false if there is not enough memory. */
bool diagnosis_of(const struct group *group, struct finding_list *to);

/* Sorts the worst first. */
void diagnosis_sort(struct finding_list *list);

#endif
