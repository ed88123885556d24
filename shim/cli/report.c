/* tcpshim report: recordings as text, JSON or tables. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/filter_options.h"
#include "cli/ladder_report.h"
#include "cli/options.h"
#include "cli/picture_report.h"
#include "cli/recordings.h"
#include "cli/render.h"
#include "format/connection_columns.h"
#include "reader/complain.h"
#include "reader/current.h"
#include "reader/kernel.h"
#include "reader/symbols.h"

enum {
	OUTPUT_BYTES = 1 << 20,
	PROGRESS_EVENTS = 1 << 16,
	FOLLOW_MS = 100,
};

/* --- What is asked for. --- */

static struct {
	struct render_wanted render;
	bool has_ladder;
	enum picture_form picture; /* in place of what render writes */
	const char **paths;
	size_t path_count;
} asked;

enum {
	OPTION_CONNECTIONS = OPTION_OWN,
	OPTION_SUMMARY,
	OPTION_LADDER,
	OPTION_COLUMNS,
	OPTION_SORT,
	OPTION_FOLLOW,
	OPTION_HTML,
	OPTION_SVG,
	OPTION_NO_SYMBOLS,
};

static const struct argp_option options[] = {
	{"connections", OPTION_CONNECTIONS, NULL, 0, "One row per connection in place of its calls",
	 0},
	{"summary", OPTION_SUMMARY, NULL, 0,
	 "How often each call was made and how long it took, in wall time", 0},
	{"ladder", OPTION_LADDER, NULL, 0,
	 "Each connection as a conversation between its two ends, drawn as a ladder", 0},
	{"columns", OPTION_COLUMNS, "NAME,...", 0,
	 "With --connections: these columns, in this order. NAME: pid, conn, fd, role, local, peer, "
	 "opened, lived, sent, writes, received, reads, handshake, rtt, retrans, silence, "
	 "closed-first, ended, notes; and time, host, program",
	 0},
	{"sort", OPTION_SORT, "[-]NAME,...", 0,
	 "With --connections: sorts the rows by these columns; - before a name reverses it", 0},
	{"follow", OPTION_FOLLOW, NULL, 0, "Goes on while the recording is being written", 0},
	{"html", OPTION_HTML, NULL, 0,
	 "A page for a browser, complete in itself: what is wrong, a timeline of all connections, "
	 "and each of them in detail",
	 0},
	{"svg", OPTION_SVG, NULL, 0, "A picture of one connection (--conn=N)", 0},
	{"no-symbols", OPTION_NO_SYMBOLS, NULL, 0,
	 "Opens no file that a recording names: call stacks are without the names of functions", 0},
	{0},
};

