/*
 * verdict_report: the verdict of a rehearsal on standard output, as text or JSON.
 *
 * Context: the command.
 */
#ifndef CLI_VERDICT_REPORT_H
#define CLI_VERDICT_REPORT_H

#include "cli/launch.h"
#include "cli/rehearsed.h"
#include "settings/rehearsal.h"

/* What was asked for. */
struct verdict_asked {
	const struct scenario_row *scenario;
	uint64_t within_ns;
	bool is_single;   /* each connection is decided by itself */
	const char *seed; /* of the choice by chance; NULL: there is none */
};

/* Prints it. end_ns: until when the program was watched. Returns whether it has passed. */
bool verdict_report(const struct verdict_asked *asked, struct rehearsed *rehearsed,
		    const struct launch *launch, uint64_t end_ns);

#endif
