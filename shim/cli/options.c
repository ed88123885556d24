#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/variables.h"
#include "format/nearest.h"
#include "reader/complain.h"

const char *const options_all_variables[] = {NULL};

/* truss's letters, for a command that has the variable TIME; and the short form of
 * --format=json. */
static const struct argp_option letters[] = {
	{NULL, 'd', NULL, 0, "Stamps lines with the time since the start, as truss does", 0},
	{NULL, 'D', NULL, 0, "Stamps lines with the time since the thread's last line", 0},
	{NULL, 'E', NULL, 0, "Stamps lines with the time inside the call", 0},
	{0},
};
static const struct argp_option json_option[] = {
	{"json", OPTION_JSON, NULL, 0, "Short for --format=json", 0},
	{0},
};

/* Every command has them. */
static const struct argp_option standard_options[] = {
	{"help", 'h', NULL, 0, "Prints this help", -1},
	{NULL, '?', NULL, OPTION_HIDDEN, NULL, -1},
	{"usage", OPTION_USAGE, NULL, 0, "Prints the options in short", -1},
	{"version", 'V', NULL, 0, "Prints the version", -1},
	{0},
};

static bool is_wanted(const char *name, const char *const *wanted)
{
	if (wanted == options_all_variables)
		return true;
	for (; wanted && *wanted; wanted++)
		if (strcmp(*wanted, name) == 0)
			return true;
	return false;
}

static int letter_of(const char *name)
{
	return strcmp(name, "TRACE") == 0 ? 't' : strcmp(name, "OUTPUT") == 0 ? 'o' : 0;
}

static bool is_end(const struct argp_option *option)
{
	return !option->name && !option->key && !option->doc;
}

/* A list that grows; each row is a group of its own, so that help keeps their order. */
struct list {
	struct argp_option *rows;
	size_t count;
};

static void add(struct list *list, const struct argp_option *option)
{
	list->rows = reallocate(list->rows, (list->count + 2) * sizeof(list->rows[0]));
	list->rows[list->count] = *option;
	if (option->group == 0)
		list->rows[list->count].group = (int)list->count + 1;
	list->count++;
	list->rows[list->count] = (struct argp_option){0};
}

static void add_all(struct list *list, const struct argp_option *options)
{
	for (; options && !is_end(options); options++)
		add(list, options);
}

static void add_variable(struct list *list, int number)
{
	const struct variable_row *row = &variable_rows[number];
	int letter = letter_of(row->name);

	add(list, &(const struct argp_option){
			  .name = variable_option(row),
			  .key = letter != 0 ? letter : OPTION_VARIABLE + number,
			  .arg = row->form,
			  .doc = row->meaning,
		  });
	if (strcmp(row->name, "FORMAT") == 0)
		add_all(list, json_option);
	if (strcmp(row->name, "TIME") == 0)
		add_all(list, letters);
}

struct argp_option *options_of(const struct command *command)
{
	struct list list = {0};

	for (int i = 0; variable_rows[i].name; i++)
		if (is_wanted(variable_rows[i].name, command->variables))
			add_variable(&list, i);
	add_all(&list, command->options);
	add_all(&list, command->filters);
	add_all(&list, standard_options);
	return list.rows;
}

/* --- Variables. --- */

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

/* Adds a stamp; the first letter that is given replaces what was set before. */
static void add_stamp(const char *stamp)
{
	static bool is_begun;
	const char *before = is_begun ? getenv("TCPSHIM_TIME") : NULL;
	char value[64];

	snprintf(value, sizeof(value), "%s%s%s", before ? before : "", before ? "," : "", stamp);
	is_begun = true;
	put("TIME", value);
}

static bool is_path(const char *name, const char *value)
{
	if (strcmp(name, "OUTPUT") == 0)
		return strcmp(value, "stderr") != 0 && strncmp(value, "fd:", 3) != 0;
	return strcmp(name, "RECORD") == 0 && strcmp(value, "none") != 0;
}

/* Puts a path. The program's children may start elsewhere: a relative path is made absolute here.
 */
