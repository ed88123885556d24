#include "settings/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "format/facts.h"
#include "format/nearest.h"
#include "format/words.h"
#include "settings/location.h"
#include "settings/selection.h"
#include "sys/raw.h"

enum { MOST_NAME = 64, LINE_SIZE = 768 };

struct config config;

/* A copy, because programs overwrite their arguments to change what ps shows. */
static char program_name[NAME_MAX + 1];

static const struct config defaults = {
	.has_sleeping = true,
	.has_libc_stdio = true,
	.format = &format_text,
	.record_bytes = UINT64_C(256) << 20,
	.stack_severity = SEVERITY_NONE,
	.style = {.stamps = TRUSS_BASE, .data_bytes = 12, .least_severity = SEVERITY_INFO},
};

/* --- One function per variable. Each returns false if the value is not understood. --- */

static bool read_TRACE(const char *value)
{
	bool is_first = true;
	struct word word;

	while (word_next(&value, ',', &word)) {
		bool is_excluded = word.size > 0 && word.text[0] == '!';

		/* A list that begins with an exclusion starts with all calls, any other list with
		 * none. */
		for (unsigned call = 0; is_first && call < CALL_COUNT; call++)
			config.is_shown[call] = is_excluded;
		is_first = false;
		if (!selection_add(config.is_shown,
				   (struct word){word.text + is_excluded, word.size - is_excluded},
				   !is_excluded))
			return false;
	}
	return true;
}

/* Asks for the stacks of lines with notes of this severity or worse. */
static void ask_stack_of(uint8_t severity)
{
	if (severity < config.stack_severity)
		config.stack_severity = severity;
}

static bool read_STACK(const char *value)
{
	struct word word;

	while (word_next(&value, ',', &word)) {
		if (word_is(word, "notes"))
			ask_stack_of(SEVERITY_INFO);
		else if (word_is(word, "warn"))
			ask_stack_of(SEVERITY_WARN);
		else if (word_is(word, "errors"))
			config.has_stack_of_errors = true;
		else if (!selection_add(config.has_stack, word, true))
			return false;
	}
	for (unsigned call = 0; call < CALL_COUNT; call++)
		config.has_stack_of_calls |= config.has_stack[call];
	config.has_any_stack = config.has_stack_of_calls || config.has_stack_of_errors ||
			       config.stack_severity < SEVERITY_NONE;
	return true;
}

static bool read_FDS(const char *value)
{
	struct word word;

	while (word_next(&value, ',', &word)) {
		if (word_is(word, "stdio"))
			config.has_standard_fds = true;
		else if (word_is(word, "sockets"))
			config.fds = CONFIG_FDS_SOCKETS;
		else if (word_is(word, "all"))
			config.fds = CONFIG_FDS_ALL;
		else if (!word_is(word, "tcp"))
			return false;
	}
	return true;
}

static bool read_PROGRAMS(const char *value)
{
	config.programs = value;
	return true;
}

static bool read_OUTPUT(const char *value)
{
	uint64_t number;

	if (strcmp(value, "stderr") == 0) {
		config.output = CONFIG_OUTPUT_STDERR;
		config.has_text = true;
		return true;
	}
	if (strncmp(value, "fd:", 3) == 0) {
		if (!word_number(word_of(value + 3), &number) || number > INT_MAX ||
		    raw_syscall3(SYS_fcntl, (long)number, 1 /* F_GETFD */, 0) < 0)
			return false;
		config.output = CONFIG_OUTPUT_FD;
		config.output_fd = (int)number;
		config.has_text = true;
		return true;
	}
	if (!location_expand(config.output_path, value, config.program))
		return false;
	config.output = CONFIG_OUTPUT_PATH;
	config.has_text = true;
	return true;
}

static bool read_FORMAT(const char *value)
{
	config.format = format_find(value);
	return config.format != NULL;
}

static bool read_COLOR(const char *value)
{
	static const char *const names[] = {
		[CONFIG_COLOUR_AUTO] = "auto",
		[CONFIG_COLOUR_ALWAYS] = "always",
		[CONFIG_COLOUR_NEVER] = "never",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			config.colour = (enum config_colour)i;
			return true;
		}
	}
	return false;
}

