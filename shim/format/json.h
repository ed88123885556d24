/*
 * json: an event as one line of JSON (tcpshim/schema/event.schema.json).
 *
 * Pure: the same event and style give the same bytes, live or from a recording. Whatever the
 * payload, what is written is UTF-8 and one object a line.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include "format/strbuf.h"
#include "format/truss.h"

void json_event(struct strbuf *buf, const struct tcpshim_event *event,
		const struct truss_style *style);

/* Room that json_event needs for the event at most, in bytes. */
size_t json_event_bound(const struct tcpshim_event *event, const struct truss_style *style);

/* A line of text about the trace itself, "*** tcpshim: … ***" and its end, as an object. */
void json_line(struct strbuf *buf, const char *line, size_t size);

/* Text between quotes, escaped: for objects of other makers. */
void json_string(struct strbuf *buf, const char *text, size_t size);

/* ,"network.local.address" and its port, or those of "peer", which says; nothing of family 0. */
void json_endpoint(struct strbuf *buf, const char *which, const struct tcpshim_address *address);

#endif