static const char *const variables[] = {"TRACE", "MATCH", "FORMAT", "TIME", "DATA", "COLOR", NULL};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (filter_options_take(&asked.render.filter, key, argument, state))
		return 0;
	switch (key) {
	case ARGP_KEY_INIT:
		options_clear();
		asked.render.filter = filter_of_nothing;
		return 0;
	case OPTION_CONNECTIONS:
		asked.render.has_connections = true;
		return 0;
	case OPTION_SUMMARY:
		asked.render.has_summary = true;
		return 0;
	case OPTION_LADDER:
		asked.has_ladder = true;
		return 0;
	case OPTION_COLUMNS:
		columns_read(&asked.render.columns, connection_columns,
			     options_typed(key, argument, state), argument);
		return 0;
	case OPTION_SORT:
		columns_read_orders(&asked.render.columns, connection_columns,
				    options_typed(key, argument, state), argument);
		return 0;
	case OPTION_FOLLOW:
		asked.render.is_following = true;
		return 0;
	case OPTION_HTML:
		picture_report_choose(&asked.picture, PICTURE_PAGE);
		return 0;
	case OPTION_SVG:
		picture_report_choose(&asked.picture, PICTURE_SVG);
		return 0;
	case OPTION_NO_SYMBOLS:
		symbols_forbid();
		return 0;
	case ARGP_KEY_ARG:
		asked.paths =
			reallocate(asked.paths, (asked.path_count + 1) * sizeof(asked.paths[0]));
		asked.paths[asked.path_count++] = argument;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (!asked.render.has_connections &&
		    (asked.render.columns.chosen.count > 0 || asked.render.columns.order_count > 0))
			refuse("--columns and --sort are for the table of --connections");
		if (asked.has_ladder && (asked.render.has_connections || asked.render.has_summary ||
					 asked.render.is_following))
			refuse("--ladder is a report of its own: without --connections, --summary "
			       "and --follow");
		return 0;
	case ARGP_KEY_NO_ARGS:
		refuse("name a recording: a file that tcpshim --record=DIRECTORY PROGRAM made");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Returns an option that asks for another form than a picture, NULL if there is none. */
static const char *find_other_form(void)
{
	if (asked.render.has_connections)
		return "--connections";
	if (asked.render.has_summary)
		return "--summary";
	if (asked.render.is_following)
		return "--follow";
	if (asked.has_ladder)
		return "--ladder";
	return config.format->has_escapes ? "--json" : NULL;
}

struct report {
	struct merge merge;
	struct render render;
};

/* --- Progress, and what was lost. --- */

static uint64_t recorded_blocks(const struct report *report, bool is_read)
{
	uint64_t count = 0;

	for (size_t i = 0; i < report->merge.count; i++)
		for (size_t j = 0; j < report->merge.readers[i]->stream_count; j++) {
			const struct stream *stream = report->merge.readers[i]->streams[j];

			count += is_read ? stream->next_block : stream->block_count;
		}
	return count;
}

static void show_progress(const struct report *report, bool is_over)
{
	static time_t last;
	static bool is_shown;
	time_t now = time(NULL);
	uint64_t all = recorded_blocks(report, false);

	if (is_over) {
		if (is_shown)
			fputs("\r\x1b[K", stderr);
		return;
	}
	if (last == 0)
		last = now;
	if (now == last || all == 0)
		return;
	last = now;
	is_shown = true;
	fprintf(stderr, "\rtcpshim: %lu events, %lu %%", report->render.calls,
		100 * recorded_blocks(report, true) / all);
}

/* --- Reading. --- */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	is_interrupted = 1;
}

static void take_all(struct report *report, bool has_progress)
{
	struct item item;

	while (!is_interrupted && merge_next(&report->merge, &item)) {
		render_item(&report->render, &item);
		if (has_progress && report->render.calls % PROGRESS_EVENTS == 0)
			show_progress(report, false);
	}
}

static bool is_any_live(const struct report *report)
{
	for (size_t i = 0; i < report->merge.count; i++)
		if (reader_is_live(report->merge.readers[i]))
			return true;
	return false;
}

/* Shows new events until all writers have ended, or until ^C. */
static void follow(struct report *report)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000L};
	const struct sigaction action = {.sa_handler = interrupt};
	bool is_live = true;

	sigaction(SIGINT, &action, NULL);
	while (is_live && !is_interrupted) {
		is_live = is_any_live(report);
		merge_refresh(&report->merge);
		take_all(report, false);
		fflush(stdout);
		render_check_output();
		if (is_live)
			nanosleep(&pause, NULL);
	}
}

/* Reads the sockets of the process that writes the recording, once. Returns NULL if it has ended,
 * or if they cannot be read. */
static const struct kernel_table *read_kernel(struct reader *reader, struct kernel_table *table,
					      const struct reader **of)
{
	if (*of != reader) {
		*of = reader;
		if (!reader_is_live(reader) || !kernel_read(table, reader->writer))
			table->count = 0;
	}
	return table->count > 0 ? table : NULL;
}