/* A directory gets one file per process. Any other path must contain the process id. */
static bool read_RECORD(const char *value)
{
	static const char name[] = "/" CONFIG_RECORD_NAME;
	static char path[PATH_MAX]; /* too large for the stack; used in the constructor only */
	size_t size = strlen(value);
	struct strbuf full;

	config.has_record = strcmp(value, "none") != 0;
	if (!config.has_record)
		return true;
	config.record_in_folder = location_is_directory(value) || value[size - 1] == '/';
	if (!config.record_in_folder)
		return strstr(value, "%p") &&
		       location_expand(config.record_path, value, config.program);
	while (size > 1 && value[size - 1] == '/')
		size--;
	if (size + sizeof(name) > sizeof(path))
		return false;
	strbuf_init(&full, path, sizeof(path) - 1);
	strbuf_bytes(&full, value, size);
	strbuf_string(&full, name);
	path[full.size] = '\0';
	return location_expand(config.record_path, path, config.program);
}

enum { LEAST_RECORD_BYTES = 256 << 10 };

static bool read_RECORD_SIZE(const char *value)
{
	return word_bytes(word_of(value), &config.record_bytes) &&
	       config.record_bytes >= LEAST_RECORD_BYTES &&
	       config.record_bytes <= UINT64_C(1) << 40;
}

static bool read_RECORD_FULL(const char *value)
{
	config.record_wraps = strcmp(value, "wrap") == 0;
	return config.record_wraps || strcmp(value, "stop") == 0;
}

enum { MOST_KEPT = 1000000 };

static bool read_RECORD_KEEP(const char *value)
{
	config.record_keep = 0;
	return strcmp(value, "all") == 0 ||
	       (word_number(word_of(value), &config.record_keep) && config.record_keep >= 1 &&
		config.record_keep <= MOST_KEPT);
}

static bool read_SUMMARY(const char *value)
{
	static const char *const names[] = {"off", "on", "only"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			config.summary = (enum config_summary)i;
			return true;
		}
	}
	return false;
}

static bool read_TIME(const char *value)
{
	unsigned stamps = 0;
	struct word word;

	while (word_next(&value, ',', &word)) {
		if (word_is(word, "base"))
			stamps |= TRUSS_BASE;
		else if (word_is(word, "delta"))
			stamps |= TRUSS_DELTA;
		else if (word_is(word, "elapsed"))
			stamps |= TRUSS_ELAPSED;
		else if (word_is(word, "utc"))
			stamps |= TRUSS_UTC;
		else if (!word_is(word, "none"))
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
	return word_number(word_of(value), &config.style.data_bytes);
}

static bool read_NOTES(const char *value)
{
	unsigned severity = SEVERITY_INFO;

	if (strcmp(value, "off") == 0)
		severity = SEVERITY_NONE;
	else if (strcmp(value, "on") != 0)
		while (severity < SEVERITY_NONE && strcmp(value, severity_rows[severity].word) != 0)
			severity++;
	if (severity == SEVERITY_NONE && strcmp(value, "off") != 0)
		return false;
	config.style.least_severity = (uint8_t)severity;
	return true;
}

static bool read_SLEEPING(const char *value)
{
	config.has_sleeping = strcmp(value, "on") == 0;
	return config.has_sleeping || strcmp(value, "off") == 0;
}

static bool read_STDIO(const char *value)
{
	config.has_libc_stdio = strcmp(value, "on") == 0;
	return config.has_libc_stdio || strcmp(value, "off") == 0;
}

static bool read_MATCH(const char *value)
{
	return match_read(&config.match, value);
}

static bool read_TAGS(const char *value)
{
	struct strbuf list;

	strbuf_init(&list, config.tags, sizeof(config.tags));
	if (!attributes_read_tags(&list, value))
		return false;
	config.tags[list.size] = '\0';
	return true;
}

static bool read_KEEPALIVE(const char *value)
{
	return policy_read_keepalive(&config.policy, value);
}

static bool read_USER_TIMEOUT(const char *value)
{
	return policy_read_user_timeout(&config.policy, value);
}

static bool read_CLOSE_ON_EOF(const char *value)
{
	return policy_read_on_eof(&config.policy, value);
}

static bool read_FORCE(const char *value)
{
	return policy_read_forced(&config.policy, value);
}

static bool read_REHEARSE(const char *value)
{
	return rehearsal_read(&config.rehearsal, value);
}

struct variable {
	const char *name, *wants, *example;
	bool (*read)(const char *value);
};

static const struct variable variables[] = {
#define VARIABLE(name, form, values, wants, example, meaning) {#name, wants, example, read_##name},
#include "tcpshim/variables.def"
#undef VARIABLE
};
enum { VARIABLE_COUNT = sizeof(variables) / sizeof(variables[0]) };

static void complain_unknown(const char *name, size_t size, config_complain *complain)
{
	char text[LINE_SIZE];
	struct strbuf line;
	struct nearest nearest;

	nearest_start(&nearest, name, size);
	for (unsigned i = 0; i < VARIABLE_COUNT; i++)
		nearest_offer(&nearest, variables[i].name);
	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: there is no variable TCPSHIM_");
	strbuf_printable(&line, name, size < MOST_NAME ? size : MOST_NAME);
	strbuf_string(&line, " (did you mean TCPSHIM_");
	strbuf_string(&line, nearest.found);
	strbuf_string(&line, "?). It is ignored.");
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
	strbuf_string(&line, "=\"");
	strbuf_printable(&line, value, size < LINE_SIZE / 4 ? size : LINE_SIZE / 4);
	strbuf_string(&line, "\" is not valid: use ");
	strbuf_string(&line, variable->wants);
	strbuf_string(&line, ", for example TCPSHIM_");
	strbuf_string(&line, variable->name);
	strbuf_char(&line, '=');
	strbuf_string(&line, variable->example);
	strbuf_string(&line, ". It is ignored.");
	complain(line.text, line.size);
}

static void read_variable(const char *name, size_t size, const char *value,
			  config_complain *complain)
{
	static struct config before; /* too large for the stack; used in the constructor only */

	if (word_is((struct word){name, size}, "STARTED")) /* set by the command itself */
		return;
	before = config;
	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		if (!word_is((struct word){name, size}, variables[i].name))
			continue;
		if (*value != '\0' && !variables[i].read(value)) {
			config = before;
			config.errors++;
			complain_bad(&variables[i], value, complain);
		}
		return;
	}
	config.errors++;
	complain_unknown(name, size, complain);
}

