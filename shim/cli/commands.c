#include "cli/commands.h"

#include <string.h>

const struct command *const commands[] = {
	&report_command,  &diagnose_command, &rehearse_command,
	&netstat_command, &explain_command,  &list_command,
	&help_command,    &version_command,  NULL,
};

const struct command *command_find(const char *word)
{
	for (const struct command *const *command = commands; *command; command++)
		if (strcmp((*command)->name, word) == 0)
			return *command;
	return NULL;
}
