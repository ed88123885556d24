/*
 * options: the options of a command: its own, and the variables that are options of it too.
 *
 * An option that is a variable is checked by the library's own reading of that variable, and put
 * into the environment.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

#include "cli/commands.h"
#include "settings/config.h"

enum {
	OPTION_VARIABLE = 0x1000, /* and the number of its row in variables.def */
	OPTION_JSON = 0x1800,
	OPTION_OWN = 0x2000,    /* from here on, of each command */
	OPTION_FILTER = 0x2800, /* from here on, of filter_options */
	OPTION_USAGE = 0x3000,
};

/* All variables: for struct command. */
extern const char *const options_all_variables[];

/* Returns the options of a command: its variables, its own, and those that every command has (h, ?,
 * V and OPTION_USAGE); ended by an empty row. */
struct argp_option *options_of(const struct command *command);

/* Takes all variables out of the environment: what is set for programs does not change how a
 * report is written. */
void options_clear(void);

/* Takes an option that is a variable, or one of truss's letters for stamps. Returns false if it is
 * neither. A value that the variable does not take is refused, in the words that were typed. */
/* Returns an option as it was typed: "--keepalive=", or "-t " before a value of its own. argument:
 * as argp's parser gets it. Good until the next call. */
const char *options_typed(int key, const char *argument, const struct argp_state *state);

bool options_take(int key, const char *argument, const struct argp_state *state);

/* Returns whether a word "-abc" has a letter that is no option, or lacks the value of its last. */
bool options_has_wrong_letter(const struct argp_option *options, const char *word);

/* Refuses a word of the command line that looks like an option: says what is wrong with it, and
 * exits. */
void options_refuse(const struct argp_option *options, const char *word) __attribute__((noreturn));

/* Reads what the environment now says into config, for a program of this name. Returns false, after
 * a line for each, where something is not understood. */
bool options_check(const char *program);

#endif
