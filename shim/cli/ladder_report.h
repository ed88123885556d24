/*
 * ladder_report: report --ladder: the connections of recordings as ladders, one after another.
 */
#ifndef CLI_LADDER_REPORT_H
#define CLI_LADDER_REPORT_H

#include "cli/recordings.h"
#include "reader/filter.h"

/* Writes them on standard output. width: of the terminal, 0: not known. *status: set to the exit
 * status where they are not drawn. */
void ladder_report(const struct recordings *recordings, const struct filter *filter, size_t width,
		   int *status);

#endif
