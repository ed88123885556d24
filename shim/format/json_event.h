/*
 * json_event: an event as one line of JSON (tcpshim/schema/event.schema.json).
 *
 * Pure: the same event and style give the same bytes, live or from a recording. Whatever the
 * payload, what is written is UTF-8 and one object per line.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_JSON_EVENT_H
#define FORMAT_JSON_EVENT_H

#include "format/format.h"
#include "format/strbuf.h"
#include "format/truss.h"

/* Appends the event as one object and its newline. */
void json_event(struct strbuf *buf, const struct tcpshim_event *event,
		const struct truss_style *style);

/* Returns the most bytes that json_event needs for the event. */
size_t json_event_bound(const struct tcpshim_event *event, const struct truss_style *style);

/* Appends a line about the trace itself, "*** tcpshim: … ***" and its newline, as an object. */
void json_line(struct strbuf *buf, const char *line, size_t size, const struct format_process *of);

#endif
