/* tcpshim help: how a command is called; what an option, a variable or a note means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/explanation.h"
#include "cli/variables.h"
#include "format/nearest.h"
#include "reader/complain.h"

static const char *word;

static void explain_variable(const struct variable_row *row)
{
	char *option = variable_option(row);

	printf("--%s=%s\nTCPSHIM_%s=%s\n\n", option, row->form, row->name, row->form);
	explanation_print_text(row->meaning);
	printf("\n    It takes: %s\n    Example:  --%s=%s\n", row->values, option, row->example);
	free(option);
}

static void refuse_unknown(const char *typed)
{
	struct nearest nearest;

	nearest_start(&nearest, typed, strlen(typed));
	for (const struct command *const *command = commands; *command; command++)
		nearest_offer(&nearest, (*command)->name);
	for (const struct variable_row *row = variable_rows; row->name; row++)
		nearest_offer(&nearest, variable_option(row));
	explanation_offer(&nearest);
	refuse("there is no command, option or note \"%s\"; did you mean tcpshim help %s?", typed,
	       nearest.found);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (word)
		refuse("it explains one word, and %s is a second one", argument);
	if (!command_find(argument) && variable_find(argument) < 0 && !explanation_exists(argument))
		refuse_unknown(argument);
	word = argument;
	return 0;
}

static int run(void)
{
	if (!word)
		command_line_overview();
	else if (command_find(word))
		command_line_help(command_find(word));
	else if (variable_find(word) >= 0)
		explain_variable(&variable_rows[variable_find(word)]);
	else
		explanation_print(word);
	return 0;
}

const struct command help_command = {
	.name = "help",
	.arguments = "[WORD]",
	.meaning = "how a command is called; what an option or a note means",
	.doc = "Shows how the command WORD is called, or what an option, a variable or a note of "
	       "this name means. Without WORD it lists the commands.",
	.parse = parse,
	.run = run,
};
