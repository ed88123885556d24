/* tcpshim netstat: the connections of a process now. What the process did comes from its recording;
 * queues, windows and states come from the kernel. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/open_rows.h"
#include "format/arguments.h"
#include "format/connection_number.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/words.h"
#include "reader/complain.h"
#include "reader/kernel.h"
#include "reader/merge.h"
#include "reader/printable.h"
#include "reader/writer.h"

enum { MOST_THREADS = 32, CALL_BYTES = 160 };

static struct {
	const char *what;
	uint64_t watch_ms; /* 0: once */
} asked;

static const struct argp_option options[] = {
	{"watch", 'w', "DURATION", OPTION_ARG_OPTIONAL,
	 "Shows the table again after each second, or DURATION", 0},
	{0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)state;
	switch (key) {
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

/* --- The table. --- */

struct netstat {
	struct reader *reader;
	struct merge merge;
	struct kernel_table kernel;
	bool has_kernel;
	struct open_rows rows;
	uint64_t now_ns;
	/* the calls that threads are in */
	unsigned call_count;
	struct {
		uint32_t serial, thread_number;
		uint64_t start_ns;
		char text[CALL_BYTES];
	} calls[MOST_THREADS];
};

static void take_call(struct netstat *netstat, const struct tcpshim_event *event)
{
	unsigned number = netstat->call_count;
	struct strbuf text;

	if (number == MOST_THREADS)
		return;
	netstat->call_count++;
	netstat->calls[number].serial = event->connection.serial;
	netstat->calls[number].thread_number = event->thread_number;
	netstat->calls[number].start_ns = event->start_ns;
	strbuf_init(&text, netstat->calls[number].text, CALL_BYTES - 1);
	arguments_call(&text, event, 0);
	netstat->calls[number].text[text.size] = '\0';
}

static void leave_row(struct open_row *row, void *data)
{
	(void)data;
	open_row_find_gaps(row);
}

static void read_all(struct netstat *netstat)
{
	struct unpacked *current = allocate(sizeof(*current));
	struct item item;

	while (merge_next(&netstat->merge, &item))
		if (!item.line)
			open_rows_take(&netstat->rows, &item, NULL, NULL);
	netstat->call_count = 0;
	while (merge_next_current(&netstat->merge, &item, current))
		take_call(netstat, item.event);
	free(current);
	reader_find_end(netstat->reader);
	netstat->now_ns = netstat->reader->seen_ns;
	open_rows_visit(&netstat->rows, leave_row, NULL);
}

static void append_address(struct strbuf *buf, const struct tcpshim_address *address)
{
	if (address->family == 0)
		strbuf_string(buf, "*");
	else
		facts_address(buf, address);
}

static void append_since(struct strbuf *buf, uint64_t then_ns, uint64_t now_ns)
{
	if (then_ns == 0 || now_ns < then_ns)
		strbuf_char(buf, '-');
	else
		strbuf_duration(buf, now_ns - then_ns);
}

static void append_known(struct strbuf *buf, struct known_number number)
{
	if (number.known == KNOWN_NOT)
		strbuf_char(buf, '-');
	else if (number.known == KNOWN_AT_LEAST)
		strbuf_string(buf, "> ");
	if (number.known != KNOWN_NOT)
		strbuf_unsigned(buf, number.value);
}

static const char *end_text(struct strbuf *buf)
{
	buf->text[buf->size] = '\0';
	return buf->text;
}

/* Prints text from the recording as part of a line. */
static void print_text(const char *text)
{
	printable_write(stdout, text, strlen(text), PRINTABLE_LINE);
}

static void print_call(const struct netstat *netstat, unsigned number)
{
	printf("    /%u: ", netstat->calls[number].thread_number);
	print_text(netstat->calls[number].text);
	puts("  (sleeping...)");
}

static void print_notes(const struct tcpshim_notes *notes)
{
	const char *separator = "";

	/* Only problems; notes of information are about the past. */
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!note_set_has(notes, note) || note_rows[note].severity == SEVERITY_INFO)
			continue;
		printf("%s%s", separator, note_rows[note].id);
		separator = ",";
	}
}

