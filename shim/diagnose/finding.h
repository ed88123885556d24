/*
 * finding: what is wrong with the connections of a group, and the numbers that show it.
 *
 * A finding states what the recordings show; where that fits two causes, its text names both. A
 * group in good health has none.
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_FINDING_H
#define DIAGNOSE_FINDING_H

#include "diagnose/group.h"

enum finding_name {
#define FINDING(name, ...) FINDING_##name,
#include "tcpshim/findings.def"
#undef FINDING
	FINDING_COUNT
};

struct finding_row {
	const char *name, *id;
	uint8_t severity;
	const char *why, *what_to_do;
};
extern const struct finding_row finding_rows[FINDING_COUNT];

enum { FINDING_TEXT_BYTES = 512, FINDING_SUGGESTED_BYTES = 160, FINDING_STACKS = 16 };

/* A call stack, and how many of the affected connections have it. */
struct finding_stack {
	uint32_t stack;
	uint32_t count;
};

struct finding {
	uint8_t name; /* enum finding_name */
	const struct group *group;
	size_t count, of;           /* connections: affected, and looked at */
	uint64_t first_ns, last_ns; /* when it began to show, and when it showed last */
	uint64_t weight;            /* the more, the worse; comparable within a finding */
	bool is_inferred;           /* not measured: concluded from what else was seen */
	/* The code, if stacks were recorded: the first FINDING_STACKS that differ. */
	struct finding_stack stacks[FINDING_STACKS];
	unsigned stack_count;
	char what[FINDING_TEXT_BYTES];
	char suggested[FINDING_SUGGESTED_BYTES]; /* what "{}" of what_to_do stands for */
};

#endif
