/* The command: runs programs under the library, and reads what they recorded. */
#include <string.h>

#include "cli/commands.h"

const struct command commands[] = {
	{"report", report_main, "shows recordings as text, JSON or tables"},
	{"netstat", netstat_main, "the connections of a process, now"},
	{"explain", explain_main, "what a note means, why it happens, what to do"},
	{"list", list_main, "the calls, notes and variables"},
	{NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	for (const struct command *command = commands; argc > 1 && command->name; command++)
		if (strcmp(argv[1], command->name) == 0)
			return command->main(argc - 1, argv + 1);
	return run_main(argc, argv);
}
