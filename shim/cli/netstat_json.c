#include <string.h>

#include "cli/netstat_rows.h"
#include "format/facts.h"
#include "format/json.h"
#include "format/json_connection.h"
#include "format/note_set.h"

/* Appends a member that is null if the number is not known. */
static void append_number(struct strbuf *buf, const char *name, uint64_t number, bool is_known)
{
	if (is_known) {
		json_unsigned(buf, name, number);
		return;
	}
	json_name(buf, name);
	strbuf_string(buf, "null");
}

static void append_socket(struct strbuf *buf, const struct netstat_row *row)
{
	bool has = row->has_socket;
	bool is_active = row->row.active_ns != 0 && row->now_ns >= row->row.active_ns;

	json_text(buf, "state", netstat_row_state(row));
	append_number(buf, "send_window_bytes", row->socket.send_window_bytes, has);
	append_number(buf, "send_queue_bytes", row->socket.send_queue_bytes, has);
	append_number(buf, "receive_window_bytes", row->socket.receive_window_bytes, has);
	append_number(buf, "receive_queue_bytes", row->socket.receive_queue_bytes, has);
	append_number(buf, "idle_ns", row->now_ns - row->row.active_ns, is_active);
}

static void append_call(struct strbuf *buf, const struct netstat_call *call, uint64_t now_ns)
{
	strbuf_char(buf, '{');
	json_integer(buf, "thread.id", call->tid);
	json_unsigned(buf, "thread.number", call->thread_number);
	json_text(buf, "call", call_rows[call->call].shown);
	json_text(buf, "text", call->text);
	json_unsigned(buf, "duration_ns", now_ns > call->start_ns ? now_ns - call->start_ns : 0);
	strbuf_char(buf, '}');
}

void netstat_row_json(struct strbuf *buf, const struct netstat_row *row,
		      const struct netstat_calls *calls, const struct netstat_head *head)
{
	const char *separator = "";

	strbuf_char(buf, '{');
	json_time(buf, "time", head->realtime_ns);
	json_name(buf, "live");
	strbuf_string(buf, head->is_live ? "true" : "false");
	json_connection(buf, &row->row, head->base_ns);
	append_socket(buf, row);
	json_name(buf, "notes");
	strbuf_char(buf, '[');
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		if (!note_set_has(&row->notes, note))
			continue;
		strbuf_string(buf, separator);
		json_string(buf, note_rows[note].id, strlen(note_rows[note].id));
		separator = ",";
	}
	strbuf_char(buf, ']');
	json_name(buf, "calls");
	strbuf_char(buf, '[');
	separator = "";
	for (unsigned i = 0; i < calls->count; i++) {
		if (calls->calls[i].serial != row->row.serial)
			continue;
		strbuf_string(buf, separator);
		append_call(buf, &calls->calls[i], row->now_ns);
		separator = ",";
	}
	strbuf_string(buf, "]}\n");
}
