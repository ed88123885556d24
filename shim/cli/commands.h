/*
 * commands: what `tcpshim` can be asked to do, one row each.
 *
 * A new command is one file with its struct command, and one row in commands.c. From the rows come
 * the parsing of the command line, `tcpshim help`, `tcpshim list commands` and `list options`; from
 * those lists the completion and the synopsis of the manual page.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

struct command {
	const char *name;      /* its word; NULL: none, the arguments are a program to run */
	const char *arguments; /* after the options, as argp's args_doc */
	const char *meaning;   /* one line */
	const char *doc;       /* a paragraph for its help */

	/* Its own options, ended by an empty row; NULL: none. Their keys are letters, or numbers
	 * from OPTION_OWN on (options.h). */
	const struct argp_option *options;
	/* Those that choose calls or connections: filter_options, or NULL. */
	const struct argp_option *filters;
	/* The variables that are options of it too, without TCPSHIM_, ended by NULL; NULL: none. */
	const char *const *variables;

	/* Takes one of its own options, or an argument, as argp's parser does. It says itself what
	 * is wrong, with command_refuse. NULL: there is nothing to take. */
	error_t (*parse)(int key, char *argument, struct argp_state *state);
	/* What follows the first argument, or the second, is a program with its own options. */
	bool has_program;
	/* Does the work once all is parsed. Returns the exit status. */
	int (*run)(void);
};

extern const struct command run_command, report_command, netstat_command, explain_command,
	diagnose_command, rehearse_command, list_command, help_command, version_command;

/* Those with a word, in the order in which help shows them; ends with NULL. */
extern const struct command *const commands[];

/* Returns the command of this word, NULL if there is none. */
const struct command *command_find(const char *word);

#endif
