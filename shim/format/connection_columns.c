#include "format/connection_columns.h"

#include "format/attributes.h"
#include "format/connection_number.h"
#include "format/connection_row.h"
#include "format/facts.h"
#include "format/stamp.h"

/* --- Values that several columns show. --- */

/* Returns whether there is a value to append; appends all that stands before it, or "-". */
static bool append_certainty(struct strbuf *buf, struct known_number number)
{
	if (number.known == KNOWN_NOT)
		strbuf_char(buf, '-');
	else if (number.known == KNOWN_AT_LEAST)
		strbuf_string(buf, "> ");
	return number.known != KNOWN_NOT;
}

static void append_duration(struct strbuf *buf, struct known_number ns)
{
	if (append_certainty(buf, ns))
		strbuf_duration(buf, ns.value);
}

static void append_known(struct strbuf *buf, struct known_number number)
{
	if (append_certainty(buf, number))
		strbuf_unsigned(buf, number.value);
}

static bool key_known(struct column_key *key, struct known_number number)
{
	column_key_number(key, number.value);
	return number.known != KNOWN_NOT;
}

/* Makes a key of a word of the table. */
static bool key_word(struct column_key *key, const char *word)
{
	column_key_text(key, word);
	return strcmp(word, "-") != 0;
}

/* --- The columns: a cell and a key of each. --- */

static void pid_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_integer(buf, row->pid);
	if (row->process_count > 1) {
		strbuf_char(buf, '+');
		strbuf_unsigned(buf, row->process_count - 1);
	}
}

static bool pid_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	column_key_number(key, (uint64_t)(INT64_C(1) + row->pid));
	return true;
}

static void conn_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_unsigned(buf, row->serial);
}

static bool conn_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	column_key_number(key, row->serial);
	return true;
}

static void fd_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_integer(buf, row->fd);
}

static bool fd_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	column_key_number(key, (uint64_t)(INT64_C(1) + row->fd));
	return true;
}

static void role_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_string(buf, connection_row_role(row));
}

static bool role_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_word(key, connection_row_role(row));
}

static void local_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	facts_address(buf, &row->local);
}

static bool local_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return column_key_address(key, &row->local);
}

static void peer_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	facts_address(buf, &row->peer);
}

static bool peer_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return column_key_address(key, &row->peer);
}

static void opened_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	if (row->opened_ns != 0)
		strbuf_stamp(buf, row->opened_ns > base_ns ? row->opened_ns - base_ns : 0);
	else
		strbuf_char(buf, '-');
}

static bool opened_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	column_key_number(key, row->opened_ns);
	return row->opened_ns != 0;
}

static void lived_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_duration(buf, connection_number_lived_ns(row));
}

static bool lived_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_lived_ns(row));
}

static void sent_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_known(buf, connection_number_sent(row));
}

static bool sent_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_sent(row));
}

static void writes_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_known(buf, connection_number_writes(row));
}

static bool writes_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_writes(row));
}

static void received_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_known(buf, connection_number_received(row));
}

static bool received_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_received(row));
}

static void reads_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_known(buf, connection_number_reads(row));
}

static bool reads_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_reads(row));
}

static void handshake_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_duration(buf, connection_number_handshake_ns(row));
}

static bool handshake_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_handshake_ns(row));
}

static void rtt_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_duration(buf, connection_number_rtt_ns(row));
}

static bool rtt_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_rtt_ns(row));
}

static void retrans_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_known(buf, connection_number_retransmits(row));
}

static bool retrans_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_retransmits(row));
}

static void silence_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	append_duration(buf, connection_number_silence_ns(row));
}

static bool silence_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_known(key, connection_number_silence_ns(row));
}

static void first_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_string(buf, connection_row_first(row));
}

static bool first_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_word(key, connection_row_first(row));
}

static void ended_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_string(buf, connection_row_ended(row));
}

static bool ended_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	return key_word(key, connection_row_ended(row));
}

/* Appends the notes of a severity, or all of them (SEVERITY_NONE). */
static void append_notes(struct strbuf *buf, const struct connection_row *row, unsigned severity,
			 const char **separator)
{
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!connection_row_shows_note(row, note) ||
		    (severity != SEVERITY_NONE && note_rows[note].severity != severity))
			continue;
		strbuf_string(buf, *separator);
		strbuf_string(buf, note_rows[note].id);
		*separator = ",";
	}
}

