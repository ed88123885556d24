/*
 * diagnose: prints what is wrong with the connections in recordings.
 */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include <stddef.h>

/* Prints the findings about these files and directories on standard output, in the format of
 * config. Returns the exit status. */
int diagnose_show(const char *const *paths, size_t count);

#endif
