#include "core/config.h"

#include <errno.h>
#include <string.h>

#include "core/raw.h"
#include "format/facts.h"

enum { MOST_EDITS = 64, LINE_SIZE = 512 };

struct config config;

static const struct config defaults = {
	.has_sleeping = true,
	.style = {.stamps = TRUSS_BASE, .data_bytes = 12, .least_severity = SEVERITY_INFO},
};

/* A piece of a variable's value. */
struct word {
	const char *text;
	size_t size;
};

static bool is_word(struct word word, const char *text)
{
	return strlen(text) == word.size && memcmp(word.text, text, word.size) == 0;
}

/* Takes the next word of a comma-separated list; false at the end. */
static bool next_word(const char **rest, struct word *word)
{
	const char *end;

	if (!*rest)
		return false;
	end = strchr(*rest, ',');
	word->text = *rest;
	word->size = end ? (size_t)(end - *rest) : strlen(*rest);
	*rest = end ? end + 1 : NULL;
	return true;
}

static bool read_number(struct word word, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < word.size; i++) {
		unsigned digit = (unsigned)(word.text[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, digit, number))
			return false;
	}
	return word.size > 0;
}

/* --- One function a variable: false where the value is not understood. --- */

static bool select_calls(struct word word, bool is_shown)
{
	bool is_group = word.size > 0 && word.text[0] == '%', is_found = false;
	struct word name = {word.text + is_group, word.size - is_group};

	if (!is_group && (is_word(name, "all") || is_word(name, "none"))) {
		for (unsigned call = 0; call < CALL_COUNT; call++)
			config.is_shown[call] = is_shown == is_word(name, "all");
		return true;
	}
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		if (!is_word(name, is_group ? call_rows[call].group : call_rows[call].shown))
			continue;
		config.is_shown[call] = is_shown;
		is_found = true;
	}
	return is_found;
}

static bool read_TRACE(const char *value)
{
	bool is_first = true;
	struct word word;

	while (next_word(&value, &word)) {
		bool is_excluded = word.size > 0 && word.text[0] == '!';

		/* A list that begins with an exclusion takes away from all, else it adds to
		 * nothing. */
		for (unsigned call = 0; is_first && call < CALL_COUNT; call++)
			config.is_shown[call] = is_excluded;
		is_first = false;
		if (!select_calls((struct word){word.text + is_excluded, word.size - is_excluded},
				  !is_excluded))
			return false;
	}
	return true;
}

static bool read_FDS(const char *value)
{
	struct word word;

	while (next_word(&value, &word)) {
		if (is_word(word, "stdio"))
			config.has_stdio = true;
		else if (is_word(word, "sockets"))
			config.fds = CONFIG_FDS_SOCKETS;
		else if (is_word(word, "all"))
			config.fds = CONFIG_FDS_ALL;
		else if (!is_word(word, "tcp"))
			return false;
	}
	return true;
}

static bool read_PROGRAMS(const char *value)
{
	config.programs = value;
	return true;
}

/* The working directory may change later: a relative path is made absolute now. */
static bool set_path(const char *value, const char *program)
{
	struct strbuf path;

	strbuf_init(&path, config.output_path, sizeof(config.output_path) - 1);
	if (value[0] != '/') {
		long size = raw_syscall2(SYS_getcwd, (long)config.output_path,
					 sizeof(config.output_path));

		if (size <= 0)
			return false;
		path.size = (size_t)size - 1;
		if (path.size != 1)
			strbuf_char(&path, '/');
	}
	for (; *value; value++) {
		if (value[0] == '%' && value[1] == 'n') {
			strbuf_string(&path, program);
			value++;
		} else {
			strbuf_char(&path, *value);
		}
	}
	path.text[path.size] = '\0';
	return !path.is_cut;
}

static const char *program_name;

static bool read_OUTPUT(const char *value)
{
	uint64_t number;

	if (strcmp(value, "stderr") == 0) {
		config.output = CONFIG_OUTPUT_STDERR;
		return true;
	}
	if (strncmp(value, "fd:", 3) == 0) {
		if (!read_number((struct word){value + 3, strlen(value + 3)}, &number) ||
		    number > INT_MAX ||
		    raw_syscall3(SYS_fcntl, (long)number, 1 /* F_GETFD */, 0) < 0)
			return false;
		config.output = CONFIG_OUTPUT_FD;
		config.output_fd = (int)number;
		return true;
	}
	if (!set_path(value, program_name))
		return false;
	config.output = CONFIG_OUTPUT_PATH;
	return true;
}

static bool read_TIME(const char *value)
{
	unsigned stamps = 0;
	struct word word;

	while (next_word(&value, &word)) {
		if (is_word(word, "base"))
			stamps |= TRUSS_BASE;
		else if (is_word(word, "delta"))
			stamps |= TRUSS_DELTA;
		else if (is_word(word, "elapsed"))
			stamps |= TRUSS_ELAPSED;
		else if (is_word(word, "utc"))
			stamps |= TRUSS_UTC;
		else if (!is_word(word, "none"))
			return false;
	}
	config.style.stamps = stamps;
	return true;
}

static bool read_DATA(const char *value)
{
	if (strcmp(value, "all") == 0) {
		config.style.data_bytes = UINT64_MAX;
		return true;
	}
	return read_number((struct word){value, strlen(value)}, &config.style.data_bytes);
}

