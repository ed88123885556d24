#include "cli/command_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/variables.h"
#include "reader/complain.h"

static struct {
	const struct command *command;
	int next; /* the index in argv that the parser has reached */
} parsing;

/* Returns the full name, as "tcpshim report", in memory that is never freed. */
static char *full_name(const struct command *command)
{
	char *name = allocate(sizeof("tcpshim ") + (command->name ? strlen(command->name) : 0));

	sprintf(name, "tcpshim%s%s", command->name ? " " : "", command->name ? command->name : "");
	return name;
}

int command_line_end(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		complain("standard output cannot be written: %s", strerror(errno));
	return EXIT_OWN_FAILURE;
}

/* --- Help. --- */

static struct argp argp_of(const struct command *command)
{
	return (struct argp){
		.options = options_of(command),
		.args_doc = command->arguments,
		.doc = command->doc,
	};
}

static void print_help(const struct command *command, unsigned what)
{
	struct argp argp = argp_of(command);

	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	argp_help(&argp, stdout, what, full_name(command));
}

void command_line_help(const struct command *command)
{
	print_help(command, ARGP_HELP_SHORT_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG);
	if (!command->name)
		puts("\nCommands in place of PROGRAM: see tcpshim help");
}

static void print_synopsis(const struct command *command, const char *before)
{
	printf("%s%s%s%s%s\n", before, full_name(command),
	       command->options || command->variables ? " [OPTION...]" : "",
	       command->arguments ? " " : "", command->arguments ? command->arguments : "");
}

void command_line_overview(void)
{
	print_synopsis(&run_command, "Usage: ");
	for (const struct command *const *command = commands; *command; command++)
		print_synopsis(*command, "  or:  ");
	printf("\n%s\n\nCommands:\n", "Shows what a program does with its TCP connections, and "
				      "what that means.");
	for (const struct command *const *command = commands; *command; command++)
		printf("  %-10s %s\n", (*command)->name, (*command)->meaning);
	puts("\nExamples:\n"
	     "  tcpshim curl -s http://example.com/        the calls, with notes below them\n"
	     "  tcpshim --keepalive=30s,10s,3 PROGRAM      the same, with a policy\n"
	     "  tcpshim --record=/var/tmp PROGRAM          a recording in place of text\n"
	     "  tcpshim report --connections FILE          one row per connection of it\n"
	     "\n"
	     "tcpshim --help shows the options for a program; tcpshim help WORD explains a\n"
	     "command, an option or a note.");
}

/* --- Parsing. --- */

static error_t parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case 'h':
	case '?':
		command_line_help(parsing.command);
		exit(command_line_end(0));
	case OPTION_USAGE:
		print_help(parsing.command, ARGP_HELP_USAGE);
		exit(command_line_end(0));
	case 'V':
		exit(command_line_end(version_command.run()));
	case ARGP_KEY_ERROR:
		parsing.next = state->next;
		return 0;
	default:
		if (options_take(key, argument, state))
			return 0;
		if (parsing.command->parse)
			return parsing.command->parse(key, argument, state);
		if (key == ARGP_KEY_ARG)
			refuse("it takes no argument: leave %s out", argument);
		return ARGP_ERR_UNKNOWN;
	}
}

/* Returns the word in which the parser found an option that is none: the last that it took, or the
 * letters that it is in the middle of. */
static const char *find_refused(const struct argp_option *options, int argc, char **argv)
{
	int next = parsing.next;
	const char *last = next > 1 && next <= argc ? argv[next - 1] : "";

	if (next < argc && last[0] != '-' && argv[next][0] == '-')
		return argv[next];
	if (next < argc && last[0] == '-' && last[1] != '-' && argv[next][0] == '-' &&
	    !options_has_wrong_letter(options, last))
		return argv[next];
	return last;
}

int command_line_run(const struct command *command, int argc, char **argv)
{
	struct argp argp = argp_of(command);

	/* "tcpshim help --keepalive" asks for the option, and does not use it. */
	if (command == &help_command && argc > 1 && argv[1][0] == '-' &&
	    variable_find(argv[1]) >= 0)
		argv[1] += 2;
	argp.parser = parse;
	parsing.command = command;
	argv[0] = full_name(command);
	complain_as(argv[0]);
	if (argp_parse(&argp, argc, argv,
		       ARGP_NO_HELP | ARGP_NO_ERRS | (command->has_program ? ARGP_IN_ORDER : 0),
		       NULL, NULL) != 0)
		options_refuse(argp.options, find_refused(argp.options, argc, argv));
	complain_as("tcpshim");
	return command_line_end(command->run());
}
