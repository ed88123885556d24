/* tcpshim netstat: the connections of a process now. What the process did comes from its recording;
 * queues, windows and states come from the kernel. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/netstat_table.h"
#include "cli/open_rows.h"
#include "cli/options.h"
#include "format/arguments.h"
#include "format/words.h"
#include "reader/complain.h"
#include "reader/current.h"
#include "reader/merge.h"
#include "reader/writer.h"

static struct {
	const char *what;
	uint64_t watch_ms; /* 0: once */
	struct columns columns;
} asked;

enum { OPTION_COLUMNS = OPTION_OWN, OPTION_SORT };

static const struct argp_option options[] = {
	{"watch", 'w', "DURATION", OPTION_ARG_OPTIONAL,
	 "Shows the table again after each second, or DURATION", 0},
	{"columns", OPTION_COLUMNS, "NAME,...", 0,
	 "These columns, in this order. NAME: local, peer, swind, send-q, rwind, recv-q, state, fd, "
	 "age, sent, received, idle, notes",
	 0},
	{"sort", OPTION_SORT, "[-]NAME,...", 0,
	 "Sorts the rows by these columns; - before a name reverses it. Without it, --watch shows "
	 "the worst first",
	 0},
	{0},
};

static const char *const variables[] = {"FORMAT", NULL};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		options_clear();
		return 0;
	case OPTION_COLUMNS:
		columns_read(&asked.columns, netstat_columns, options_typed(key, argument, state),
			     argument);
		return 0;
	case OPTION_SORT:
		columns_read_orders(&asked.columns, netstat_columns,
				    options_typed(key, argument, state), argument);
		return 0;
	case 'w':
		asked.watch_ms = 1000;
		if (argument && (!word_milliseconds(word_of(argument), &asked.watch_ms) ||
				 asked.watch_ms < 100 || asked.watch_ms > 86400000))
			refuse("--watch=%s: it takes a time from 100ms to 24h, for example "
			       "--watch=1.5s",
			       argument);
		return 0;
	case ARGP_KEY_ARG:
		if (asked.what)
			refuse("it shows one process, and %s is a second one", argument);
		asked.what = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		refuse("name a process that is being recorded, by its number, or its recording");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- Reading. --- */

struct netstat {
	struct reader *reader;
	struct merge merge;
	struct kernel_table kernel;
	bool has_kernel;
	struct open_rows open;
	struct netstat_table table;
};

static void take_call(struct netstat_calls *calls, const struct tcpshim_event *event)
{
	struct netstat_call *call = &calls->calls[calls->count];
	struct strbuf text;

	if (calls->count == NETSTAT_THREADS)
		return;
	calls->count++;
	*call = (struct netstat_call){
		.serial = event->connection.serial,
		.thread_number = event->thread_number,
		.tid = event->tid,
		.call = event->call,
		.start_ns = event->start_ns,
	};
	if (event->subject_count > 0)
		call->subject = event->subjects[0];
	strbuf_init(&text, call->text, NETSTAT_CALL_BYTES - 1);
	arguments_call(&text, event, 0);
	call->text[text.size] = '\0';
}

static void take_row(struct open_row *open, void *data)
{
	struct netstat *const netstat = data;
	struct open_row seen = *open; /* it is open, and its row goes on */
	struct netstat_row row;

	if (open->row.closed_ns != 0) /* a listener, or a connect that failed: no note reports its
					 close */
		return;
	open_row_leave(&seen, UINT64_MAX);
	netstat_row_fill(&row, &seen.row, netstat->has_kernel ? &netstat->kernel : NULL,
			 &netstat->table.calls, netstat->table.head.now_ns);
	row_list_add(&netstat->table.rows, &row, sizeof(row));
}

static void read_calls(struct netstat *netstat)
{
	struct unpacked *current = allocate(sizeof(*current));
	struct item item;

	netstat->table.calls.count = 0;
	while (merge_next_current(&netstat->merge, &item, current)) {
		current_find_notes(&item, netstat->has_kernel ? &netstat->kernel : NULL);
		take_call(&netstat->table.calls, item.event);
	}
	free(current);
}

static void sort_rows(struct netstat *netstat)
{
	static const struct row_order worst = {.column = &netstat_worst};

	if (asked.columns.order_count > 0)
		row_list_sort(&netstat->table.rows, asked.columns.orders,
			      asked.columns.order_count);
	else if (asked.watch_ms > 0)
		row_list_sort(&netstat->table.rows, &worst, 1);
}