bool config_takes(const char *name, const char *value)
{
	static struct config before;
	bool is_taken = *value == '\0';

	before = config;
	config = defaults;
	config.program = "";
	for (unsigned i = 0; i < VARIABLE_COUNT && !is_taken; i++)
		is_taken = strcmp(variables[i].name, name) == 0 && variables[i].read(value);
	config = before;
	return is_taken;
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
	struct strbuf copy;

	config = defaults;
	strbuf_init(&copy, program_name, sizeof(program_name) - 1);
	strbuf_string(&copy, program);
	program_name[copy.size] = '\0';
	config.program = program_name;
	config.programs = find_value(environment, "TCPSHIM_PROGRAMS=");
	config.started = find_value(environment, "TCPSHIM_STARTED=");
	if (!config_has_program(program)) /* not traced: no messages */
		return;
	selection_add(config.is_shown, word_of("all"), true);
	for (; environment && *environment; environment++) {
		const char *name = *environment, *equals = strchr(name, '=');

		if (equals && strncmp(name, prefix, sizeof(prefix) - 1) == 0) {
			name += sizeof(prefix) - 1;
			read_variable(name, (size_t)(equals - name), equals + 1, complain);
		}
	}
	for (unsigned call = 0; call < CALL_rehearse; call++)
		config.is_any_shown |= config.is_shown[call];
	/* What is left open at exit, and what was rehearsed, is reported in every trace. */
	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (strcmp(call_rows[call].shown, call_rows[CALL_exit].shown) == 0)
			config.is_shown[call] = config.is_any_shown;
	config.is_shown[CALL_rehearse] = config.is_any_shown;
	/* With a recording, text is written only if requested. */
	config.has_text |= !config.has_record;
	config.has_lines = config.has_text && config.summary != CONFIG_SUMMARY_ONLY;
	config.has_text |= config.summary != CONFIG_SUMMARY_OFF;
	/* A rehearsal's verdict tells where a program waits. */
	if (!config.has_lines && !config.rehearsal.is_on)
		config.has_sleeping = false;
	policy_settle(&config.policy, complain);
	if (config.rehearsal.is_on && !config.is_any_shown) {
		static const char line[] =
			"tcpshim: TCPSHIM_REHEARSE is ignored, because TCPSHIM_TRACE=none leaves nothing "
			"that would show what was rehearsed: leave it out.";

		config.rehearsal.is_on = false;
		config.errors++;
		complain(line, sizeof(line) - 1);
	}
	if (!config.is_any_shown) { /* policies are for TCP connections only */
		config.fds = CONFIG_FDS_TCP;
		config.has_standard_fds = false;
	}
}

bool config_wants_colour(bool is_terminal, char *const *environment)
{
	if (config.colour != CONFIG_COLOUR_AUTO)
		return config.colour == CONFIG_COLOUR_ALWAYS;
	return is_terminal && !find_value(environment, "NO_COLOR=");
}

bool config_has_program(const char *program)
{
	const char *rest = config.programs;
	struct word word;

	if (!rest)
		return true;
	while (word_next(&rest, ',', &word))
		if (word_is(word, program))
			return true;
	return false;
}
