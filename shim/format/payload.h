/*
 * payload: the bytes that a call moved, each in two columns, as truss shows them.
 *
 * Pure; reads event->data as far as event->data_total. Nothing of the payload reaches a terminal
 * raw. data_bytes: how many bytes are to be shown in all, 0 for none.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_PAYLOAD_H
#define FORMAT_PAYLOAD_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* Returns how many bytes of the payload, from its beginning, can be shown. */
uint64_t payload_held(const struct tcpshim_event *event);

/* Appends the first 12 bytes in quotes, followed by ".." if there were more; a plain pointer if
 * there are none. */
void payload_preview(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		     uint64_t pointer);

/* Appends what follows the preview, in rows of 32 bytes; nothing if data_bytes is 12 or less. */
void payload_rows(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes);

/* Returns how many bytes both need at most. */
size_t payload_bound(const struct tcpshim_event *event, uint64_t data_bytes);

#endif
