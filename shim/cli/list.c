/* tcpshim list: the calls, notes and variables that there are. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "format/facts.h"
#include "reader/complain.h"

static const struct {
	const char *name, *values, *meaning;
} variables[] = {
#define VARIABLE(name, values, wants, example, meaning) {#name, values, meaning},
#include "tcpshim/variables.def"
#undef VARIABLE
};

static void list_calls(void)
{
	for (unsigned call = 0; call < CALL_exit; call++) {
		bool is_first = true;

		for (unsigned i = 0; i < call; i++)
			if (strcmp(call_rows[i].shown, call_rows[call].shown) == 0)
				is_first = false;
		if (is_first)
			printf("%-18s %%%s\n", call_rows[call].shown, call_rows[call].group);
	}
}

static void list_notes(void)
{
	static const char *const marks[] = {"-", "!", "!!"};

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		bool is_first = true;

		for (unsigned i = 0; i < note; i++)
			if (strcmp(note_rows[i].id, note_rows[note].id) == 0)
				is_first = false;
		if (is_first)
			printf("%-32s %s\n", note_rows[note].id, marks[note_rows[note].severity]);
	}
}

static void list_variables(void)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		printf("TCPSHIM_%s\n    %s\n    %s\n", variables[i].name, variables[i].values,
		       variables[i].meaning);
}

static const struct {
	const char *name;
	void (*list)(void);
} lists[] = {{"calls", list_calls}, {"notes", list_notes}, {"variables", list_variables}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	if (key == ARGP_KEY_END) {
		if (state->arg_num == 0)
			for (size_t i = 0; i < 3; i++) {
				printf("%s%s:\n", i > 0 ? "\n" : "", lists[i].name);
				lists[i].list();
			}
		return 0;
	}
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (strcmp(lists[i].name, argument) == 0) {
			lists[i].list();
			return 0;
		}
	}
	complain("there is no list of \"%s\": calls, notes or variables", argument);
	exit(EXIT_USAGE);
}

int list_main(int argc, char **argv)
{
	const struct argp argp = {
		.parser = parse,
		.args_doc = "[calls|notes|variables]...",
		.doc = "The calls, notes and variables that there are.",
	};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	return 0;
}
