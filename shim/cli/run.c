/* tcpshim PROGRAM: runs it with the library in front, as its parent. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/diagnose.h"
#include "cli/launch.h"
#include "cli/options.h"
#include "cli/recordings.h"
#include "reader/complain.h"

enum { OPTION_DIAGNOSE = OPTION_OWN };

static const struct argp_option options[] = {
	{"diagnose", OPTION_DIAGNOSE, NULL, 0,
	 "Records the program in place of a trace, and prints on standard error, at its end, what "
	 "was wrong with its connections",
	 0},
	{NULL, 'c', NULL, 0, "Counts in place of a trace: short for --summary=only", 0},
	{NULL, 'v', "LIST", 0, "Accepted, as truss has it: contents are always shown", 0},
	{0},
};

static struct {
	char **program; /* and its arguments */
	bool is_diagnosing;
} asked;

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case 'c':
		setenv("TCPSHIM_SUMMARY", "only", 1);
		return 0;
	case 'v':
		return 0;
	case OPTION_DIAGNOSE:
		asked.is_diagnosing = true;
		return 0;
	case ARGP_KEY_ARG:
		asked.program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		refuse("name a program to run, or a command; tcpshim help lists them");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Runs the program, recorded into a directory of its own, and prints the diagnosis on standard
 * error: standard output is the program's. Stacks of lines with a warning are few, and a program in
 * good health has none, so it runs as fast as without. All notes are too many: each connection has
 * three or more, and a program that only connects and closes took 1.8 times the processor time. */
static int run_diagnosed(struct launch *launch)
{
	const char *directories[1];
	char directory[PATH_MAX];
	int status;

	if (getenv("TCPSHIM_RECORD"))
		refuse("--diagnose makes a recording of its own and removes it: leave out "
		       "--record and TCPSHIM_RECORD, or keep the recording and give it to tcpshim "
		       "diagnose");
	if (!launch_record(directory))
		return EXIT_OWN_FAILURE;
	launch_imply_stacks("warn");
	status = launch_start(launch);
	if (status == 0) {
		launch_wait(launch);
		status = launch->status;
	}
	fflush(stdout);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	directories[0] = directory;
	if (recordings_are_in(directory))
		diagnose_show(directories, 1, &filter_of_nothing);
	else
		complain("%s made no call on a TCP connection, so there is nothing to diagnose",
			 launch->path);
	recordings_remove(directory);
	return status;
}

static int run(void)
{
	struct launch launch;
	int status = launch_prepare(&launch, asked.program);

	if (status != 0)
		return status;
	if (asked.is_diagnosing)
		return run_diagnosed(&launch);
	status = launch_start(&launch);
	if (status != 0)
		return status;
	launch_wait(&launch);
	return launch.status;
}

const struct command run_command = {
	.arguments = "PROGRAM [ARG...]",
	.doc = "Runs PROGRAM and shows what it does with its TCP connections, and what that means. "
	       "Each long option is the variable TCPSHIM_... of the same name.",
	.options = options,
	.variables = options_all_variables,
	.parse = parse,
	.run = run,
	.has_program = true,
};
