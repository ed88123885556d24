#include "format/json_connection.h"

#include <string.h>

#include "format/attributes.h"
#include "format/connection_number.h"
#include "format/json.h"

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

/* Appends the processes that have had it, if there are several. */
static void append_processes(struct strbuf *buf, const struct connection_row *row)
{
	json_name(buf, "pids");
	strbuf_char(buf, '[');
	for (uint32_t i = 0; i < row->process_count && i < CONNECTION_ROW_PIDS; i++) {
		if (i > 0)
			strbuf_char(buf, ',');
		strbuf_integer(buf, row->pids[i]);
	}
	strbuf_char(buf, ']');
	if (row->process_count > CONNECTION_ROW_PIDS)
		json_unsigned(buf, "pids.left_out", row->process_count - CONNECTION_ROW_PIDS);
}

void json_connection(struct strbuf *buf, const struct connection_row *row, uint64_t base_ns)
{
	json_integer(buf, "process.pid", row->pid);
	if (row->process_count > 1)
		append_processes(buf, row);
	if (row->program)
		json_program(buf, row->program);
	attributes_json(buf, row->attributes);
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
}