static void take_current(struct report *report)
{
	struct unpacked *current = allocate(sizeof(*current));
	const struct reader *of = NULL;
	struct kernel_table table = {0};
	struct item item;

	for (size_t i = 0; i < report->merge.count; i++)
		reader_find_end(report->merge.readers[i]);
	while (merge_next_current(&report->merge, &item, current)) {
		if (item.is_announced) /* the report has it */
			continue;
		current_find_notes(&item, read_kernel(item.reader, &table, &of));
		render_item(&report->render, &item);
	}
	kernel_free(&table);
	free(current);
}

/* Returns whether recordings_say_lost explains why a recording shows no call. */
static bool is_explained(const struct report *report)
{
	for (size_t i = 0; i < report->merge.count; i++) {
		const struct reader *reader = report->merge.readers[i];
		const struct reader_damage *damage = &reader->damage;

		if (reader->header.lost_events > 0 || damage->is_cut || damage->blocks > 0 ||
		    damage->records > 0 || damage->unknown_calls > 0)
			return true;
	}
	return false;
}

/* Reports on standard error that nothing is shown, and why. */
static void complain_empty(const struct report *report)
{
	const struct render *render = &report->render;
	const struct connections_table *connections = &render->connections;
	char where[PATH_MAX + 16];

	snprintf(where, sizeof(where), "in %s", report->merge.readers[0]->path);
	if (report->merge.count > 1)
		snprintf(where, sizeof(where), "in these %zu recordings", report->merge.count);
	if (render->wanted->has_connections ? connections->written > 0 : render->shown > 0)
		return;
	if (render->calls == 0 && is_explained(report))
		return;
	if (render->calls == 0)
		complain("no call was recorded %s", where);
	else if (!render->wanted->has_connections)
		complain("none of the %lu calls %s matches the options", render->calls, where);
	else if (connections->seen > 0)
		complain("none of the %lu connections %s matches the options", connections->seen,
			 where);
	else
		complain("no connection was recorded %s", where);
}

/* Returns the filter, with what the variables say. */
static const struct filter *use_config(void)
{
	asked.render.filter.is_shown = config.is_shown;
	asked.render.filter.match = &config.match;
	return &asked.render.filter;
}

static void show(struct reader **readers, size_t count)
{
	struct report report;

	merge_start(&report.merge, readers, count);
	use_config();
	render_start(&report.render, &asked.render, &report.merge,
		     config_wants_colour(isatty(STDOUT_FILENO), environ));
	take_all(&report, !asked.render.is_following && isatty(STDERR_FILENO));
	if (asked.render.is_following)
		follow(&report);
	take_current(&report);
	render_end(&report.render);
	show_progress(&report, true);
	complain_empty(&report);
	for (size_t i = 0; i < count; i++)
		recordings_say_lost(readers[i]);
	merge_end(&report.merge);
	symbols_end();
}

static int run(void)
{
	struct recordings recordings;
	int status = 0;

	if (!options_check("report"))
		return EXIT_USAGE;
	if (asked.has_ladder && config.format->has_escapes)
		refuse("--ladder is drawn as text: without --json");
	picture_report_check(asked.picture, find_other_form());
	columns_measure(&asked.render.columns);
	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	if (!recordings_open(&recordings, asked.paths, asked.path_count))
		status = EXIT_OWN_FAILURE;
	if (recordings.count > 0 && asked.has_ladder)
		ladder_report(&recordings, use_config(), asked.render.columns.width, &status);
	else if (recordings.count > 0 && asked.picture != PICTURE_NONE)
		status |= picture_report(asked.picture, recordings.readers, recordings.count,
					 use_config());
	else if (recordings.count > 0)
		show(recordings.readers, recordings.count);
	recordings_close(&recordings);
	return status;
}

const struct command report_command = {
	.name = "report",
	.arguments = "FILE|DIRECTORY...",
	.meaning = "shows recordings as text, JSON or tables",
	.doc = "Shows recordings: the trace as text, as it would have been written live, as JSON, "
	       "or as tables. Several recordings, of several processes or of both ends of a "
	       "connection, are merged by time.",
	.options = options,
	.filters = filter_options,
	.variables = variables,
	.parse = parse,
	.run = run,
};
