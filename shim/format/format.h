/*
 * format: the forms in which events and tables are written, one row each.
 *
 * A new format is one file with its struct format, and one row in format.c. A function that a
 * format does not need is NULL; those that every format has are marked.
 *
 * Pure: the same input gives the same bytes, live or from a recording.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_FORMAT_H
#define FORMAT_FORMAT_H

#include "format/connection_row.h"
#include "format/layout.h"
#include "format/strbuf.h"
#include "format/truss.h"

enum {
	FORMAT_BASE_LINE_BYTES = 256, /* most that base_line appends */
	FORMAT_TABLE_BYTES = 3072,    /* most that any function of the tables appends */
};

/* How often calls of one name were made, and how long they took. */
struct format_sum {
	uint64_t calls, total_ns;
	uint64_t errors, would_block; /* facts_is_would_block: not among the errors */
	uint64_t least_ns, median_ns, p99_ns, most_ns; /* if the table has_spread */
};

/* The process that a line about the trace is of. */
struct format_process {
	int32_t pid;
	const char *program;
	const char *attributes; /* (attributes.h); NULL: none */
};

/* What the table of calls is about. */
struct format_sums {
	bool is_at_exit;           /* the program writes it itself: text names it */
	const char *program;       /* NULL: not of one process */
	int32_t pid;               /* of that process */
	const char *attributes;    /* that all of its processes have (attributes.h); NULL: none */
	int64_t first_realtime_ns; /* the time of day when the first of the calls began */
	uint64_t elapsed_ns;
	bool has_spread; /* shortest, median, 99th percentile and longest are known */
};

struct format {
	const char *name; /* as in TCPSHIM_FORMAT */

	/* Appends one event, with its newlines; event_bound returns the most bytes that it needs.
	 * Every format has them. */
	void (*event)(struct strbuf *buf, const struct tcpshim_event *event,
		      const struct truss_style *style);
	size_t (*event_bound)(const struct tcpshim_event *event, const struct truss_style *style);
	/* Appends the line above the first event: the time of day that its stamps count from. pid:
	 * 0 if the trace holds one process only. */
	void (*base_line)(struct strbuf *buf, int32_t pid, int64_t realtime_ns);
	/* Appends a line about the trace itself, "*** tcpshim: … ***" and its newline. Every format
	 * has it. */
	void (*line)(struct strbuf *buf, const char *line, size_t size,
		     const struct format_process *of);

	/* Appends the line above the tables of a part of a recording: the range of time, in ns
	 * since its start. until_ns UINT64_MAX: to its end. */
	void (*range)(struct strbuf *buf, uint64_t since_ns, uint64_t until_ns);

	/* The table of connections: its headings, and a row (every format has it). layout: its
	 * columns, base_ns: what times count from. */
	void (*headings)(struct strbuf *buf, const struct layout *layout);
	void (*row)(struct strbuf *buf, const struct connection_row *row,
		    const struct layout *layout, uint64_t base_ns);
	/* Appends the number of connections that the table has no room for. */
	void (*rows_left_out)(struct strbuf *buf, uint64_t count);

	/* The table of calls: what stands above it, a row (every format has it), and below it. */
	void (*sums_begin)(struct strbuf *buf, const struct format_sums *sums);
	void (*sum)(struct strbuf *buf, const struct format_sums *sums, const char *name,
		    const struct format_sum *sum);
	void (*sums_end)(struct strbuf *buf, const struct format_sums *sums,
			 const struct format_sum *total);
	const char *gap; /* between two tables */

	bool has_colour;  /* notes may be coloured */
	bool has_escapes; /* strings are written as in JSON: \u001b stands for a control character
			   */
};

extern const struct format format_text, format_json;

/* All of them, the default first; ends with NULL. */
extern const struct format *const formats[];

/* Returns the format of this name, NULL if there is none. */
const struct format *format_find(const char *name);

#endif
