/* tcpshim report: recordings as text, JSON or tables. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/tables.h"
#include "reader/complain.h"
#include "reader/filter.h"
#include "reader/merge.h"
#include "reader/printable.h"
#include "reader/symbols.h"

enum {
	OUTPUT_BYTES = 1 << 20,
	PROGRESS_EVENTS = 1 << 16,
	FOLLOW_MS = 100,
};

static struct {
	bool has_connections, has_summary, is_following;
	struct filter filter;
	const char **paths;
	size_t path_count;
} asked;

enum {
	OPTION_JSON = OPTION_OWN,
	OPTION_CONNECTIONS,
	OPTION_SUMMARY,
	OPTION_FOLLOW,
	OPTION_FD,
	OPTION_CONN,
	OPTION_ERROR,
	OPTION_NOTE,
	OPTION_RESULT,
	OPTION_LONGER,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_NO_SYMBOLS,
};

static const struct argp_option own_options[] = {
	{"json", OPTION_JSON, NULL, 0, "JSON Lines instead of text", 0},
	{"connections", OPTION_CONNECTIONS, NULL, 0, "A row a connection instead of its calls", 0},
	{"summary", OPTION_SUMMARY, NULL, 0,
	 "How often each call was made and how long it took, in wall time", 0},
	{"follow", OPTION_FOLLOW, NULL, 0, "Goes on while the recording is being written", 0},
	{"fd", OPTION_FD, "N,...", 0, "Only calls on these descriptors", 0},
	{"conn", OPTION_CONN, "N,...", 0, "Only calls on connections of these numbers", 0},
	{"error", OPTION_ERROR, "NAME,...", OPTION_ARG_OPTIONAL,
	 "Only calls that failed, or failed so (ECONNRESET or 104)", 0},
	{"note", OPTION_NOTE, "ID,...", OPTION_ARG_OPTIONAL,
	 "Only calls with notes, or with these (an id, or info, warn, error)", 0},
	{"result", OPTION_RESULT, "N|N..M", 0, "Only calls that returned so much", 0},
	{"longer", OPTION_LONGER, "DURATION", 0, "Only calls that took at least so long", 0},
	{"since", OPTION_SINCE, "DURATION", 0,
	 "Only what completed so long after the start or later", 0},
	{"until", OPTION_UNTIL, "DURATION", 0,
	 "Only what completed so long after the start or before", 0},
	{"no-symbols", OPTION_NO_SYMBOLS, NULL, 0,
	 "Opens no file that a recording names: call stacks without the names of functions", 0},
	{"d", 'd', NULL, OPTION_HIDDEN, NULL, 0},
	{0},
};

static const char *const wanted_variables[] = {"TRACE", "MATCH", "FORMAT", "TIME",
					       "DATA",  "NOTES", NULL};

static bool read_filter(int key, const char *value, bool *is_good)
{
	static const struct {
		int key;
		bool (*read)(struct filter *filter, const char *value);
	} readers[] = {
		{OPTION_FD, filter_read_fds},        {OPTION_CONN, filter_read_conns},
		{OPTION_ERROR, filter_read_errors},  {OPTION_NOTE, filter_read_notes},
		{OPTION_RESULT, filter_read_result}, {OPTION_LONGER, filter_read_longer},
		{OPTION_SINCE, filter_read_since},   {OPTION_UNTIL, filter_read_until},
	};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (readers[i].key != key)
			continue;
		*is_good = readers[i].read(&asked.filter, value);
		return true;
	}
	return false;
}

static const struct argp_option *find_own(int key)
{
	const struct argp_option *option = own_options;

	while (option->key != key)
		option++;
	return option;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	bool is_good;

	if (options_take(key, argument))
		return 0;
	if (read_filter(key, argument, &is_good)) {
		if (!is_good) {
			complain("--%s takes %s, not \"%s\"", find_own(key)->name,
				 find_own(key)->arg, argument);
			exit(EXIT_USAGE);
		}
		return 0;
	}
	switch (key) {
	case OPTION_JSON:
		setenv("TCPSHIM_FORMAT", "json", 1);
		return 0;
	case OPTION_CONNECTIONS:
		asked.has_connections = true;
		return 0;
	case OPTION_SUMMARY:
		asked.has_summary = true;
		return 0;
	case OPTION_FOLLOW:
		asked.is_following = true;
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
		argp_error(state, "name a recording: a file that TCPSHIM_RECORD made");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- Writing. --- */

