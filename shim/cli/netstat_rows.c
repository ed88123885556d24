#include "cli/netstat_rows.h"

#include <string.h>

#include "format/connection_number.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"

void netstat_row_fill(struct netstat_row *to, const struct connection_row *row,
		      const struct kernel_table *table, const struct netstat_calls *calls,
		      uint64_t now_ns)
{
	const struct kernel_socket *found = table && row->local.family != 0
						    ? kernel_find(table, &row->local, &row->peer)
						    : NULL;

	*to = (struct netstat_row){
		.row = *row,
		.has_socket = found != NULL,
		.is_gone = table && !found && row->peer.family != 0,
		.now_ns = now_ns,
	};
	if (found)
		to->socket = *found;
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		bool is_shown = note_set_has(&row->notes, note) &&
				note_rows[note].severity != SEVERITY_INFO;

		/* Notes of information are about the past, unless a thread is in the call. */
		for (unsigned i = 0; i < calls->count; i++)
			is_shown |= calls->calls[i].subject.facts.serial == row->serial &&
				    note_set_has(&calls->calls[i].subject.notes, note);
		if (is_shown)
			note_set_add(&to->notes, note);
	}
}

/* --- The columns: a cell and a key of each. --- */

static void append_address(struct strbuf *buf, const struct tcpshim_address *address)
{
	if (address->family == 0)
		strbuf_char(buf, '*');
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

static bool key_since(struct column_key *key, uint64_t then_ns, uint64_t now_ns)
{
	column_key_number(key, now_ns - then_ns);
	return then_ns != 0 && now_ns >= then_ns;
}

static bool key_known(struct column_key *key, struct known_number number)
{
	column_key_number(key, number.value);
	return number.known != KNOWN_NOT;
}

const char *netstat_row_state(const struct netstat_row *row)
{
	if (row->is_gone)
		return "gone";
	return names_tcp_state(row->has_socket ? row->socket.state : row->row.state);
}

static unsigned worst_of(const struct netstat_row *row, unsigned *count)
{
	unsigned worst = SEVERITY_INFO;

	*count = 0;
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!note_set_has(&row->notes, note))
			continue;
		(*count)++;
		if (note_rows[note].severity > worst)
			worst = note_rows[note].severity;
	}
	return worst;
}

static void local_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_address(buf, &row->row.local);
}

static bool local_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return column_key_address(key, &row->row.local);
}

static void peer_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_address(buf, &row->row.peer);
}

static bool peer_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return column_key_address(key, &row->row.peer);
}

static void send_window_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	if (row->has_socket)
		strbuf_unsigned(buf, row->socket.send_window_bytes);
	else
		strbuf_char(buf, '-');
}

static bool send_window_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_number(key, row->socket.send_window_bytes);
	return row->has_socket;
}

static void send_queue_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	if (row->has_socket)
		strbuf_unsigned(buf, row->socket.send_queue_bytes);
	else
		strbuf_char(buf, '-');
}

static bool send_queue_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_number(key, row->socket.send_queue_bytes);
	return row->has_socket;
}

static void receive_window_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	if (row->has_socket)
		strbuf_unsigned(buf, row->socket.receive_window_bytes);
	else
		strbuf_char(buf, '-');
}

static bool receive_window_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_number(key, row->socket.receive_window_bytes);
	return row->has_socket;
}

static void receive_queue_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	if (row->has_socket)
		strbuf_unsigned(buf, row->socket.receive_queue_bytes);
	else
		strbuf_char(buf, '-');
}

static bool receive_queue_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_number(key, row->socket.receive_queue_bytes);
	return row->has_socket;
}

static void state_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	strbuf_string(buf, netstat_row_state(row));
}

static bool state_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_text(key, netstat_row_state(row));
	return true;
}

static void fd_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	strbuf_integer(buf, row->row.fd);
}

static bool fd_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	column_key_number(key, (uint64_t)(INT64_C(1) + row->row.fd));
	return row->row.fd >= 0;
}

static void age_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_since(buf, row->row.opened_ns, row->now_ns);
}

static bool age_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return key_since(key, row->row.opened_ns, row->now_ns);
}

static void sent_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_known(buf, connection_number_sent(&row->row));
}

static bool sent_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return key_known(key, connection_number_sent(&row->row));
}

static void received_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_known(buf, connection_number_received(&row->row));
}

static bool received_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return key_known(key, connection_number_received(&row->row));
}

static void idle_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;

	(void)now_ns;
	append_since(buf, row->row.active_ns, row->now_ns);
}

static bool idle_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;

	return key_since(key, row->row.active_ns, row->now_ns);
}

/* Appends the notes of a severity. */
static void append_notes(struct strbuf *buf, const struct netstat_row *row, unsigned severity,
			 const char **separator)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!note_set_has(&row->notes, note) || note_rows[note].severity != severity)
			continue;
		strbuf_string(buf, *separator);
		strbuf_string(buf, note_rows[note].id);
		*separator = ",";
	}
}

/* The worst first. */
static void notes_cell(struct strbuf *buf, const void *data, uint64_t now_ns)
{
	const struct netstat_row *row = data;
	const char *separator = "";

	(void)now_ns;
	append_notes(buf, row, SEVERITY_ERROR, &separator);
	append_notes(buf, row, SEVERITY_WARN, &separator);
	append_notes(buf, row, SEVERITY_INFO, &separator);
}

static bool notes_key(struct column_key *key, const void *data)
{
	unsigned count, worst = worst_of(data, &count);

	column_key_number(key, ((uint64_t)worst << 32) + count);
	return count > 0;
}

const struct column netstat_columns[] = {
	{"local", "Local Address", 23, 32, false, local_cell, NULL, local_key},
	{"peer", "Remote Address", 23, 98, false, peer_cell, NULL, peer_key},
	{"swind", "Swind", 7, 20, true, send_window_cell, NULL, send_window_key},
	{"send-q", "Send-Q", 6, 72, true, send_queue_cell, NULL, send_queue_key},
	{"rwind", "Rwind", 7, 16, true, receive_window_cell, NULL, receive_window_key},
	{"recv-q", "Recv-Q", 6, 76, true, receive_queue_cell, NULL, receive_queue_key},
	{"state", "State", 11, 97, false, state_cell, NULL, state_key},
	{"fd", "fd", 4, 92, true, fd_cell, NULL, fd_key},
	{"age", "age", 10, 28, true, age_cell, NULL, age_key},
	{"sent", "sent", 10, 40, true, sent_cell, NULL, sent_key},
	{"received", "received", 10, 36, true, received_cell, NULL, received_key},
	{"idle", "idle", 10, 94, true, idle_cell, NULL, idle_key},
	{"notes", "notes", 5, 90, false, notes_cell, notes_cell, notes_key},
	{0},
};

/* --- The worst first. --- */

/* Makes a key that is the smaller the worse the connection is. */
static bool worst_key(struct column_key *key, const void *data)
{
	const struct netstat_row *row = data;
	unsigned count, severity = worst_of(row, &count);
	uint64_t idle_ns = row->row.active_ns != 0 && row->now_ns > row->row.active_ns
				   ? row->now_ns - row->row.active_ns
				   : 0;

	if (row->is_gone || (row->has_socket ? row->socket.state : row->row.state) == STATE_CLOSE)
		severity = SEVERITY_ERROR;
	column_key_number(key, ((uint64_t)(SEVERITY_ERROR - severity) << 62) + (UINT64_MAX >> 2) -
				       (idle_ns & UINT64_MAX >> 2));
	return true;
}

const struct column netstat_worst = {.name = "worst", .key = worst_key};
