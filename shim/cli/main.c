/* The command: runs programs under the library, and reads what they recorded. */
#include "cli/command_line.h"
#include "cli/commands.h"

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;

	if (command)
		return command_line_run(command, argc - 1, argv + 1);
	return command_line_run(&run_command, argc, argv);
}