static bool read_NOTES(const char *value)
{
	static const struct {
		const char *name;
		enum tcpshim_severity severity;
	} rows[] = {{"on", SEVERITY_INFO},
		    {"off", SEVERITY_NONE},
		    {"info", SEVERITY_INFO},
		    {"warn", SEVERITY_WARN},
		    {"error", SEVERITY_ERROR}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(value, rows[i].name) == 0) {
			config.style.least_severity = (uint8_t)rows[i].severity;
			return true;
		}
	}
	return false;
}

static bool read_SLEEPING(const char *value)
{
	config.has_sleeping = strcmp(value, "on") == 0;
	return config.has_sleeping || strcmp(value, "off") == 0;
}

struct variable {
	const char *name, *wants, *example;
	bool (*read)(const char *value);
};

static const struct variable variables[] = {
#define VARIABLE(name, values, wants, example, meaning) {#name, wants, example, read_##name},
#include "tcpshim/variables.def"
#undef VARIABLE
};
enum { VARIABLE_COUNT = sizeof(variables) / sizeof(variables[0]) };

/* Levenshtein's distance, for the nearest known name. Names longer than MOST_EDITS are far from
 * everything. */
static unsigned count_edits(const char *a, size_t a_size, const char *b)
{
	unsigned row[MOST_EDITS + 1];
	size_t b_size = strlen(b);

	if (a_size > MOST_EDITS || b_size > MOST_EDITS)
		return MOST_EDITS;
	for (unsigned j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_size; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_size];
}

/* Edits, less where both begin alike: OUT is OUTPUT cut short rather than FDS misspelt. */
static int measure_distance(const char *name, size_t size, const char *known)
{
	size_t common = 0;

	while (common < size && known[common] == name[common])
		common++;
	return 2 * (int)count_edits(name, size, known) - 2 * (int)common;
}

/* What the user typed goes to a terminal: without control characters. */
static void append_printable(struct strbuf *line, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		strbuf_char(line, text[i] >= ' ' && text[i] != 0x7f ? text[i] : '?');
}

static void complain_unknown(const char *name, size_t size, config_complain *complain)
{
	char text[LINE_SIZE];
	struct strbuf line;
	const struct variable *nearest = &variables[0];

	for (unsigned i = 1; i < VARIABLE_COUNT; i++)
		if (measure_distance(name, size, variables[i].name) <
		    measure_distance(name, size, nearest->name))
			nearest = &variables[i];
	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: there is no variable TCPSHIM_");
	append_printable(&line, name, size < MOST_EDITS ? size : MOST_EDITS);
	strbuf_string(&line, "; did you mean TCPSHIM_");
	strbuf_string(&line, nearest->name);
	strbuf_string(&line, "? It is left out.");
	complain(line.text, line.size);
}

static void complain_bad(const struct variable *variable, const char *value,
			 config_complain *complain)
{
	char text[LINE_SIZE];
	struct strbuf line;
	size_t size = strlen(value);

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_");
	strbuf_string(&line, variable->name);
	strbuf_string(&line, " is \"");
	append_printable(&line, value, size < LINE_SIZE / 4 ? size : LINE_SIZE / 4);
	strbuf_string(&line, "\", but takes ");
	strbuf_string(&line, variable->wants);
	strbuf_string(&line, ", for example TCPSHIM_");
	strbuf_string(&line, variable->name);
	strbuf_char(&line, '=');
	strbuf_string(&line, variable->example);
	strbuf_string(&line, ". It is left out.");
	complain(line.text, line.size);
}

static void read_variable(const char *name, size_t size, const char *value,
			  config_complain *complain)
{
	static struct config before; /* too large for the stack; only the constructor comes here */

	before = config;
	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		if (!is_word((struct word){name, size}, variables[i].name))
			continue;
		if (*value != '\0' && !variables[i].read(value)) {
			config = before;
			complain_bad(&variables[i], value, complain);
		}
		return;
	}
	complain_unknown(name, size, complain);
}

static const char *find_value(char *const *environment, const char *prefix)
{
	for (; environment && *environment; environment++)
		if (strncmp(*environment, prefix, strlen(prefix)) == 0 &&
		    (*environment)[strlen(prefix)] != '\0')
			return *environment + strlen(prefix);
	return NULL;
}

void config_read(char *const *environment, const char *program, config_complain *complain)
{
	static const char prefix[] = "TCPSHIM_";

	config = defaults;
	program_name = program;
	config.programs = find_value(environment, "TCPSHIM_PROGRAMS=");
	if (!config_has_program(program)) /* left alone: without a word about its other variables */
		return;
	select_calls((struct word){"all", 3}, true);
	for (; environment && *environment; environment++) {
		const char *name = *environment, *equals = strchr(name, '=');

		if (equals && strncmp(name, prefix, sizeof(prefix) - 1) == 0) {
			name += sizeof(prefix) - 1;
			read_variable(name, (size_t)(equals - name), equals + 1, complain);
		}
	}
	for (unsigned call = 0; call < CALL_exit; call++)
		config.is_any_shown |= config.is_shown[call];
	config.is_shown[CALL_exit] = config.is_any_shown;
}

bool config_has_program(const char *program)
{
	const char *rest = config.programs;
	struct word word;

	if (!rest)
		return true;
	while (next_word(&rest, &word))
		if (is_word(word, program))
			return true;
	return false;
}
