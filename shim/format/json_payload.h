/*
 * json_payload: the payload of an event as members of a JSON object: text, or base64 where it is
 * not UTF-8.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_JSON_PAYLOAD_H
#define FORMAT_JSON_PAYLOAD_H

#include "format/strbuf.h"
#include "format/truss.h"

/* Returns whether the event has bytes at hand that the style shows. */
bool json_has_payload(const struct tcpshim_event *event, const struct truss_style *style);

/* Appends "data", and "data.encoding" for base64; nothing without a payload. */
void json_payload(struct strbuf *buf, const struct tcpshim_event *event,
		  const struct truss_style *style);

#endif
