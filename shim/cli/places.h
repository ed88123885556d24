/*
 * places: where in the program a finding happened, in words, if call stacks were recorded.
 */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "diagnose/diagnosis.h"
#include "reader/stacks.h"

/* Sorts the stacks of each finding, the most frequent first. */
void places_sort(struct finding_list *findings);

/* Appends one sentence: "At server(answer+0x1c) server.c:42 (3 of 5).", or after the most frequent
 * places how many more there are. Returns false if there is none of this number, from 0. */
bool places_append(struct strbuf *buf, const struct finding *finding, const struct stacks *stacks,
		   unsigned number);

#endif
