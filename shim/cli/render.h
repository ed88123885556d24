/*
 * render: what a report writes on standard output: events in a format, or tables of them.
 *
 * The format, the style and what is shown are those of config and of the filter. One at a time.
 */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "cli/tables.h"
#include "cli/vanished.h"
#include "reader/filter.h"
#include "reader/merge.h"

struct render_wanted {
	bool has_connections, has_summary; /* these tables in place of the events */
	bool is_following;
	struct columns columns; /* of the table of connections */
	struct filter filter;
};

struct render {
	const struct render_wanted *wanted;
	const struct merge *merge;
	struct truss_style style;
	struct connections_table connections;
	struct open_rows open; /* of processes that may have vanished, if there are no tables */
	struct summary_table *summary;
	bool has_base_line;
	uint64_t calls, shown; /* taken so far; shown: lines about the trace too */
	char *text;
	size_t text_bytes;
};

/* Starts a report of what merge gives; both are kept. has_colour: notes may be coloured. */
void render_start(struct render *render, const struct render_wanted *wanted,
		  const struct merge *merge, bool has_colour);

/* Takes the next item: writes it, or adds it to the tables. */
void render_item(struct render *render, const struct item *item);

/* Writes the tables, and gives the memory back. */
void render_end(struct render *render);

/* Ends the process if standard output cannot be written, silently if its reader has gone. */
void render_check_output(void);

#endif
