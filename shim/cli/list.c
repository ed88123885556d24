/* tcpshim list: what there is: calls, notes, variables, commands and their options. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/variables.h"
#include "diagnose/finding.h"
#include "format/facts.h"
#include "format/nearest.h"
#include "reader/complain.h"
#include "settings/rehearsal.h"

static void list_calls(void)
{
	for (unsigned call = 0; call < CALL_rehearse; call++)
		if (facts_first_call(call) == call)
			printf("%-18s %%%s\n", call_rows[call].shown, call_rows[call].group);
}

static void list_notes(void)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (facts_first_note(note) == note)
			printf("%-32s %s\n", note_rows[note].id,
			       severity_rows[note_rows[note].severity].mark);
}

static void list_findings(void)
{
	for (unsigned name = 0; name < FINDING_COUNT; name++)
		printf("%-32s %s\n", finding_rows[name].id,
		       severity_rows[finding_rows[name].severity].mark);
}

static void list_scenarios(void)
{
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		printf("%-14s %s\n", scenario_rows[i].word, scenario_rows[i].meaning);
}

static void list_variables(void)
{
	for (const struct variable_row *row = variable_rows; row->name; row++)
		printf("TCPSHIM_%s\n    %s\n    %s\n", row->name, row->values, row->meaning);
}

/* Prints one line per command: word, arguments and meaning, separated by tabs. */
static void list_commands(void)
{
	for (const struct command *const *command = commands; *command; command++)
		printf("%s\t%s\t%s\n", (*command)->name,
		       (*command)->arguments ? (*command)->arguments : "-", (*command)->meaning);
}

/* Prints one line per option: letter, name, values and meaning, separated by tabs; - for what it
 * does not have. */
static void list_options_of(const struct command *command)
{
	const struct argp_option *option = options_of(command);

	for (; option->name || option->key; option++) {
		bool has_letter = option->key > ' ' && option->key < 0x7f;
		bool is_optional = option->flags & OPTION_ARG_OPTIONAL;

		if (option->flags & OPTION_HIDDEN)
			continue;
		printf("%s%c\t%s%s\t%s%s%s\t%s\n", has_letter ? "-" : "",
		       has_letter ? option->key : '-', option->name ? "--" : "-",
		       option->name ? option->name : "", is_optional ? "[" : "",
		       option->arg ? option->arg : "-", is_optional ? "]" : "", option->doc);
	}
}

static void list_options(void)
{
	list_options_of(&run_command);
}

static const struct listing {
	const char *name;
	void (*print)(void);
	bool is_for_programs; /* tcpshim list without a name leaves it out */
} lists[] = {
	{"calls", list_calls, false},         {"notes", list_notes, false},
	{"findings", list_findings, false},   {"scenarios", list_scenarios, false},
	{"variables", list_variables, false}, {"commands", list_commands, true},
	{"options", list_options, true},
};
enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static enum { NOTHING_LISTED, SOMETHING_LISTED, OPTIONS_WANTED, OPTIONS_LISTED } progress;

static void refuse_name(const char *name)
{
	struct nearest nearest;

	nearest_start(&nearest, name, strlen(name));
	for (unsigned i = 0; i < LISTS; i++)
		nearest_offer(&nearest, lists[i].name);
	refuse("there is no list of \"%s\"; did you mean %s? There are calls, notes, findings, "
	       "scenarios, variables, commands and options",
	       name, nearest.found);
}

/* A word after "options" is a command whose options are listed. */
static void take(const char *name)
{
	const struct command *command = command_find(name);

	if (command && (progress == OPTIONS_WANTED || progress == OPTIONS_LISTED)) {
		list_options_of(command);
		progress = OPTIONS_LISTED;
		return;
	}
	if (progress == OPTIONS_WANTED)
		list_options();
	for (unsigned i = 0; i < LISTS; i++) {
		if (strcmp(lists[i].name, name) != 0)
			continue;
		progress = SOMETHING_LISTED;
		if (lists[i].print == list_options)
			progress = OPTIONS_WANTED;
		else
			lists[i].print();
		return;
	}
	refuse_name(name);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	take(argument);
	return 0;
}

static int run(void)
{
	const char *separator = "";

	if (progress == OPTIONS_WANTED)
		list_options();
	for (unsigned i = 0; i < LISTS && progress == NOTHING_LISTED; i++) {
		if (lists[i].is_for_programs)
			continue;
		printf("%s%s:\n", separator, lists[i].name);
		lists[i].print();
		separator = "\n";
	}
	return 0;
}

const struct command list_command = {
	.name = "list",
	.arguments = "[calls|notes|variables|commands|options]...",
	.meaning = "the calls, notes and variables that there are",
	.doc = "Lists the calls, notes, findings, scenarios and variables that there are. The lists of commands and "
	       "options are for scripts: one line each, with tabs between its fields; the options "
	       "are those of the command whose word follows.",
	.parse = parse,
	.run = run,
};
