/* tcpshim diagnose: what is wrong with the connections in recordings, and what to do. */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/diagnose.h"
#include "cli/explanation.h"
#include "cli/filter_options.h"
#include "cli/open_rows.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/recordings.h"
#include "cli/render.h"
#include "diagnose/diagnosis.h"
#include "diagnose/wording.h"
#include "format/attributes.h"
#include "format/facts.h"
#include "format/json.h"
#include "format/stamp.h"
#include "format/words.h"
#include "reader/complain.h"
#include "reader/printable.h"
#include "reader/symbols.h"

enum { OPTION_TOP = OPTION_OWN, OPTION_NO_SYMBOLS };
enum { TEXT_BYTES = 4096, JSON_BYTES = 16384, SHOWN_BOOT = 8 };

static struct {
	struct filter filter;
	const char **paths;
	size_t path_count;
	uint64_t top; /* 0: all */
} asked;

static const struct argp_option options[] = {
	{"top", OPTION_TOP, "N", 0, "Only the N worst findings", 0},
	{"no-symbols", OPTION_NO_SYMBOLS, NULL, 0,
	 "Opens no file that a recording names: call stacks are without the names of functions", 0},
	{0},
};

static const char *const variables[] = {"TRACE", "MATCH", "FORMAT", NULL};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (filter_options_take(&asked.filter, key, argument, state))
		return 0;
	switch (key) {
	case ARGP_KEY_INIT:
		options_clear();
		asked.filter = filter_of_nothing;
		return 0;
	case OPTION_TOP:
		if (!word_number(word_of(argument), &asked.top) || asked.top == 0)
			refuse("--top=%s: it takes a number from 1 on, for example --top=3",
			       argument);
		return 0;
	case OPTION_NO_SYMBOLS:
		symbols_forbid();
		return 0;
	case ARGP_KEY_ARG:
		asked.paths =
			reallocate(asked.paths, (asked.path_count + 1) * sizeof(asked.paths[0]));
		asked.paths[asked.path_count++] = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		refuse("name a recording, or a directory of recordings: what tcpshim "
		       "--record=DIRECTORY PROGRAM made");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- Reading. --- */

struct diagnosis {
	struct merge merge;
	struct open_rows rows;
	struct stacks stacks;
	struct groups groups; /* of the chosen connections */
	struct groups others; /* of the rest */
	struct clock_pairs clocks;
	struct finding_list findings;
	size_t connection_count; /* all of them */
	uint64_t events, first_ns, last_ns;
};

static void add(struct diagnosis *diagnosis, struct open_row *row)
{
	struct ended ended = {
		.row = row->row,
		.story = row->story,
		.end_ns = row->reader->seen_ns + row->reader->shift_ns,
		.messages = row->messages,
		.boot = row->reader->header.boot,
		.host = reader_host(row->reader),
	};
	bool is_chosen;

	if (!groups_take(&row->row))
		return;
	diagnosis->connection_count++;
	is_chosen = row->is_chosen && filter_matches(diagnosis->rows.filter, &row->row.local,
						     &row->row.peer, row->row.role);
	if (!groups_add(is_chosen ? &diagnosis->groups : &diagnosis->others,
			row->reader->header.program, &ended)) {
		complain("not enough memory for the connections");
		exit(EXIT_OWN_FAILURE);
	}
	row->messages = NULL; /* the group's */
}

static void close_row(struct open_row *row, void *data)
{
	add(data, row);
}

static void leave_row(struct open_row *row, void *data)
{
	if (connection_row_is_leftover(&row->row))
		return;
	open_row_leave(row, UINT64_MAX);
	add(data, row);
}

static void read_all(struct diagnosis *diagnosis)
{
	struct item item;

	diagnosis->rows.is_joined = diagnosis->merge.count > 1;
	while (merge_next(&diagnosis->merge, &item)) {
		if (item.line)
			continue;
		diagnosis->events++;
		if (diagnosis->first_ns == 0)
			diagnosis->first_ns = item.event->start_ns;
		diagnosis->last_ns = item.event->time_ns;
		open_rows_take(&diagnosis->rows, &item, close_row, diagnosis);
	}
	for (size_t i = 0; i < diagnosis->merge.count; i++)
		reader_find_end(diagnosis->merge.readers[i]);
	open_rows_visit(&diagnosis->rows, leave_row, diagnosis);
	open_rows_clear(&diagnosis->rows);
	groups_pair(&diagnosis->groups, &diagnosis->others, &diagnosis->clocks);
	for (size_t i = 0; i < diagnosis->groups.count; i++)
		if (!diagnosis_of(&diagnosis->groups.list[i], &diagnosis->findings)) {
			complain("not enough memory for the findings");
			exit(EXIT_OWN_FAILURE);
		}
	diagnosis_sort(&diagnosis->findings);
	places_sort(&diagnosis->findings);
}

/* --- Writing. --- */

static int64_t realtime(const struct diagnosis *diagnosis, uint64_t time_ns)
{
	return (int64_t)(time_ns + (uint64_t)diagnosis->merge.realtime_offset_ns);
}

/* Appends the group's name; what is in it comes from the traced program. */
static void append_group(struct strbuf *buf, const struct group *group)
{
	char text[TEXT_BYTES];
	struct strbuf name;

	strbuf_init(&name, text, sizeof(text));
	group_name(&name, group);
	printable_append(buf, text, name.size);
}

static void print_paragraph(struct strbuf *buf)
{
	buf->text[buf->size] = '\0';
	explanation_print_text(buf->text);
	buf->size = 0;
}

/* Prints where in the program it happened, the most frequent places first. */
static void print_stacks(const struct diagnosis *diagnosis, const struct finding *finding,
			 struct strbuf *buf)
{
	for (unsigned i = 0; places_append(buf, finding, &diagnosis->stacks, i); i++)
		print_paragraph(buf);
}

static void print_finding(const struct diagnosis *diagnosis, const struct finding *finding)
{
	const struct finding_row *row = &finding_rows[finding->name];
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text) - 1);
	append_group(&buf, finding->group);
	buf.text[buf.size] = '\0';
	printf("%s %s: %s\n", severity_rows[row->severity].mark, row->id, buf.text);
	buf.size = 0;
	strbuf_string(&buf, finding->what);
	print_paragraph(&buf);
	wording_evidence(&buf, finding, diagnosis->merge.realtime_offset_ns);
	print_paragraph(&buf);
	print_stacks(diagnosis, finding, &buf);
	strbuf_string(&buf, "Why: ");
	strbuf_string(&buf, row->why);
	print_paragraph(&buf);
	strbuf_string(&buf, "What to do: ");
	wording_what_to_do(&buf, finding);
	print_paragraph(&buf);
	putchar('\n');
}

