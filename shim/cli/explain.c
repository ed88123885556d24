/* tcpshim explain: what a note means, why it happens, what to do. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "format/facts.h"
#include "reader/complain.h"

static const char *const severities[] = {
	[SEVERITY_INFO] = "- info",
	[SEVERITY_WARN] = "! warning",
	[SEVERITY_ERROR] = "!! error",
};

static const char *wanted;

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (wanted)
		argp_usage(state);
	/* As it is printed, with or without the brackets. */
	if (argument[0] == '[' && argument[strlen(argument) - 1] == ']') {
		argument++;
		argument[strlen(argument) - 1] = '\0';
	}
	wanted = argument;
	return 0;
}

static bool is_first(unsigned note)
{
	for (unsigned i = 0; i < note; i++)
		if (strcmp(note_rows[i].id, note_rows[note].id) == 0)
			return false;
	return true;
}

/* Text of several sentences, wrapped at the width, behind an indent. */
static void print_wrapped(const char *text)
{
	enum { INDENT = 4, WIDTH = 76 };
	size_t column = 0;

	while (*text) {
		size_t size = strcspn(text, " ");

		if (column > 0 && column + 1 + size > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column == 0) {
			printf("%*s", INDENT, "");
			column = INDENT;
		} else {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, size, stdout);
		column += size;
		text += size;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* Two rows may share an id, where the same is known with different certainty. */
static void explain(const char *id)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (strcmp(note_rows[note].id, id) != 0)
			continue;
		printf("%s  (%s)\n\n", note_rows[note].id, severities[note_rows[note].severity]);
		print_wrapped(note_rows[note].text);
		putchar('\n');
		print_wrapped(note_rows[note].explanation);
		putchar('\n');
	}
}

static unsigned common_letters(const char *a, const char *b)
{
	unsigned count = 0;

	for (; *a; a++)
		if (strchr(b, *a))
			count++;
	return count;
}

/* The id that has most of its beginning, or of its letters. */
static const char *find_nearest(const char *id)
{
	const char *nearest = note_rows[0].id;
	size_t most = 0;

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		const char *known = note_rows[note].id;
		size_t same = 0, score;

		while (known[same] && known[same] == id[same])
			same++;
		score = 4 * same + common_letters(id, known);
		if (strstr(known, id))
			score += 16;
		if (score > most) {
			most = score;
			nearest = known;
		}
	}
	return nearest;
}

int explain_main(int argc, char **argv)
{
	const struct argp argp = {
		.parser = parse,
		.args_doc = "[NOTE]",
		.doc = "What a note means, why it happens and what to do. Without NOTE: all of "
		       "them, a line each.",
	};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!wanted) {
		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (is_first(note))
				printf("%-32s %s\n", note_rows[note].id,
				       severities[note_rows[note].severity]);
		return 0;
	}
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (strcmp(note_rows[note].id, wanted) == 0) {
			explain(wanted);
			return 0;
		}
	}
	complain("there is no note \"%s\"; did you mean %s? tcpshim explain lists them", wanted,
		 find_nearest(wanted));
	return EXIT_USAGE;
}
