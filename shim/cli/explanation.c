#include "cli/explanation.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "diagnose/finding.h"
#include "format/facts.h"

enum { WIDTH = 79, INDENT = 4, ID_WIDTH = 32, TEXT_BYTES = 2048 };

#define MILLISECONDS(n) ((n)*UINT64_C(1000000))
#define SECONDS(n) MILLISECONDS((n)*1000)

/* The example: a client whose peer was last heard from 4 s ago. */
static const struct tcpshim_facts example = {
	.fd = 5,
	.other_fd = 7,
	.serial = 1,
	.role = ROLE_CLIENT,
	.reported = REPORTED_AS_ERROR,
	.local = {.family = AF_INET, .port = 40112, .bytes = {192, 0, 2, 10}},
	.peer = {.family = AF_INET, .port = 8080, .bytes = {192, 0, 2, 20}},
	.sent_bytes = 512,
	.received_bytes = 2048,
	.lost_bytes = 64,
	.outstanding_bytes = 128,
	.unacknowledged_bytes = 128,
	.unread_bytes = 256,
	.age_ns = SECONDS(75),
	.handshake_ns = MILLISECONDS(12),
	.silence_ns = SECONDS(4),
	.silence_before_ns = SECONDS(60),
	.since_fin_ns = SECONDS(9),
	.waiting_ns = SECONDS(3),
	.user_timeout_ns = SECONDS(60),
	.lookup_ns = MILLISECONDS(30),
	.retransmits = 3,
	.retransmits_total = 5,
	.probes = 3,
	.eof_count = 100,
	.polls = 100,
	.keepalive_idle_ns = SECONDS(30),
	.keepalive_interval_ns = SECONDS(10),
	.policy_timeout_ns = SECONDS(60),
	.keepalive_count = 3,
	.option_level = SOL_SOCKET,
	.option_name = SO_KEEPALIVE,
	.policy_error = EPERM,
	.rtt_ns = MILLISECONDS(12),
	.rtt_variation_ns = MILLISECONDS(3),
	.send_window_bytes = 65535,
	.congestion_window = 10,
	.connections = 1,
	.fin_time = FIN_ARRIVED,
	.fin_age_ns = SECONDS(9),
	.idle_before_fin_ns = SECONDS(60),
	.last_heard_ns = SECONDS(60),
	.probing_ns = SECONDS(30),
	.waited_ns = MILLISECONDS(2500),
	.measured_ns = SECONDS(3),
	.busy_ns = MILLISECONDS(2500),
	.window_limited_ns = MILLISECONDS(2400),
	.buffer_limited_ns = MILLISECONDS(1600),
	.queued_ns = SECONDS(4),
	.queue_length = 129,
	.queue_limit = 128,
	.held_ns = MILLISECONDS(41),
	.nagle_count = 3,
	.nagle_lost_ns = MILLISECONDS(124),
	.local_ports = 28232,
	.time_wait_sockets = 28150,
};

/* The states before and after the call of a note. A note that is not here leaves ESTABLISHED. */
static const struct states {
	uint8_t before, now;
} states[NOTE_COUNT] = {
	[NOTE_connected] = {STATE_SYN_SENT, STATE_ESTABLISHED},
	[NOTE_connected_later] = {STATE_SYN_SENT, STATE_ESTABLISHED},
	[NOTE_peer_fin] = {STATE_ESTABLISHED, STATE_CLOSE_WAIT},
	[NOTE_peer_fin_late] = {STATE_ESTABLISHED, STATE_CLOSE_WAIT},
	[NOTE_half_open] = {STATE_CLOSE_WAIT, STATE_CLOSE_WAIT},
	[NOTE_eof_ignored] = {STATE_CLOSE_WAIT, STATE_CLOSE_WAIT},
	[NOTE_reset_peer_forgot] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_reset_of_probe] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_reset_when_done] = {STATE_CLOSE_WAIT, STATE_CLOSE},
	[NOTE_reset_of_alert] = {STATE_CLOSE_WAIT, STATE_CLOSE},
	[NOTE_reset_unknown] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_destroyed_here] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_reset_after_fin] = {STATE_CLOSE_WAIT, STATE_CLOSE},
	[NOTE_reset_by_peer] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_data] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_unsent] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_window] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_probing] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_user] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out_keepalive] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_timed_out] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_dead] = {STATE_ESTABLISHED, STATE_CLOSE},
	[NOTE_own_fin] = {STATE_ESTABLISHED, STATE_FIN_WAIT_1},
	[NOTE_own_fin_last] = {STATE_CLOSE_WAIT, STATE_LAST_ACK},
	[NOTE_closed_first] = {STATE_ESTABLISHED, STATE_FIN_WAIT_1},
	[NOTE_closed_after_peer_unread] = {STATE_CLOSE_WAIT, STATE_LAST_ACK},
	[NOTE_closed_after_peer] = {STATE_CLOSE_WAIT, STATE_LAST_ACK},
};