/* Appends the most frequent stack, and how many connections have it. */
static void append_stack(struct strbuf *buf, const struct diagnosis *diagnosis,
			 const struct finding *finding)
{
	const struct finding_stack *stack = &finding->stacks[0];

	if (finding->stack_count == 0)
		return;
	json_name(buf, "stack");
	strbuf_char(buf, '[');
	for (uint32_t frame = 0;; frame++) {
		char bytes[TEXT_BYTES];
		struct strbuf text;

		strbuf_init(&text, bytes, sizeof(bytes));
		if (!stacks_append_frame(&diagnosis->stacks, stack->stack, frame, false, &text))
			break;
		if (frame > 0)
			strbuf_char(buf, ',');
		json_string(buf, bytes, text.size);
	}
	strbuf_char(buf, ']');
	json_unsigned(buf, "stack_affected", stack->count);
}

static void print_json(const struct diagnosis *diagnosis, const struct finding *finding)
{
	const struct finding_row *row = &finding_rows[finding->name];
	const struct group *group = finding->group;
	char text[JSON_BYTES], remedy[TEXT_BYTES];
	struct strbuf buf, to_do;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_init(&to_do, remedy, sizeof(remedy) - 1);
	wording_what_to_do(&to_do, finding);
	remedy[to_do.size] = '\0';
	strbuf_char(&buf, '{');
	json_time(&buf, "time",
		  realtime(diagnosis,
			   finding->first_ns != 0 ? finding->first_ns : diagnosis->first_ns));
	json_text(&buf, "finding", row->id);
	json_text(&buf, "severity", severity_rows[row->severity].word);
	json_name(&buf, "process.executable.name");
	json_string(&buf, group->program, strlen(group->program));
	attributes_json(&buf, group->attributes);
	json_text(&buf, "role", group->role == ROLE_SERVER ? "server" : "client");
	if (group->role == ROLE_SERVER)
		json_unsigned(&buf, "network.local.port", group->address.port);
	else
		json_endpoint(&buf, "peer", &group->address);
	if (group->is_rehearsed) {
		json_name(&buf, "rehearsed");
		strbuf_string(&buf, "true");
	}
	json_unsigned(&buf, "affected", finding->count);
	json_unsigned(&buf, "of", finding->of);
	if (finding->first_ns != 0) {
		json_time(&buf, "first", realtime(diagnosis, finding->first_ns));
		json_time(&buf, "last", realtime(diagnosis, finding->last_ns));
	}
	json_text(&buf, "certainty", finding->is_inferred ? "inferred" : "measured");
	append_stack(&buf, diagnosis, finding);
	json_text(&buf, "what", finding->what);
	json_text(&buf, "why", row->why);
	json_text(&buf, "what_to_do", remedy);
	strbuf_string(&buf, "}\n");
	printable_write(stdout, text, buf.size, PRINTABLE_JSON);
}

static void append_host(struct strbuf *buf, const char *name, const char *boot)
{
	if (*name)
		printable_append(buf, name, strlen(name));
	else
		strbuf_bytes(buf, boot, strnlen(boot, SHOWN_BOOT));
}

