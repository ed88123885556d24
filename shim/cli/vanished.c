#include "cli/vanished.h"

#include <string.h>

#include "format/facts.h"
#include "reader/writer.h"

enum { MOST_NAMED = 4 };

void vanished_take(struct open_rows *rows, const struct item *item)
{
	if (item->reader->header.end == RECORD_NOT_ENDED)
		open_rows_take(rows, item, NULL, NULL);
}

/* Returns whether one of the recordings is that of the program that the process became. */
static bool has_successor(const struct merge *merge, const struct reader *reader)
{
	for (size_t i = 0; i < merge->count; i++) {
		const struct record_header *header = &merge->readers[i]->header;

		if (header->pid == reader->header.pid && header->base_ns > reader->seen_ns &&
		    strcmp(header->boot, reader->header.boot) == 0)
			return true;
	}
	return false;
}

struct opened {
	const struct reader *reader;
	struct strbuf *line; /* NULL: they are only counted */
	uint64_t count;
};

/* Counts an open connection, and names the first ones. */
static void take_row(struct open_row *open, void *data)
{
	const struct connection_row *row = &open->row;
	struct opened *const opened = data;

	if (open->reader != opened->reader || row->role == ROLE_LISTENER ||
	    (row->opened_ns == 0 && row->active_ns == 0) || row->closed_ns != 0 ||
	    row->ended != CONNECTION_ROW_NO_NOTE)
		return;
	opened->count++;
	if (!opened->line || opened->count > MOST_NAMED)
		return;
	strbuf_string(opened->line, opened->count > 1 ? ", " : ": ");
	strbuf_unsigned(opened->line, row->serial);
	strbuf_string(opened->line, " (");
	facts_address(opened->line, &row->local);
	strbuf_string(opened->line, " > ");
	facts_address(opened->line, &row->peer);
	strbuf_char(opened->line, ')');
}

static void append_open(struct strbuf *line, const struct open_rows *rows,
			const struct reader *reader)
{
	struct opened counted = {reader, NULL, 0}, named = {reader, line, 0};

	open_rows_visit(rows, take_row, &counted);
	if (counted.count == 0) {
		strbuf_string(line, "; no connection was open");
		return;
	}
	strbuf_string(line,
		      counted.count == 1 ? "; open was connection" : "; open were connections");
	if (open_rows_are_uncertain(reader))
		strbuf_string(line, " (as far as recorded)");
	open_rows_visit(rows, take_row, &named);
	if (counted.count > MOST_NAMED) {
		strbuf_string(line, " and ");
		strbuf_unsigned(line, counted.count - MOST_NAMED);
		strbuf_string(line, " more");
	}
}

static void append_seconds(struct strbuf *line, uint64_t ns)
{
	strbuf_unsigned(line, ns / 1000000000);
	strbuf_char(line, '.');
	strbuf_padded(line, ns % 1000000000 / 100000, 4);
	strbuf_string(line, " s");
}

void vanished_line(struct strbuf *line, const struct open_rows *rows, const struct merge *merge,
		   const struct reader *reader)
{
	uint64_t seen_ns = reader->seen_ns + reader->shift_ns;

	if (reader->header.end != RECORD_NOT_ENDED || reader->seen_ns == 0 ||
	    has_successor(merge, reader) || writer_may_live(&reader->header, reader->seen_ns))
		return;
	strbuf_string(line, "*** tcpshim: ");
	strbuf_string(line, reader->header.program);
	strbuf_string(line, ", process ");
	strbuf_integer(line, reader->header.pid);
	strbuf_string(line,
		      ", is gone without an exit: it was killed, or became another program by "
		      "exec. It was last seen at ");
	append_seconds(line, seen_ns > merge->base_ns ? seen_ns - merge->base_ns : 0);
	append_open(line, rows, reader);
	strbuf_string(line, " ***\n");
}