/* Fills the example's values into a text of the note. text_room has TEXT_BYTES. */
static const char *expand(unsigned note, const char *text, char *text_room)
{
	bool has_states = states[note].now != STATE_UNKNOWN;
	struct tcpshim_facts facts = example;
	struct strbuf buf;

	facts.before = has_states ? states[note].before : STATE_ESTABLISHED;
	facts.now = has_states ? states[note].now : STATE_ESTABLISHED;
	strbuf_init(&buf, text_room, TEXT_BYTES - 1);
	facts_expand(&buf, text, &facts);
	text_room[buf.size] = '\0';
	return text_room;
}

void explanation_print_text(const char *text)
{
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

static const char *severity_of(unsigned severity)
{
	static const char *const severities[] = {
		[SEVERITY_INFO] = "- info",
		[SEVERITY_WARN] = "! warning",
		[SEVERITY_ERROR] = "!! error",
	};

	return severities[severity];
}

/* Returns whether these are the same; id may stand in brackets. */
static bool is_id(const char *row_id, const char *id)
{
	bool is_bracketed = id[0] == '[' && id[strlen(id) - 1] == ']';
	size_t size = strlen(id) - (is_bracketed ? 2 : 0);

	return strlen(row_id) == size && memcmp(row_id, id + is_bracketed, size) == 0;
}

bool explanation_exists(const char *id)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		if (is_id(note_rows[note].id, id))
			return true;
	for (unsigned name = 0; name < FINDING_COUNT; name++)
		if (is_id(finding_rows[name].id, id))
			return true;
	return false;
}

static void print_finding(const struct finding_row *row)
{
	const char *place = strstr(row->what_to_do, "{}");
	char text[TEXT_BYTES];

	printf("%s  (finding of tcpshim diagnose, %s)\n\n", row->id, severity_of(row->severity));
	explanation_print_text(row->why);
	putchar('\n');
	if (place)
		snprintf(text, sizeof(text), "%.*s...%s", (int)(place - row->what_to_do),
			 row->what_to_do, place + 2);
	explanation_print_text(place ? text : row->what_to_do);
	putchar('\n');
}

/* Two rows may share an id: the same fact, known with different certainty. */
void explanation_print(const char *id)
{
	char text[TEXT_BYTES];

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		const struct note_row *row = &note_rows[note];

		if (!is_id(row->id, id))
			continue;
		printf("%s  (%s)\n\n", row->id, severity_of(row->severity));
		explanation_print_text(expand(note, row->text, text));
		putchar('\n');
		explanation_print_text(expand(note, row->explanation, text));
		putchar('\n');
	}
	for (unsigned name = 0; name < FINDING_COUNT; name++)
		if (is_id(finding_rows[name].id, id))
			print_finding(&finding_rows[name]);
}

/* Prints as many words of the text as fit into width columns, and "..." if it goes on. */
static void print_start(const char *text, size_t width)
{
	size_t size = strlen(text);

	if (size > width) {
		size = width - 3;
		while (size > 0 && text[size] != ' ')
			size--;
		printf("%.*s...\n", (int)size, text);
	} else {
		puts(text);
	}
}

/* Returns the text without the descriptor and the addresses that it begins with. */
static const char *without_subject(const char *text)
{
	const char *end = text[0] == '{' ? strstr(text, ": ") : NULL;

	return end ? end + 2 : text;
}

void explanation_list(void)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		char text[TEXT_BYTES];

		if (facts_first_note(note) != note)
			continue;
		printf("%-*s ", ID_WIDTH, note_rows[note].id);
		print_start(expand(note, without_subject(note_rows[note].text), text),
			    WIDTH - ID_WIDTH - 1);
	}
}

void explanation_offer(struct nearest *nearest)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++)
		nearest_offer(nearest, note_rows[note].id);
	for (unsigned name = 0; name < FINDING_COUNT; name++)
		nearest_offer(nearest, finding_rows[name].id);
}