static void put_path(const char *name, const char *value)
{
	char *folder = value[0] != '/' ? getcwd(NULL, 0) : NULL, *path;

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

/* --- What is wrong with a value. --- */

const char *options_typed(int key, const char *argument, const struct argp_state *state)
{
	static char text[128];
	const char *word = state->argv[state->next - 1];

	if (word == argument && state->next > 1)
		word = state->argv[state->next - 2];
	if (strncmp(word, "--", 2) == 0)
		snprintf(text, sizeof(text), "%.*s=", (int)strcspn(word, "="), word);
	else
		snprintf(text, sizeof(text), "-%c ", key);
	return text;
}

/* Refuses a path whose directory does not exist, or in which no file can be made. typed: what was
 * typed before the value; remedy: what else could be named. */
static void check_folder(const char *typed, const char *value, const char *folder,
			 const char *remedy)
{
	struct stat status;

	if (stat(folder, &status) < 0)
		refuse("%s%s: the directory %s does not exist: make it (mkdir -p), or name %s",
		       typed, value, folder, remedy);
	if (!S_ISDIR(status.st_mode))
		refuse("%s%s: %s is no directory: name %s", typed, value, folder, remedy);
	if (access(folder, W_OK | X_OK) < 0)
		refuse("%s%s: no file can be made in the directory %s: %s; name %s", typed, value,
		       folder, strerror(errno), remedy);
}

static void check_parent(const char *typed, const char *value, const char *remedy)
{
	char *folder = duplicate(value), *slash = strrchr(folder, '/');

	if (!slash)
		strcpy(folder, ".");
	else if (slash == folder)
		folder[1] = '\0';
	else
		*slash = '\0';
	if (!strchr(folder, '%')) /* what it will be is not known here */
		check_folder(typed, value, folder, remedy);
	free(folder);
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Checks where a trace or a recording is to go. A recording goes into a directory, or has %p in its
 * path. */
static void check_path(const char *name, const char *typed, const char *value)
{
	if (strcmp(name, "OUTPUT") == 0) {
		if (is_folder(value))
			refuse("%s%s: it is a directory: name a file in it", typed, value);
		if (access(value, F_OK) < 0)
			check_parent(typed, value, "a file in another one");
		return;
	}
	if (strstr(value, "%p") && !is_folder(value) && value[strlen(value) - 1] != '/')
		check_parent(typed, value, "another one");
	else
		check_folder(typed, value, value, "another one, or a path with %p in it");
}

static void take_variable(int number, const char *typed, const char *value)
{
	const struct variable_row *row = &variable_rows[number];

	if (value[0] != '\0' && is_path(row->name, value)) {
		check_path(row->name, typed, value);
		put_path(row->name, value);
		return;
	}
	if (!config_takes(row->name, value))
		refuse("%s%s: it takes %s, for example %s%s", typed, value, row->wants, typed,
		       row->example);
	put(row->name, value);
}

bool options_take(int key, const char *argument, const struct argp_state *state)
{
	switch (key) {
	case 't':
		take_variable(variable_find("TRACE"), options_typed(key, argument, state),
			      argument);
		return true;
	case 'o':
		take_variable(variable_find("OUTPUT"), options_typed(key, argument, state),
			      argument);
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
	case OPTION_JSON:
		put("FORMAT", "json");
		return true;
	default:
		if (key < OPTION_VARIABLE || key >= OPTION_JSON)
			return false;
		take_variable(key - OPTION_VARIABLE, options_typed(key, argument, state), argument);
		return true;
	}
}

/* --- What is wrong with a word. --- */

static const struct argp_option *find_letter(const struct argp_option *options, char letter)
{
	for (; !is_end(options); options++)
		if (options->key == letter)
			return options;
	return NULL;
}

/* Finds the option of this name, or the only one that begins so. *count: how many begin so. */
static const struct argp_option *find_long(const struct argp_option *options, const char *name,
					   size_t size, unsigned *count)
{
	const struct argp_option *found = NULL;

	*count = 0;
	for (; !is_end(options); options++) {
		if (!options->name || strncmp(options->name, name, size) != 0)
			continue;
		found = options;
		(*count)++;
		if (options->name[size] == '\0') {
			*count = 1;
			return options;
		}
	}
	return *count == 1 ? found : NULL;
}

/* Refuses an option that is none, or that several options begin with. */
static void __attribute__((noreturn))
refuse_unknown(const struct argp_option *options, const char *word, size_t size, unsigned count)
{
	struct nearest nearest;
	char names[256] = "";

	if (count > 1) {
		for (size_t used = 0; !is_end(options); options++)
			if (options->name && strncmp(options->name, word + 2, size) == 0 &&
			    used < sizeof(names))
				used += (size_t)snprintf(names + used, sizeof(names) - used,
							 "%s--%s", used > 0 ? ", " : "",
							 options->name);
		refuse("%s is short for several options: %s", word, names);
	}
	nearest_start(&nearest, word + 2, size);
	for (; !is_end(options); options++)
		if (options->name && !(options->flags & OPTION_HIDDEN))
			nearest_offer(&nearest, options->name);
	refuse("there is no option %.*s; did you mean --%s?", (int)size + 2, word, nearest.found);
}

static void __attribute__((noreturn))
refuse_letter(const struct argp_option *options, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct argp_option *option = find_letter(options, *letter);

		if (!option)
			refuse("there is no option -%c; --help shows those that there are",
			       *letter);
		if (option->arg && !(option->flags & OPTION_ARG_OPTIONAL))
			refuse("-%c needs a value: -%c %s", *letter, *letter, option->arg);
	}
	refuse("%s is not understood; --help shows the options", word);
}

bool options_has_wrong_letter(const struct argp_option *options, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct argp_option *option = find_letter(options, *letter);

		if (!option)
			return true;
		if (option->arg)
			return letter[1] == '\0';
	}
	return false;
}

void options_refuse(const struct argp_option *options, const char *word)
{
	const struct argp_option *option;
	size_t size;
	unsigned count;

	if (strncmp(word, "--", 2) != 0)
		refuse_letter(options, word);
	size = strcspn(word + 2, "=");
	option = find_long(options, word + 2, size, &count);
	if (!option)
		refuse_unknown(options, word, size, count);
	if (!option->arg)
		refuse("--%s takes no value, and %s gives it one", option->name, word);
	refuse("--%s needs a value: --%s=%s", option->name, option->name, option->arg);
}

/* --- The whole. --- */

/* Prints a line of the library without its ending: the command does not ignore a bad value, it
 * refuses it. */
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

/* Checks the paths of variables, which may have been set before the command started. */
static void check_paths(void)
{
	const char *output = getenv("TCPSHIM_OUTPUT"), *record = getenv("TCPSHIM_RECORD");

	if (output && *output && is_path("OUTPUT", output))
		check_path("OUTPUT", "TCPSHIM_OUTPUT=", output);
	if (record && *record && is_path("RECORD", record))
		check_path("RECORD", "TCPSHIM_RECORD=", record);
}

/* Warnings are left to the library, which prints them when it starts. */
bool options_check(const char *program)
{
	config_read(environ, program, say_nothing);
	if (config_has_program(program))
		check_paths();
	if (config.errors == 0)
		return true;
	config_read(environ, program, say);
	return false;
}