struct report {
	struct merge merge;
	struct truss_style style;
	struct connections_table connections;
	struct summary_table *summary;
	bool has_base_line;
	uint64_t events;
	char *text;
	size_t text_bytes;
};

/* A full disk, or a reader that has gone: nothing more can be said on standard output. */
static void check_output(void)
{
	if (ferror(stdout)) {
		complain("standard output cannot be written: %s", strerror(errno));
		exit(EXIT_OWN_FAILURE);
	}
}

static struct strbuf room_for(struct report *report, size_t bytes)
{
	struct strbuf buf;

	if (bytes > report->text_bytes) {
		report->text = reallocate(report->text, bytes);
		report->text_bytes = bytes;
	}
	strbuf_init(&buf, report->text, report->text_bytes);
	return buf;
}

static void write_text(const struct strbuf *buf, enum printable_as as)
{
	printable_write(stdout, buf->text, buf->size, as);
	check_output();
}

static void append_base_line(struct report *report, struct strbuf *buf,
			     const struct tcpshim_event *event)
{
	if (report->has_base_line || !(report->style.stamps & TRUSS_BASE) ||
	    !config.format->base_line)
		return;
	report->has_base_line = true;
	config.format->base_line(buf, event->flags & EVENT_MANY_PROCESSES ? event->pid : 0,
				 (int64_t)(report->merge.base_ns +
					   (uint64_t)report->merge.realtime_offset_ns));
}

/* One line, whatever it holds; its tabs stay. */
static void append_line(struct strbuf *buf, const char *line, size_t size)
{
	const char *tab;

	if (size > 0 && line[size - 1] == '\n')
		size--;
	while ((tab = memchr(line, '\t', size))) {
		printable_append(buf, line, (size_t)(tab - line));
		strbuf_char(buf, '\t');
		size -= (size_t)(tab + 1 - line);
		line = tab + 1;
	}
	printable_append(buf, line, size);
	strbuf_char(buf, '\n');
}

static void write_line(struct report *report, const struct item *item)
{
	struct strbuf buf = room_for(report, 4096 + 8 * item->line_size);

	if (config.format->has_escapes)
		config.format->line(&buf, item->line, item->line_size);
	else
		append_line(&buf, item->line, item->line_size);
	write_text(&buf, printable_of(config.format, false));
}

/* No more of a payload than was recorded. */
static struct truss_style style_for(const struct report *report, const struct item *item)
{
	struct truss_style style = report->style;

	if (style.data_bytes > item->stored_bytes)
		style.data_bytes = item->stored_bytes;
	return style;
}

static void write_event(struct report *report, const struct item *item)
{
	const struct truss_style style = style_for(report, item);
	struct strbuf buf;

	symbols_use(item->reader);
	buf = room_for(report,
		       FORMAT_BASE_LINE_BYTES + config.format->event_bound(item->event, &style));
	append_base_line(report, &buf, item->event);
	config.format->event(&buf, item->event, &style);
	write_text(&buf, printable_of(config.format, style.has_colour));
}

static void take(struct report *report, const struct item *item)
{
	report->events++;
	if (item->line) {
		if (!asked.has_connections && !asked.has_summary)
			write_line(report, item);
		return;
	}
	if (!filter_shows(&asked.filter, item->event))
		return;
	if (asked.has_connections)
		connections_take(&report->connections, item);
	if (asked.has_summary)
		summary_take(report->summary, item->event);
	if (!asked.has_connections && !asked.has_summary)
		write_event(report, item);
}

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
	fprintf(stderr, "\rtcpshim: %lu events, %lu %%", report->events,
		100 * recorded_blocks(report, true) / all);
}