static void notes_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;
	const char *separator = "";

	(void)base_ns;
	append_notes(buf, row, SEVERITY_NONE, &separator);
	if (!*separator)
		strbuf_char(buf, '-');
}

/* The worst first. */
static void notes_list(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;
	const char *separator = "";

	(void)base_ns;
	append_notes(buf, row, SEVERITY_ERROR, &separator);
	append_notes(buf, row, SEVERITY_WARN, &separator);
	append_notes(buf, row, SEVERITY_INFO, &separator);
	if (!*separator)
		strbuf_char(buf, '-');
}

/* By the severity of the worst, then by how many there are. */
static bool notes_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;
	unsigned worst = SEVERITY_NONE, count = 0;

	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!connection_row_shows_note(row, note))
			continue;
		count++;
		if (worst == SEVERITY_NONE || note_rows[note].severity > worst)
			worst = note_rows[note].severity;
	}
	column_key_number(key, ((uint64_t)worst << 32) + count);
	return count > 0;
}

static void time_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	(void)base_ns;
	stamp_utc(buf, connection_row_realtime_ns(data));
}

static bool time_key(struct column_key *key, const void *data)
{
	column_key_number(key, (uint64_t)connection_row_realtime_ns(data));
	return true;
}

static const char *host_of(const struct connection_row *row)
{
	return attributes_find(row->attributes, "host.name");
}

static void host_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const char *host = host_of(data);

	(void)base_ns;
	strbuf_string(buf, host ? host : "-");
}

static bool host_key(struct column_key *key, const void *data)
{
	const char *host = host_of(data);

	column_key_text(key, host ? host : "");
	return host != NULL;
}

static void program_cell(struct strbuf *buf, const void *data, uint64_t base_ns)
{
	const struct connection_row *row = data;

	(void)base_ns;
	strbuf_string(buf, row->program ? row->program : "-");
}

static bool program_key(struct column_key *key, const void *data)
{
	const struct connection_row *row = data;

	column_key_text(key, row->program ? row->program : "");
	return row->program != NULL;
}

/* The columns that need more than NEED_CHOSEN are shown unless others are chosen. */
enum { NEED_CHOSEN = 3 };

const struct column connection_columns[] = {
	{"pid", "pid", 6, 97, false, pid_cell, NULL, pid_key},
	{"conn", "conn", 4, 99, false, conn_cell, NULL, conn_key},
	{"fd", "fd", 3, 80, false, fd_cell, NULL, fd_key},
	{"role", "role", 7, 64, false, role_cell, NULL, role_key},
	{"local", "local", 22, 32, false, local_cell, NULL, local_key},
	{"peer", "peer", 22, 98, false, peer_cell, NULL, peer_key},
	{"opened", "opened", 9, 44, false, opened_cell, NULL, opened_key},
	{"lived", "lived", 10, 76, false, lived_cell, NULL, lived_key},
	{"sent", "sent", 10, 72, false, sent_cell, NULL, sent_key},
	{"writes", "writes", 7, 12, false, writes_cell, NULL, writes_key},
	{"received", "received", 10, 68, false, received_cell, NULL, received_key},
	{"reads", "reads", 7, 8, false, reads_cell, NULL, reads_key},
	{"handshake", "handshake", 9, 4, false, handshake_cell, NULL, handshake_key},
	{"rtt", "rtt", 8, 28, false, rtt_cell, NULL, rtt_key},
	{"retrans", "retrans", 6, 24, false, retrans_cell, NULL, retrans_key},
	{"silence", "silence", 10, 16, false, silence_cell, NULL, silence_key},
	{"closed-first", "closed first", 11, 40, false, first_cell, NULL, first_key},
	{"ended", "ended", 20, 96, false, ended_cell, NULL, ended_key},
	{"notes", "notes", 5, 90, false, notes_cell, notes_list, notes_key},
	{"time", "time", 27, 3, false, time_cell, NULL, time_key},
	{"host", "host", 12, 2, false, host_cell, NULL, host_key},
	{"program", "program", 12, 1, false, program_cell, NULL, program_key},
	{0},
};

void connection_columns_all(struct layout *layout, bool has_pid)
{
	*layout = (struct layout){0};
	for (const struct column *column = connection_columns; column->name; column++)
		if (column->need > NEED_CHOSEN &&
		    (has_pid || column != &connection_columns[0])) /* pid */
			layout_add(layout, column);
}
