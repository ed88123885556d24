#include "cli/netstat_table.h"

#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "format/note_set.h"
#include "reader/complain.h"
#include "reader/printable.h"
#include "settings/config.h"
#include "tcpshim/record.h"

/* What is written at once. lines: that are left of the terminal's height. */
struct frame {
	FILE *to;
	size_t lines;
	struct layout layout;
	const struct netstat_table *table;
};

/* Prints text from the recording as part of a line. */
static void print_text(FILE *to, const char *text, size_t size)
{
	printable_write(to, text, size, PRINTABLE_LINE);
}

/* Prints a line, without what does not fit into the terminal's width. */
static void print_line(struct frame *frame, const char *text, size_t size)
{
	size_t width = frame->table->columns->width;

	if (width > 0 && size > width)
		size = width;
	print_text(frame->to, text, size);
	fputc('\n', frame->to);
	frame->lines--;
}

static void print_note(struct frame *frame, const struct tcpshim_subject *subject, unsigned note)
{
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	facts_expand(&buf, note_rows[note].text, &subject->facts);
	fprintf(frame->to, "        %s ", severity_rows[note_rows[note].severity].mark);
	print_text(frame->to, buf.text, buf.size);
	fprintf(frame->to, " [%s]\n", note_rows[note].id);
}

static void print_call(struct frame *frame, const struct netstat_call *call)
{
	static const char end[] = "  (sleeping...)";
	char line[NETSTAT_CALL_BYTES + 64];
	int size = snprintf(line, sizeof(line), "    /%u: %s", call->thread_number, call->text);
	size_t width = frame->table->columns->width;

	if (width > sizeof(end) && (size_t)size + sizeof(end) - 1 > width)
		size = (int)(width - (sizeof(end) - 1));
	strcpy(line + size, end);
	print_line(frame, line, strlen(line));
	/* A watched table has one line per row and call: there the id is among the notes. */
	for (unsigned note = 0; note < NOTE_COUNT && !frame->table->is_watched; note++)
		if (note_set_has(&call->subject.notes, note))
			print_note(frame, &call->subject, note);
}

/* Prints the calls on a connection, 0: those on none or several, as far as there is room. */
static void print_calls(struct frame *frame, const struct netstat_calls *calls, uint32_t serial)
{
	for (unsigned i = 0; i < calls->count && frame->lines > 0; i++)
		if (calls->calls[i].serial == serial)
			print_call(frame, &calls->calls[i]);
}

static size_t count_calls(const struct netstat_calls *calls, uint32_t serial)
{
	size_t count = 0;

	for (unsigned i = 0; i < calls->count; i++)
		count += calls->calls[i].serial == serial;
	return count;
}

static void lay_out(const struct netstat_table *table, struct layout *layout)
{
	const struct columns *columns = table->columns;

	*layout = columns->chosen;
	for (const struct column *at = netstat_columns; at->name && columns->chosen.count == 0;
	     at++)
		layout_add(layout, at);
	if (columns->width == 0)
		return;
	layout_shrink(layout);
	for (size_t i = 0; i < table->rows.count; i++)
		layout_widen(layout, table->rows.entries[i].row, table->head.now_ns);
	if (columns->chosen.count == 0)
		layout_fit(layout, columns->width);
}

static void print_title(struct frame *frame, const struct netstat_head *head)
{
	char line[RECORD_PROGRAM_BYTES + 128];
	int size = snprintf(line, sizeof(line), "%.*s, process %d", RECORD_PROGRAM_BYTES,
			    head->program, head->pid);

	if (head->pid != head->own_pid)
		size += snprintf(line + size, sizeof(line) - (size_t)size,
				 " (%d in its PID namespace)", head->own_pid);
	if (!head->is_live)
		size += snprintf(line + size, sizeof(line) - (size_t)size,
				 ", which has ended: as it was at its end");
	print_line(frame, line, (size_t)size);
}

static void print_rows(struct frame *frame, const struct netstat_table *table)
{
	char text[FORMAT_TABLE_BYTES];
	size_t count = table->rows.count, shown = 0;
	struct strbuf buf;

	for (; shown < count; shown++) {
		const struct netstat_row *row = table->rows.entries[shown].row;
		size_t lines = 1 + count_calls(&table->calls, row->row.serial);

		/* The last line is for the number of those that are not shown. */
		if (lines + (shown + 1 < count) > frame->lines)
			break;
		strbuf_init(&buf, text, sizeof(text));
		layout_row(&frame->layout, &buf, row, table->head.now_ns);
		print_line(frame, buf.text, buf.size - 1);
		print_calls(frame, &table->calls, row->row.serial);
	}
	if (shown == count)
		return;
	buf.size = (size_t)snprintf(text, sizeof(text), "and %zu more connection%s, not shown",
				    count - shown, count - shown == 1 ? "" : "s");
	buf.text = text;
	print_line(frame, buf.text, buf.size);
}

void netstat_table_print(FILE *to, const struct netstat_table *table)
{
	bool is_limited = table->is_watched && table->columns->height > 0;
	struct frame frame = {
		.to = to,
		.table = table,
		.lines = is_limited ? table->columns->height - 1 : SIZE_MAX,
	};
	char text[FORMAT_TABLE_BYTES];
	struct strbuf buf;

	lay_out(table, &frame.layout);
	print_title(&frame, &table->head);
	strbuf_init(&buf, text, sizeof(text));
	layout_headings(&frame.layout, &buf);
	print_line(&frame, buf.text, buf.size - 1);
	print_rows(&frame, table);
	print_calls(&frame, &table->calls, 0);
}

void netstat_table_json(FILE *to, const struct netstat_table *table)
{
	char *text = allocate(NETSTAT_JSON_BYTES);
	struct strbuf buf;

	for (size_t i = 0; i < table->rows.count; i++) {
		strbuf_init(&buf, text, NETSTAT_JSON_BYTES);
		netstat_row_json(&buf, table->rows.entries[i].row, &table->calls, &table->head);
		printable_write(to, buf.text, buf.size, printable_of(config.format, false));
	}
	free(text);
}
