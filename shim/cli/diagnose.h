/*
 * diagnose: prints what is wrong with the connections in recordings.
 */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include <stddef.h>

#include "reader/filter.h"

/* Prints the findings about the chosen connections in these files and directories on standard
 * output, in the format of config. chosen: all conditions but those of config. Returns the exit
 * status. */
int diagnose_show(const char *const *paths, size_t count, const struct filter *chosen);

#endif
