#include "format/connection_row.h"

#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/json.h"
#include "format/names.h"
#include "format/note_set.h"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

/* Nothing more comes of the connection. */
static const uint8_t closing_notes[] = {
	NOTE_closed_first,
	NOTE_closed_after_peer_unread,
	NOTE_closed_after_peer,
	NOTE_closed_after_death,
	NOTE_closed_with_unread_data,
	NOTE_closed_with_unacknowledged_data,
	NOTE_aborted,
	NOTE_aborted_by_disconnect,
	NOTE_left_open_at_exit,
	NOTE_left_open_at_exit_maybe,
	NOTE_left_open_dead,
	NOTE_closed_shared_maybe,
	NOTE_closed_in_repair,
};

/* How the connection ended, beside those. */
static const uint8_t ending_notes[] = {
	NOTE_reset_peer_forgot,
	NOTE_destroyed_here,
	NOTE_reset_after_fin,
	NOTE_reset_by_peer,
	NOTE_timed_out_data,
	NOTE_timed_out_user,
	NOTE_timed_out_keepalive,
	NOTE_timed_out,
	NOTE_dead,
	NOTE_connect_refused,
	NOTE_connect_timed_out,
	NOTE_connect_unreachable,
	NOTE_connect_reset,
	NOTE_policy_aborted_on_eof,
};

/* Which side closed first. */
static const uint8_t own_end_notes[] = {
	NOTE_own_fin,
	NOTE_closed_first,
	NOTE_aborted,
	NOTE_aborted_by_disconnect,
	NOTE_closed_with_unread_data,
};
static const uint8_t peer_end_notes[] = {
	NOTE_peer_fin,      NOTE_closed_after_peer_unread, NOTE_closed_after_peer,
	NOTE_reset_by_peer, NOTE_reset_peer_forgot,        NOTE_own_fin_last,
};

static const uint8_t opening_notes[] = {
	NOTE_connected,
	NOTE_connected_later,
	NOTE_accepted,
	NOTE_adopted,
};

static bool has_any(const struct tcpshim_notes *notes, const uint8_t *list, size_t count)
{
	return note_set_find(notes, list, (unsigned)count) != NOTE_COUNT;
}
#define HAS_ANY(notes, list) has_any(notes, list, LENGTH(list))

/* Returns the first of them that says how the connection ended; NOTE_COUNT if none does. */
static unsigned find_ending(const struct tcpshim_notes *notes)
{
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
	     note = note_set_next(notes, note + 1))
		if (memchr(closing_notes, (int)note, sizeof(closing_notes)) ||
		    memchr(ending_notes, (int)note, sizeof(ending_notes)))
			return note;
	return NOTE_COUNT;
}

void connection_row_start(struct connection_row *row, const struct tcpshim_event *event,
			  uint32_t serial)
{
	*row = (struct connection_row){.serial = serial,
				       .pid = event->pid,
				       .fd = -1,
				       .ended = CONNECTION_ROW_NO_NOTE};
}

uint64_t connection_row_bytes(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;

	if (event->error != 0 || event->result <= 0 || (event->flags & EVENT_SLEEPING))
		return 0;
	if (event->data_total > 0)
		return event->data_total;
	return kinds[1] == ARG_FD || kinds[1] == ARG_OFFSET || kinds[2] == ARG_SIZE
		       ? (uint64_t)event->result
		       : 0;
}

static bool is_peek(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;

	for (unsigned i = 0; i < event->argument_count; i++)
		if (kinds[i] == ARG_MESSAGE_FLAGS && (event->arguments[i] & MSG_PEEK))
			return true;
	return false;
}

/* splice is on two descriptors: a read of the first, or a write to the second. */
static bool is_writing(const struct connection_row *row, const struct tcpshim_event *event)
{
	if (call_rows[event->call].effect == EFFECT_SPLICE)
		return row->fd >= 0 && (int32_t)event->arguments[2] == row->fd;
	return call_rows[event->call].effect == EFFECT_WRITE;
}

/* Threads that share a connection lose nothing. */
static void add(uint64_t *to, uint64_t count)
{
	__atomic_fetch_add(to, count, __ATOMIC_RELAXED);
}

static void count_transfer(struct connection_row *row, const struct tcpshim_event *event)
{
	uint64_t bytes = is_peek(event) ? 0 : connection_row_bytes(event);
	uint64_t since_ns = row->active_ns != 0 ? row->active_ns : row->opened_ns;

	if (is_writing(row, event)) {
		add(&row->writes, 1);
		add(&row->sent_bytes, bytes);
	} else {
		add(&row->reads, 1);
		add(&row->received_bytes, bytes);
	}
	if (bytes == 0)
		return;
	if (since_ns != 0 && event->time_ns > since_ns &&
	    event->time_ns - since_ns > row->silence_ns)
		row->silence_ns = event->time_ns - since_ns;
	row->active_ns = event->time_ns;
}

