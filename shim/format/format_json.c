/* The format "json": JSON Lines, one object per event and per row of a table. */
#include <string.h>

#include "format/attributes.h"
#include "format/facts.h"
#include "format/format.h"
#include "format/json.h"
#include "format/json_connection.h"
#include "format/json_event.h"

static void append_row(struct strbuf *buf, const struct connection_row *row,
		       const struct layout *layout, uint64_t base_ns)
{
	const char *separator = "";

	(void)layout; /* an object has all members */
	strbuf_char(buf, '{');
	json_time(buf, "time", connection_row_realtime_ns(row));
	json_connection(buf, row, base_ns);
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
	json_time(buf, "time", sums->first_realtime_ns);
	if (sums->program) {
		json_integer(buf, "process.pid", sums->pid);
		json_program(buf, sums->program);
	}
	attributes_json(buf, sums->attributes);
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