/* Prints how the clocks of two machines differ. */
static void print_clocks(const struct clock_pair *pair)
{
	const struct clock_estimate *estimate = &pair->estimate;
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text) - 1);
	strbuf_string(&buf, "The clock of ");
	append_host(&buf, pair->other_host, pair->other_boot);
	if (estimate->is_known) {
		clock_append(&buf, estimate);
		append_host(&buf, pair->host, pair->boot);
		clock_append_exactness(&buf, estimate);
	} else {
		strbuf_string(&buf, " cannot be compared with that of ");
		append_host(&buf, pair->host, pair->boot);
		strbuf_string(&buf, ": no message was recorded in both directions.");
	}
	print_paragraph(&buf);
}

/* Prints what was looked at. */
static void print_scope(const struct diagnosis *diagnosis)
{
	const struct wording_scope scope = {
		.connections = diagnosis->groups.connection_count,
		.all_connections = diagnosis->connection_count,
		.pairs = groups_count_pairs(&diagnosis->groups),
		.groups = diagnosis->groups.count,
		.findings = diagnosis->findings.count,
		.events = diagnosis->events,
		.first_ns = diagnosis->first_ns,
		.last_ns = diagnosis->last_ns,
	};
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	wording_scope(&buf, &scope);
	strbuf_char(&buf, '\n');
	fwrite(text, 1, buf.size, stdout);
	for (size_t i = 0; i < diagnosis->clocks.count; i++)
		print_clocks(&diagnosis->clocks.list[i]);
}

static void print_all(const struct diagnosis *diagnosis)
{
	size_t count = diagnosis->findings.count, shown = count;
	bool is_json = config.format->has_escapes;

	if (asked.top != 0 && asked.top < shown)
		shown = asked.top;
	for (size_t i = 0; i < shown; i++) {
		if (is_json)
			print_json(diagnosis, &diagnosis->findings.list[i]);
		else
			print_finding(diagnosis, &diagnosis->findings.list[i]);
	}
	if (is_json)
		return;
	if (shown < count)
		printf(count - shown == 1 ? "%zu more finding is not shown (--top=%" PRIu64 ").\n"
					  : "%zu more findings are not shown (--top=%" PRIu64
					    ").\n",
		       count - shown, asked.top);
	print_scope(diagnosis);
}

/* Reports on standard error that no connection was looked at, and why. */
static void complain_empty(const struct diagnosis *diagnosis)
{
	char where[PATH_MAX + 16];

	snprintf(where, sizeof(where), "in %s", diagnosis->merge.readers[0]->path);
	if (diagnosis->merge.count > 1)
		snprintf(where, sizeof(where), "in these %zu recordings", diagnosis->merge.count);
	if (diagnosis->connection_count > 0)
		complain("none of the %zu connections %s matches the options",
			 diagnosis->connection_count, where);
	else
		complain("no connection was recorded %s", where);
}

int diagnose_show(const char *const *paths, size_t count, const struct filter *chosen)
{
	struct recordings recordings;
	struct filter filter = *chosen;
	struct diagnosis diagnosis = {.rows = {.filter = &filter}};
	int status = recordings_open(&recordings, paths, count) ? 0 : EXIT_OWN_FAILURE;

	if (recordings.count > 0) {
		diagnosis.rows.stacks = &diagnosis.stacks;
		filter.is_shown = config.is_shown;
		filter.match = &config.match;
		merge_start(&diagnosis.merge, recordings.readers, recordings.count);
		read_all(&diagnosis);
		if (diagnosis.groups.connection_count > 0)
			print_all(&diagnosis);
		else
			complain_empty(&diagnosis);
		fflush(stdout);
		render_check_output();
		for (size_t i = 0; i < recordings.count; i++)
			recordings_say_lost(recordings.readers[i]);
		free(diagnosis.findings.list);
		stacks_clear(&diagnosis.stacks);
		symbols_end();
		ends_clear(&diagnosis.clocks);
		groups_clear(&diagnosis.groups);
		groups_clear(&diagnosis.others);
		merge_end(&diagnosis.merge);
	}
	recordings_close(&recordings);
	return status;
}

static int run(void)
{
	return options_check("diagnose")
		       ? diagnose_show(asked.paths, asked.path_count, &asked.filter)
		       : EXIT_USAGE;
}

const struct command diagnose_command = {
	.name = "diagnose",
	.arguments = "FILE|DIRECTORY...",
	.meaning = "what is wrong with the connections in recordings, and what to do",
	.doc = "Compares the connections in recordings, by program and peer, and prints what is "
	       "wrong with them, the worst first: what was seen, the numbers that show it, why it "
	       "happens and what to do. If nothing is wrong it says so in one line. An option that "
	       "chooses calls chooses the connections that have such a call.",
	.options = options,
	.filters = filter_options,
	.variables = variables,
	.parse = parse,
	.run = run,
};