static void read_all(struct netstat *netstat)
{
	struct netstat_head *head = &netstat->table.head;
	struct item item;

	while (merge_next(&netstat->merge, &item))
		if (!item.line)
			open_rows_take(&netstat->open, &item, NULL, NULL);
	head->is_live = reader_find_end(netstat->reader);
	netstat->has_kernel = head->is_live &&
			      kernel_read(&netstat->kernel, netstat->reader->writer);
	if (head->is_live && !netstat->has_kernel)
		complain(
			"the kernel's list of sockets cannot be read: %s. Queues and windows are missing",
			strerror(errno));
	read_calls(netstat);
	head->now_ns = netstat->reader->seen_ns;
	head->base_ns = netstat->merge.base_ns;
	head->realtime_ns = reader_realtime(netstat->reader, head->now_ns);
	head->pid = head->is_live ? netstat->reader->writer : netstat->reader->header.pid;
	head->own_pid = netstat->reader->header.pid;
	head->program = netstat->reader->header.program;
	open_rows_visit(&netstat->open, take_row, netstat);
	sort_rows(netstat);
}

static void print(FILE *to, const struct netstat *netstat)
{
	if (config.format == &format_json)
		netstat_table_json(to, &netstat->table);
	else
		netstat_table_print(to, &netstat->table);
}

static void show(struct netstat *netstat)
{
	read_all(netstat);
	print(stdout, netstat);
	fflush(stdout);
	row_list_clear(&netstat->table.rows);
}

/* --- Watching. --- */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	is_interrupted = 1;
}

/* Shows the table in place of the one before, without clearing the screen in between. */
static void show_again(struct netstat *netstat)
{
	char *text = NULL;
	size_t size = 0, at = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to) {
		complain("not enough memory for the table");
		exit(EXIT_OWN_FAILURE);
	}
	columns_measure(&asked.columns);
	read_all(netstat);
	print(to, netstat);
	fclose(to);
	fputs("\x1b[H", stdout);
	for (const char *end; (end = memchr(text + at, '\n', size - at));
	     at = (size_t)(end + 1 - text))
		printf("%.*s\x1b[K\n", (int)(end - text - (ssize_t)at), text + at);
	fputs("\x1b[J", stdout);
	fflush(stdout);
	free(text);
	row_list_clear(&netstat->table.rows);
}

/* Shows the table again and again, until the process ends or ^C. A table is written as a whole, and
 * changes neither colours nor the cursor's form, so the terminal is in order at any end. */
static void watch(struct netstat *netstat)
{
	const struct timespec pause = {.tv_sec = (time_t)(asked.watch_ms / 1000),
				       .tv_nsec = (long)(asked.watch_ms % 1000) * 1000000};
	const struct sigaction action = {.sa_handler = interrupt};
	bool is_terminal = isatty(STDOUT_FILENO) && config.format != &format_json;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (is_terminal)
		fputs("\x1b[H\x1b[2J", stdout);
	while (!is_interrupted) {
		if (is_terminal)
			show_again(netstat);
		else
			show(netstat);
		if (ferror(stdout) || !netstat->table.head.is_live)
			return;
		if (!is_terminal && config.format != &format_json)
			putchar('\n');
		nanosleep(&pause, NULL);
		merge_refresh(&netstat->merge);
	}
	if (is_terminal)
		putchar('\n'); /* the terminal has shown ^C on this line */
}

/* --- The command. --- */

/* Opens the recording of a process through the process itself, because the path may be another file
 * here. The process is the one that was asked for, whatever its number in the recording is. */
static struct reader *open_asked(char **path)
{
	struct reader *reader;
	uint64_t pid;
	int fd;

	if (access(asked.what, F_OK) == 0 || !word_number(word_of(asked.what), &pid))
		return reader_open(asked.what);
	if (pid > INT_MAX) {
		complain("process %" PRIu64 ": there is no such process", pid);
		return NULL;
	}
	fd = writer_open((int)pid, path);
	reader = fd < 0 ? NULL : reader_take(*path, fd);
	if (reader)
		reader->writer = (int)pid;
	return reader;
}

static int run(void)
{
	struct reader *reader;
	struct netstat *netstat;
	char *path = NULL;

	if (!options_check("netstat"))
		return EXIT_USAGE;
	columns_measure(&asked.columns);
	reader = open_asked(&path);
	if (!reader)
		return EXIT_OWN_FAILURE;
	netstat = allocate(sizeof(*netstat));
	*netstat = (struct netstat){.reader = reader, .table.columns = &asked.columns};
	netstat->table.is_watched = asked.watch_ms > 0;
	merge_start(&netstat->merge, &netstat->reader, 1);
	if (asked.watch_ms > 0)
		watch(netstat);
	else
		show(netstat);
	open_rows_clear(&netstat->open);
	kernel_free(&netstat->kernel);
	merge_end(&netstat->merge);
	reader_close(netstat->reader);
	free(netstat);
	free(path);
	return 0;
}

const struct command netstat_command = {
	.name = "netstat",
	.arguments = "PID|FILE",
	.meaning = "the connections of a process, now",
	.doc = "Shows the connections of a process that is being recorded, as they are now: "
	       "addresses, queues, windows and state from the kernel; age, bytes, how long nothing "
	       "was moved (idle) and warnings from its recording.",
	.options = options,
	.variables = variables,
	.parse = parse,
	.run = run,
};