static void say_lost(const struct reader *reader)
{
	const struct record_header *header = &reader->header;
	const struct reader_damage *damage = &reader->damage;

	if (header->lost_events > 0)
		complain("%s: %lu events were lost while it was written: %s", reader->path,
			 header->lost_events,
			 header->lost_error != 0 ? strerror(header->lost_error)
			 : (header->flags & RECORD_WRAPS) != 0
				 ? "threads were filling every block of it (TCPSHIM_RECORD_SIZE "
				   "makes it larger)"
				 : "it was full (TCPSHIM_RECORD_SIZE makes it larger, "
				   "TCPSHIM_RECORD_FULL=wrap keeps the newest)");
	if (header->overwritten_events > 0)
		complain("%s: it is a flight recorder: %lu older events were overwritten",
			 reader->path, header->overwritten_events);
	if (damage->is_cut)
		complain("%s: the file is cut short: what is missing of it could not be read",
			 reader->path);
	if (damage->blocks > 0)
		complain("%s: %lu blocks could not be read: damaged, or overwritten meanwhile",
			 reader->path, damage->blocks);
	if (damage->records > 0)
		complain("%s: %lu records are damaged and were left out", reader->path,
			 damage->records);
	if (damage->unknown_calls > 0 || damage->unknown_notes > 0)
		complain("%s: %lu calls and %lu notes of a later version of tcpshim were left out",
			 reader->path, damage->unknown_calls, damage->unknown_notes);
}

/* --- The way. --- */

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
		take(report, &item);
		if (has_progress && report->events % PROGRESS_EVENTS == 0)
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

/* Until all that wrote them have ended, or ^C. */
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
		check_output();
		if (is_live)
			nanosleep(&pause, NULL);
	}
}

static void take_current(struct report *report)
{
	struct unpacked *current = allocate(sizeof(*current));
	struct item item;

	while (merge_next_current(&report->merge, &item, current))
		take(report, &item);
	free(current);
}

static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
}

static void start(struct report *report, struct reader **readers, size_t count)
{
	*report = (struct report){.style = config.style};
	report->style.has_colour = config.format->has_colour && wants_colour();
	report->style.symbol = symbols_append;
	merge_start(&report->merge, readers, count);
	asked.filter.is_shown = config.is_shown;
	asked.filter.match = &config.match;
	report->connections = (struct connections_table){
		.has_pid = count > 1,
		.format = config.format,
		.base_ns = report->merge.base_ns,
		.to = stdout,
	};
	if (asked.has_summary)
		report->summary = summary_start();
}

static void finish(struct report *report)
{
	if (asked.has_connections)
		connections_end(&report->connections);
	if (asked.has_connections && asked.has_summary)
		fputs(config.format->gap, stdout);
	if (asked.has_summary)
		summary_end(report->summary, stdout, config.format);
	fflush(stdout);
	check_output();
	show_progress(report, true);
	for (size_t i = 0; i < report->merge.count; i++)
		say_lost(report->merge.readers[i]);
	merge_end(&report->merge);
	free(report->text);
}

int report_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options_of(wanted_variables, own_options),
		.parser = parse,
		.args_doc = "FILE...",
		.doc = "Shows recordings: the trace as text, as it would have been written live, or "
		       "as JSON or tables. Several, of several processes or of both ends of a "
		       "connection, are merged by time.",
	};
	struct reader **readers;
	struct report report;
	size_t count = 0;
	int status = 0;

	argp_err_exit_status = EXIT_USAGE;
	asked.filter = filter_of_nothing;
	options_clear();
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!options_check("report"))
		return EXIT_USAGE;
	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	readers = allocate(asked.path_count * sizeof(readers[0]));
	for (size_t i = 0; i < asked.path_count; i++) {
		readers[count] = reader_open(asked.paths[i]);
		if (readers[count])
			count++;
		else
			status = EXIT_OWN_FAILURE;
	}
	if (count > 0) {
		start(&report, readers, count);
		take_all(&report, !asked.is_following && isatty(STDERR_FILENO));
		if (asked.is_following)
			follow(&report);
		take_current(&report);
		finish(&report);
		symbols_end();
		for (size_t i = 0; i < count; i++)
			reader_close(readers[i]);
	}
	free(readers);
	return status;
}