void connection_row_call(struct connection_row *row, const struct tcpshim_event *event)
{
	const struct tcpshim_connection *connection = &event->connection;
	enum tcpshim_effect effect = (enum tcpshim_effect)call_rows[event->call].effect;

	if (connection->local.family != 0)
		row->local = connection->local;
	if (connection->peer.family != 0)
		row->peer = connection->peer;
	if (connection->role != ROLE_NONE)
		row->role = connection->role;
	if (connection->state != STATE_UNKNOWN)
		row->state = connection->state;
	if (event->flags & EVENT_SLEEPING)
		return;
	if ((effect == EFFECT_ACCEPT || effect == EFFECT_CREATE) && event->error == 0)
		row->fd = (int32_t)event->result;
	else if (event->argument_count > 0 && call_rows[event->call].kinds[0] == ARG_FD)
		row->fd = (int32_t)event->arguments[0];
	if (row->opened_ns == 0 && event->error == 0 &&
	    (effect == EFFECT_ACCEPT || effect == EFFECT_CONNECT || effect == EFFECT_LISTEN))
		row->opened_ns = event->time_ns;
	if (effect == EFFECT_READ || effect == EFFECT_WRITE || effect == EFFECT_SPLICE)
		count_transfer(row, event);
}

static void set_first(struct connection_row *row, const struct tcpshim_notes *notes)
{
	if (row->first != CONNECTION_ROW_NOBODY)
		return;
	if (HAS_ANY(notes, peer_end_notes))
		row->first = CONNECTION_ROW_PEER;
	else if (HAS_ANY(notes, own_end_notes))
		row->first = CONNECTION_ROW_HERE;
}

bool connection_row_subject(struct connection_row *row, const struct tcpshim_event *event,
			    const struct tcpshim_subject *subject)
{
	const struct tcpshim_facts *facts = &subject->facts;
	const struct tcpshim_notes *notes = &subject->notes;

	if (facts->local.family != 0)
		row->local = facts->local;
	if (facts->peer.family != 0)
		row->peer = facts->peer;
	if (facts->role != ROLE_NONE)
		row->role = facts->role;
	if (facts->now != STATE_UNKNOWN)
		row->state = facts->now;
	if (HAS_ANY(notes, opening_notes)) {
		row->opened_ns = event->time_ns;
		row->handshake_ns = facts->handshake_ns;
	}
	if (facts->rtt_ns != 0)
		row->rtt_ns = facts->rtt_ns;
	if (facts->retransmits_total > row->retransmits)
		row->retransmits = facts->retransmits_total;
	if (row->fd < 0)
		row->fd = facts->fd;
	set_first(row, notes);
	if (row->ended == CONNECTION_ROW_NO_NOTE && find_ending(notes) != NOTE_COUNT)
		row->ended = (uint16_t)find_ending(notes);
	note_set_merge(&row->notes, notes);
	if (!HAS_ANY(notes, closing_notes))
		return false;
	row->closed_ns = event->time_ns;
	return true;
}

/* --- As text. --- */

static const char *const role_names[] = {"-", "client", "server", "listener"};
static const char *const first_names[] = {"-", "here", "peer"};

/* Blanks up to the column, at least one. */
static void pad(struct strbuf *buf, size_t start, size_t column)
{
	do
		strbuf_char(buf, ' ');
	while (buf->size - start < column);
}

static const struct {
	const char *name;
	uint8_t width;
} columns[] = {
	{"conn", 6},          {"fd", 5},         {"role", 9},  {"local", 24},  {"peer", 24},
	{"opened", 11},       {"lived", 12},     {"sent", 12}, {"writes", 9},  {"received", 12},
	{"reads", 9},         {"handshake", 11}, {"rtt", 10},  {"retrans", 8}, {"silence", 12},
	{"closed first", 13}, {"ended", 22},     {"notes", 0},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), PID_WIDTH = 8 };

void connection_row_headings(struct strbuf *buf, bool has_pid)
{
	size_t start = buf->size, column = 0;

	if (has_pid) {
		strbuf_string(buf, "pid");
		pad(buf, start, column += PID_WIDTH);
	}
	for (unsigned i = 0; i < COLUMNS; i++) {
		strbuf_string(buf, columns[i].name);
		if (i + 1 < COLUMNS)
			pad(buf, start, column += columns[i].width);
	}
	strbuf_char(buf, '\n');
}

static uint64_t lived_ns(const struct connection_row *row)
{
	uint64_t end_ns = row->closed_ns != 0 ? row->closed_ns : row->active_ns;

	return row->opened_ns != 0 && end_ns > row->opened_ns ? end_ns - row->opened_ns : 0;
}

static void append_duration(struct strbuf *buf, uint64_t ns)
{
	if (ns == 0)
		strbuf_char(buf, '-');
	else
		strbuf_duration(buf, ns);
}

static bool is_shown_before(const struct tcpshim_notes *notes, unsigned note)
{
	for (unsigned i = 0; i < note; i++)
		if (note_set_has(notes, i) && strcmp(note_rows[i].id, note_rows[note].id) == 0)
			return true;
	return false;
}

