/* tcpshim explain: what a note means, why it happens, what to do. */
#include <string.h>

#include "cli/commands.h"
#include "cli/explanation.h"
#include "reader/complain.h"

static const char *wanted;

static void refuse_unknown(const char *id)
{
	struct nearest nearest;

	nearest_start(&nearest, id, strlen(id));
	explanation_offer(&nearest);
	refuse("there is no note or finding \"%s\"; did you mean %s? tcpshim explain and tcpshim "
	       "list findings show them",
	       id, nearest.found);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (wanted)
		refuse("it explains one note, and %s is a second one", argument);
	if (!explanation_exists(argument))
		refuse_unknown(argument);
	wanted = argument;
	return 0;
}

static int run(void)
{
	if (wanted)
		explanation_print(wanted);
	else
		explanation_list();
	return 0;
}

const struct command explain_command = {
	.name = "explain",
	.arguments = "[NOTE]",
	.meaning = "what a note or finding means, why it happens, what to do",
	.doc = "Explains a note or a finding of tcpshim diagnose: what it means, why it happens and "
	       "what to do. The numbers in the text of a note are an example. Without NOTE it lists all notes, one line each.",
	.parse = parse,
	.run = run,
};
