#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/complain.h"

static const struct {
	const char *name, *meaning;
} variables[] = {
#define VARIABLE(name, values, wants, example, meaning) {#name, meaning},
#include "tcpshim/variables.def"
#undef VARIABLE
};
enum { VARIABLES = sizeof(variables) / sizeof(variables[0]) };

static int letter_of(const char *name)
{
	return strcmp(name, "TRACE") == 0 ? 't' : strcmp(name, "OUTPUT") == 0 ? 'o' : 0;
}

static bool is_wanted(const char *name, const char *const *wanted)
{
	if (!wanted)
		return true;
	for (; *wanted; wanted++)
		if (strcmp(*wanted, name) == 0)
			return true;
	return false;
}

/* TCPSHIM_RECORD_SIZE is --record-size. */
static char *option_name(const char *variable)
{
	char *name = duplicate(variable);

	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return name;
}

struct argp_option *options_of(const char *const *wanted, const struct argp_option *more)
{
	size_t count = 0, extra = 0;
	struct argp_option *options;

	while (more[extra].name || more[extra].key || more[extra].doc)
		extra++;
	options = allocate((VARIABLES + extra + 1) * sizeof(*options));
	for (unsigned i = 0; i < VARIABLES; i++) {
		if (!is_wanted(variables[i].name, wanted))
			continue;
		options[count++] = (struct argp_option){
			.name = option_name(variables[i].name),
			.key = letter_of(variables[i].name) ? letter_of(variables[i].name)
							    : OPTION_VARIABLE + (int)i,
			.arg = "VALUE",
			.doc = variables[i].meaning,
		};
	}
	memcpy(options + count, more, (extra + 1) * sizeof(*options));
	return options;
}

void options_clear(void)
{
	char **from = environ;

	while (*from) {
		size_t size = strcspn(*from, "=");
		char *name = strndup(*from, size);

		if (name && strncmp(name, "TCPSHIM_", 8) == 0)
			unsetenv(name); /* the next one is here now */
		else
			from++;
		free(name);
	}
}

static void put(const char *name, const char *value)
{
	char variable[64];

	snprintf(variable, sizeof(variable), "TCPSHIM_%s", name);
	setenv(variable, value, 1);
}

/* The letters that add a stamp: the first one that is given replaces what was there before. */
static void add_stamp(const char *stamp)
{
	static bool is_begun;
	const char *before = is_begun ? getenv("TCPSHIM_TIME") : NULL;
	char value[64];

	snprintf(value, sizeof(value), "%s%s%s", before ? before : "", before ? "," : "", stamp);
	is_begun = true;
	put("TIME", value);
}

/* The program's children may start elsewhere: a relative path is that of here for all of them. */
static void put_path(const char *name, const char *value)
{
	bool is_relative = value[0] != '/' && value[0] != '\0' && strcmp(value, "stderr") != 0 &&
			   strcmp(value, "none") != 0 && strncmp(value, "fd:", 3) != 0;
	char *folder = is_relative ? getcwd(NULL, 0) : NULL, *path;

	if (!folder) {
		put(name, value);
		return;
	}
	path = allocate(strlen(folder) + strlen(value) + 2);
	sprintf(path, "%s/%s", folder, value);
	put(name, path);
	free(path);
	free(folder);
}

bool options_take(int key, const char *argument)
{
	switch (key) {
	case 't':
		put("TRACE", argument);
		return true;
	case 'o':
		put_path("OUTPUT", argument);
		return true;
	case 'd':
		add_stamp("base");
		return true;
	case 'D':
		add_stamp("delta");
		return true;
	case 'E':
		add_stamp("elapsed");
		return true;
	default:
		if (key < OPTION_VARIABLE || key >= OPTION_VARIABLE + VARIABLES)
			return false;
		if (strcmp(variables[key - OPTION_VARIABLE].name, "RECORD") == 0)
			put_path("RECORD", argument);
		else
			put(variables[key - OPTION_VARIABLE].name, argument);
		return true;
	}
}

/* What the library would leave out, the command does not run with. */
static void say(const char *line, size_t size)
{
	static const char end[] = " It is ignored.";

	if (size > sizeof(end) &&
	    memcmp(line + size - (sizeof(end) - 1), end, sizeof(end) - 1) == 0)
		size -= sizeof(end) - 1;
	fprintf(stderr, "%.*s\n", (int)size, line);
}

static void say_nothing(const char *line, size_t size)
{
	(void)line;
	(void)size;
}

/* What is merely worth saying the library says itself, when it starts. */
bool options_check(const char *program)
{
	config_read(environ, program, say_nothing);
	if (config.errors == 0)
		return true;
	config_read(environ, program, say);
	return false;
}