/* Their ids, each once. json: between quotes. */
static void append_notes(struct strbuf *buf, const struct tcpshim_notes *notes, bool is_json)
{
	bool is_first = true;

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!note_set_has(notes, note) || is_shown_before(notes, note))
			continue;
		if (!is_first)
			strbuf_char(buf, ',');
		is_first = false;
		if (is_json)
			strbuf_char(buf, '"');
		strbuf_string(buf, note_rows[note].id);
		if (is_json)
			strbuf_char(buf, '"');
	}
	if (is_first && !is_json)
		strbuf_char(buf, '-');
}

static void append_column(struct strbuf *buf, const struct connection_row *row, unsigned column,
			  uint64_t base_ns)
{
	switch (column) {
	case 0:
		strbuf_unsigned(buf, row->serial);
		break;
	case 1:
		strbuf_integer(buf, row->fd);
		break;
	case 2:
		strbuf_string(buf, role_names[row->role <= ROLE_LISTENER ? row->role : 0]);
		break;
	case 3:
		facts_address(buf, &row->local);
		break;
	case 4:
		facts_address(buf, &row->peer);
		break;
	case 5:
		if (row->opened_ns != 0)
			strbuf_stamp(buf, row->opened_ns > base_ns ? row->opened_ns - base_ns : 0);
		else
			strbuf_char(buf, '-');
		break;
	case 6:
		append_duration(buf, lived_ns(row));
		break;
	case 7:
		strbuf_unsigned(buf, row->sent_bytes);
		break;
	case 8:
		strbuf_unsigned(buf, row->writes);
		break;
	case 9:
		strbuf_unsigned(buf, row->received_bytes);
		break;
	case 10:
		strbuf_unsigned(buf, row->reads);
		break;
	case 11:
		append_duration(buf, row->handshake_ns);
		break;
	case 12:
		append_duration(buf, row->rtt_ns);
		break;
	case 13:
		strbuf_unsigned(buf, row->retransmits);
		break;
	case 14:
		append_duration(buf, row->silence_ns);
		break;
	case 15:
		strbuf_string(buf, first_names[row->first <= CONNECTION_ROW_PEER ? row->first : 0]);
		break;
	case 16:
		strbuf_string(buf, row->ended < NOTE_COUNT ? note_rows[row->ended].id
							   : names_tcp_state(row->state));
		break;
	default:
		append_notes(buf, &row->notes, false);
	}
}

void connection_row_line(struct strbuf *buf, const struct connection_row *row, bool has_pid,
			 uint64_t base_ns)
{
	size_t start = buf->size, column = 0;

	if (has_pid) {
		strbuf_integer(buf, row->pid);
		pad(buf, start, column += PID_WIDTH);
	}
	for (unsigned i = 0; i < COLUMNS; i++) {
		append_column(buf, row, i, base_ns);
		if (i + 1 < COLUMNS)
			pad(buf, start, column += columns[i].width);
	}
	strbuf_char(buf, '\n');
}

static void append_member(struct strbuf *buf, const char *name, uint64_t value)
{
	strbuf_string(buf, ",\"");
	strbuf_string(buf, name);
	strbuf_string(buf, "\":");
	strbuf_unsigned(buf, value);
}

static void append_text_member(struct strbuf *buf, const char *name, const char *text)
{
	strbuf_string(buf, ",\"");
	strbuf_string(buf, name);
	strbuf_string(buf, "\":");
	json_string(buf, text, strlen(text));
}

void connection_row_json(struct strbuf *buf, const struct connection_row *row, uint64_t base_ns)
{
	strbuf_string(buf, "{\"process.pid\":");
	strbuf_integer(buf, row->pid);
	append_member(buf, "conn", row->serial);
	strbuf_string(buf, ",\"fd\":");
	strbuf_integer(buf, row->fd);
	if (row->role != ROLE_NONE && row->role <= ROLE_LISTENER)
		append_text_member(buf, "role", role_names[row->role]);
	json_endpoint(buf, "local", &row->local);
	json_endpoint(buf, "peer", &row->peer);
	if (row->opened_ns != 0)
		append_member(buf, "opened_ns",
			      row->opened_ns > base_ns ? row->opened_ns - base_ns : 0);
	append_member(buf, "lived_ns", lived_ns(row));
	append_member(buf, "sent_bytes", row->sent_bytes);
	append_member(buf, "writes", row->writes);
	append_member(buf, "received_bytes", row->received_bytes);
	append_member(buf, "reads", row->reads);
	append_member(buf, "handshake_ns", row->handshake_ns);
	append_member(buf, "rtt_ns", row->rtt_ns);
	append_member(buf, "retransmits", row->retransmits);
	append_member(buf, "longest_silence_ns", row->silence_ns);
	if (row->first == CONNECTION_ROW_HERE || row->first == CONNECTION_ROW_PEER)
		append_text_member(buf, "closed_first", first_names[row->first]);
	if (row->ended < NOTE_COUNT)
		append_text_member(buf, "ended", note_rows[row->ended].id);
	else
		append_text_member(buf, "state", names_tcp_state(row->state));
	strbuf_string(buf, ",\"notes\":[");
	append_notes(buf, &row->notes, true);
	strbuf_string(buf, "]}\n");
}
