/*
 * command_line: one way for all commands to be called: their options are parsed, help is printed,
 * and what is wrong is said in one line.
 *
 * What the help of a command shows comes from its row (commands.h).
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "cli/commands.h"

/* Parses the arguments and runs the command. argv[0] is ignored. Returns the exit status. */
int command_line_run(const struct command *command, int argc, char **argv);

/* Prints the command's help on standard output. */
void command_line_help(const struct command *command);

/* Prints how each command is called, and examples. */
void command_line_overview(void);

/* Ends the output: returns status, or 125 with a line if standard output could not be written. */
int command_line_end(int status);

#endif
