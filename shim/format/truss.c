#include "format/truss.h"

#include <fcntl.h>
#include <string.h>

#include "format/arguments.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/payload.h"
#include "format/stamp.h"

enum {
	RESULT_COLUMN = 48,
	SLEEPING_COLUMN = 32,
	TAB_COLUMNS = 8,
	/* a line without rows and notes; unix paths and eight descriptors included */
	LINE_BOUND = 4096,
	FACTS_BOUND = 256 /* what the facts in one note may add to its text */
};

static void append_prefix(struct strbuf *buf, const struct tcpshim_event *event)
{
	if (event->flags & EVENT_MANY_PROCESSES)
		strbuf_integer(buf, event->pid);
	if (event->flags & EVENT_MANY_THREADS) {
		strbuf_char(buf, '/');
		strbuf_unsigned(buf, event->thread_number);
	}
	if (event->flags & (EVENT_MANY_PROCESSES | EVENT_MANY_THREADS))
		strbuf_string(buf, ":\t");
}

/* Another thread may have completed, and been stamped, between two readings of the clock: never
 * below 0. */
static uint64_t elapsed(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static void append_stamps(struct strbuf *buf, const struct tcpshim_event *event, unsigned stamps)
{
	if (stamps & TRUSS_BASE) {
		strbuf_stamp(buf, elapsed(event->base_ns, event->time_ns));
		strbuf_char(buf, '\t');
	}
	if (stamps & TRUSS_DELTA) {
		strbuf_stamp(buf, elapsed(event->previous_ns, event->time_ns));
		strbuf_char(buf, '\t');
	}
	if (stamps & TRUSS_ELAPSED) {
		strbuf_stamp(buf, elapsed(event->start_ns, event->time_ns));
		strbuf_char(buf, '\t');
	}
	if (stamps & TRUSS_UTC) {
		stamp_utc(buf, event->realtime_ns);
		strbuf_char(buf, '\t');
	}
}

/* Columns as a terminal counts them: "…", where descriptors were cut, is three bytes and one
 * column. */
static unsigned count_columns(const struct tcpshim_event *event, const struct strbuf *buf,
			      size_t from)
{
	unsigned columns = (unsigned)(buf->size - from);

	for (size_t i = from; event->asked_total > EVENT_WATCHES && i < buf->size; i++)
		columns -= ((uint8_t)buf->text[i] & 0xc0) == 0x80;
	return columns;
}

static void append_tabs(struct strbuf *buf, unsigned column, unsigned to)
{
	do {
		strbuf_char(buf, '\t');
		column = (column / TAB_COLUMNS + 1) * TAB_COLUMNS;
	} while (column < to);
}

static void append_result(struct strbuf *buf, const struct tcpshim_event *event)
{
	if (event->error != 0) {
		strbuf_string(buf, "Err#");
		strbuf_integer(buf, event->error);
		strbuf_char(buf, ' ');
		names_error(buf, event->error);
		return;
	}
	strbuf_string(buf, "= ");
	if (event->call == CALL_fdopen || event->call == CALL_freopen ||
	    event->call == CALL_freopen64)
		strbuf_pointer(buf, (uint64_t)event->result);
	else
		strbuf_integer(buf, event->result);
	if (event->ready_total > 0) {
		strbuf_char(buf, ' ');
		arguments_watches(buf, event->call, event->ready, event->ready_total);
	}
	if ((event->call == CALL_fcntl || event->call == CALL_fcntl64) &&
	    (int)event->arguments[1] == F_GETFL) {
		strbuf_string(buf, " [");
		if ((event->result & O_ACCMODE) == O_RDONLY)
			strbuf_string(buf, event->result == O_RDONLY ? "O_RDONLY" : "O_RDONLY|");
		if (event->result != O_RDONLY)
			names_open_flags(buf, (int)event->result);
		strbuf_char(buf, ']');
	}
}

static void append_note(struct strbuf *buf, const struct note_row *row,
			const struct tcpshim_facts *facts, const struct truss_style *style)
{
	const struct severity_row *severity = &severity_rows[row->severity];

	strbuf_char(buf, '\t');
	if (style->has_colour)
		strbuf_string(buf, severity->colour);
	strbuf_string(buf, severity->mark);
	strbuf_char(buf, ' ');
	facts_expand(buf, row->text, facts);
	strbuf_string(buf, " [");
	strbuf_string(buf, row->id);
	strbuf_char(buf, ']');
	if (style->has_colour)
		strbuf_string(buf, "\x1b[0m");
	strbuf_char(buf, '\n');
}

static void append_notes(struct strbuf *buf, const struct tcpshim_event *event,
			 const struct truss_style *style)
{
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];

		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (note_set_has(&subject->notes, note) &&
			    note_rows[note].severity >= style->least_severity)
				append_note(buf, &note_rows[note], &subject->facts, style);
	}
	if (event->subjects_left_out > 0 && style->least_severity == SEVERITY_INFO) {
		strbuf_string(buf, "\t- and ");
		strbuf_count(buf, event->subjects_left_out, "more connection");
		strbuf_string(buf, ", not shown here. [more]\n");
	}
}

void truss_frame(struct strbuf *buf, uint64_t address, const struct truss_style *style)
{
	if (style->symbol) {
		style->symbol(buf, address);
		strbuf_char(buf, ' ');
	}
	strbuf_string(buf, "[0x");
	strbuf_lower_hex(buf, address);
	strbuf_char(buf, ']');
}

static void append_stack(struct strbuf *buf, const struct tcpshim_event *event,
			 const struct truss_style *style)
{
	for (uint32_t i = 0; i < event->stack_count; i++) {
		strbuf_string(buf, " > ");
		truss_frame(buf, event->stack[i], style);
		strbuf_char(buf, '\n');
	}
}

void truss_event(struct strbuf *buf, const struct tcpshim_event *event,
		 const struct truss_style *style)
{
	bool is_sleeping = event->flags & EVENT_SLEEPING;
	unsigned columns;
	size_t start;

	append_prefix(buf, event);
	if (!is_sleeping)
		append_stamps(buf, event, style->stamps);
	start = buf->size;
	arguments_call(buf, event, style->data_bytes);
	columns = count_columns(event, buf, start);
	if (is_sleeping) {
		append_tabs(buf, columns, SLEEPING_COLUMN);
		strbuf_string(buf, "(sleeping...)");
	} else if (event->call < CALL_rehearse) {
		if (columns < RESULT_COLUMN)
			append_tabs(buf, columns, RESULT_COLUMN);
		else
			strbuf_char(buf, ' ');
		append_result(buf, event);
	}
	if ((event->flags & EVENT_STDIO) && !is_sleeping)
		strbuf_string(buf, " [stdio]");
	strbuf_char(buf, '\n');
	payload_rows(buf, event, style->data_bytes);
	append_notes(buf, event, style);
	append_stack(buf, event, style);
}

size_t truss_event_bound(const struct tcpshim_event *event, const struct truss_style *style)
{
	size_t bound = LINE_BOUND + payload_bound(event, style->data_bytes) +
		       event->stack_count * (TRUSS_FRAME_BYTES + 8);

	for (uint32_t i = 0; i < event->subject_count; i++)
		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (note_set_has(&event->subjects[i].notes, note))
				bound += strlen(note_rows[note].text) + FACTS_BOUND;
	return bound;
}
