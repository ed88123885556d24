/* The format "json": JSON Lines, one object per event and per row of a table. */
#include <string.h>

#include "format/connection_number.h"
#include "format/facts.h"
#include "format/format.h"
#include "format/json.h"
#include "format/json_event.h"

/* Appends the name with _at_least before its unit: lived_at_least_ns, writes_at_least. */
static void append_at_least(struct strbuf *buf, const char *name)
{
	static const char *const units[] = {"_ns", "_bytes"};
	size_t size = strlen(name), unit = size;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i]);

		if (size > length && strcmp(name + size - length, units[i]) == 0)
			unit = size - length;
	}
	strbuf_bytes(buf, name, unit);
	strbuf_string(buf, "_at_least");
	strbuf_string(buf, name + unit);
}

/* Appends a member that is null if the number is not known exactly. If it is at least that much, a
 * second one gives that. */
static void append_known(struct strbuf *buf, const char *name, struct known_number number)
{
	if (number.known == KNOWN_EXACTLY) {
		json_unsigned(buf, name, number.value);
		return;
	}
	json_name(buf, name);
	strbuf_string(buf, "null");
	if (number.known != KNOWN_AT_LEAST)
		return;
	strbuf_string(buf, ",\"");
	append_at_least(buf, name);
	strbuf_string(buf, "\":");
	strbuf_unsigned(buf, number.value);
}

static void append_row(struct strbuf *buf, const struct connection_row *row,
		       const struct layout *layout, uint64_t base_ns)
{
	const char *separator = "";

	(void)layout; /* an object has all members */
	strbuf_char(buf, '{');
	json_integer(buf, "process.pid", row->pid);
	json_unsigned(buf, "conn", row->serial);
	json_integer(buf, "fd", row->fd);
	if (row->role != ROLE_NONE && row->role <= ROLE_LISTENER)
		json_text(buf, "role", connection_row_role(row));
	json_endpoint(buf, "local", &row->local);
	json_endpoint(buf, "peer", &row->peer);
	if (row->opened_ns != 0)
		json_unsigned(buf, "opened_ns",
			      row->opened_ns > base_ns ? row->opened_ns - base_ns : 0);
	append_known(buf, "lived_ns", connection_number_lived_ns(row));
	append_known(buf, "sent_bytes", connection_number_sent(row));
	append_known(buf, "writes", connection_number_writes(row));
	append_known(buf, "received_bytes", connection_number_received(row));
	append_known(buf, "reads", connection_number_reads(row));
	append_known(buf, "handshake_ns", connection_number_handshake_ns(row));
	append_known(buf, "rtt_ns", connection_number_rtt_ns(row));
	append_known(buf, "retransmits", connection_number_retransmits(row));
	append_known(buf, "longest_silence_ns", connection_number_silence_ns(row));
	if (row->first == FIRST_END_HERE || row->first == FIRST_END_PEER)
		json_text(buf, "closed_first", connection_row_first(row));
	json_text(buf, row->ended < NOTE_COUNT ? "ended" : "state", connection_row_ended(row));
	json_name(buf, "notes");
	strbuf_char(buf, '[');
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!connection_row_shows_note(row, note))
			continue;
		strbuf_string(buf, separator);
		json_string(buf, note_rows[note].id, strlen(note_rows[note].id));
		separator = ",";
	}
	strbuf_string(buf, "]}\n");
}

static void append_sum(struct strbuf *buf, const struct format_sums *sums, const char *name,
		       const struct format_sum *sum)
{
	strbuf_char(buf, '{');
	json_text(buf, "call", name);
	json_unsigned(buf, "calls", sum->calls);
	json_unsigned(buf, "errors", sum->errors);
	json_unsigned(buf, "would_block", sum->would_block);
	json_unsigned(buf, "total_ns", sum->total_ns);
	if (sums->has_spread) {
		json_unsigned(buf, "min_ns", sum->least_ns);
		json_unsigned(buf, "median_ns", sum->median_ns);
		json_unsigned(buf, "p99_ns", sum->p99_ns);
		json_unsigned(buf, "max_ns", sum->most_ns);
	}
	strbuf_string(buf, "}\n");
}

const struct format format_json = {
	.name = "json",
	.event = json_event,
	.event_bound = json_event_bound,
	.line = json_line,
	.row = append_row,
	.sum = append_sum,
	.gap = "",
	.has_escapes = true,
};