static void print_row(struct open_row *open, void *data)
{
	const struct connection_row *row = &open->row;
	struct netstat *const netstat = data;
	const struct kernel_socket *found =
		netstat->has_kernel && row->local.family != 0
			? kernel_find(&netstat->kernel, &row->local, &row->peer)
			: NULL;
	char texts[6][64];
	struct strbuf local, peer, age, active, sent, received;

	if (row->closed_ns != 0) /* a listener, or a connect that failed: no note reports its close
				  */
		return;
	strbuf_init(&local, texts[0], 63);
	strbuf_init(&peer, texts[1], 63);
	strbuf_init(&age, texts[2], 63);
	strbuf_init(&active, texts[3], 63);
	strbuf_init(&sent, texts[4], 63);
	strbuf_init(&received, texts[5], 63);
	append_address(&local, &row->local);
	append_address(&peer, &row->peer);
	append_since(&age, row->opened_ns, netstat->now_ns);
	append_since(&active, row->active_ns, netstat->now_ns);
	append_known(&sent, connection_number_sent(row));
	append_known(&received, connection_number_received(row));
	printf("%-24s %-24s ", end_text(&local), end_text(&peer));
	if (found)
		printf("%8u %6u %8u %6u %-11s ", found->send_window_bytes, found->send_queue_bytes,
		       found->receive_window_bytes, found->receive_queue_bytes,
		       names_tcp_state(found->state));
	else
		printf("%8s %6s %8s %6s %-11s ", "-", "-", "-", "-",
		       netstat->has_kernel && row->peer.family != 0 ? "gone"
								    : names_tcp_state(row->state));
	printf("%4d %10s %10s %10s %10s  ", row->fd, end_text(&age), end_text(&sent),
	       end_text(&received), end_text(&active));
	print_notes(&row->notes);
	putchar('\n');
	for (unsigned i = 0; i < netstat->call_count; i++)
		if (netstat->calls[i].serial == row->serial)
			print_call(netstat, i);
}

static void print_table(struct netstat *netstat, bool is_live)
{
	const struct record_header *header = &netstat->reader->header;
	int pid = is_live ? netstat->reader->writer : header->pid;

	print_text(header->program);
	printf(", process %d", pid);
	if (pid != header->pid)
		printf(" (%d in its PID namespace)", header->pid);
	puts(is_live ? "" : ", which has ended: as it was at its end");
	printf("%-24s %-24s %8s %6s %8s %6s %-11s %4s %10s %10s %10s %10s  %s\n", "Local Address",
	       "Remote Address", "Swind", "Send-Q", "Rwind", "Recv-Q", "State", "fd", "age", "sent",
	       "received", "idle", "notes");
	open_rows_visit(&netstat->rows, print_row, netstat);
	for (unsigned i = 0; i < netstat->call_count; i++)
		if (netstat->calls[i].serial == 0)
			print_call(netstat, i);
}

static void show(struct netstat *netstat)
{
	bool is_live = reader_is_live(netstat->reader);

	read_all(netstat);
	netstat->has_kernel = is_live && kernel_read(&netstat->kernel, netstat->reader->writer);
	if (is_live && !netstat->has_kernel)
		complain(
			"the kernel's list of sockets cannot be read: %s. Queues and windows are missing",
			strerror(errno));
	print_table(netstat, is_live);
	fflush(stdout);
}

static void watch(struct netstat *netstat)
{
	const struct timespec pause = {.tv_sec = (time_t)(asked.watch_ms / 1000),
				       .tv_nsec = (long)(asked.watch_ms % 1000) * 1000000};
	bool is_terminal = isatty(STDOUT_FILENO);

	for (;;) {
		bool is_live = reader_is_live(netstat->reader);

		if (is_terminal)
			fputs("\x1b[H\x1b[J", stdout);
		show(netstat);
		if (!is_terminal)
			putchar('\n');
		if (ferror(stdout) || !is_live)
			return;
		nanosleep(&pause, NULL);
		merge_refresh(&netstat->merge);
	}
}

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

	reader = open_asked(&path);
	if (!reader)
		return EXIT_OWN_FAILURE;
	netstat = allocate(sizeof(*netstat));
	*netstat = (struct netstat){.reader = reader};
	merge_start(&netstat->merge, &netstat->reader, 1);
	if (asked.watch_ms > 0)
		watch(netstat);
	else
		show(netstat);
	open_rows_clear(&netstat->rows);
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
	.parse = parse,
	.run = run,
};
