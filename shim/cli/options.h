/*
 * options: the variables as options of the command, checked by the library's own reading of them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

#include "settings/config.h"

enum {
	OPTION_VARIABLE = 0x1000, /* and the number of its row in variables.def */
	OPTION_OWN = 0x2000,      /* from here on, of each command */
};

/* A list of struct argp_option for the variables whose names are in wanted (NULL: all), and behind
 * them those of more, which ends with an empty one. */
struct argp_option *options_of(const char *const *wanted, const struct argp_option *more);

/* Takes all variables out of the environment: a report is not made by what is set for programs. */
void options_clear(void);

/* An option of these, or one of truss's letters: true if it was one. The variable is put into the
 * environment. */
bool options_take(int key, const char *argument);

/* Reads what the environment now says into config, for a program of this name; false, and a line
 * each, where it is not understood. */
bool options_check(const char *program);

#endif
