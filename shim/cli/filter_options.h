/*
 * filter_options: the options of a command that choose calls or connections: --fd, --conn, --error
 * and so on.
 *
 * A command has them if its struct command names the rows; its parser passes each key on.
 */
#ifndef CLI_FILTER_OPTIONS_H
#define CLI_FILTER_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

#include "reader/filter.h"

/* For struct command; ended by an empty row. */
extern const struct argp_option filter_options[];

/* Takes an option of filter_options. Returns false if it is none. A value that is not understood is
 * refused, in the words that were typed. */
bool filter_options_take(struct filter *filter, int key, const char *value,
			 const struct argp_state *state);

#endif
