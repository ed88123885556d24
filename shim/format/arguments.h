/*
 * arguments: a call with its arguments, each printed by the kind that calls.def gives it.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_ARGUMENTS_H
#define FORMAT_ARGUMENTS_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* "name(arg, arg)". data_bytes: payload to show. */
void arguments_call(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes);

/* How many arguments are printed: fcntl's third only where its command takes one. */
unsigned arguments_count(const struct tcpshim_event *event);

/* One of them. */
void arguments_one(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		   unsigned index);

/* "POLLIN|POLLHUP", as the call names these bits. */
void arguments_events(struct strbuf *buf, unsigned call, uint32_t events);

/* "[3:POLLIN 0:POLLIN]"; call decides what the bits are called. total may exceed EVENT_WATCHES: "…
 * +112". */
void arguments_watches(struct strbuf *buf, unsigned call, const struct tcpshim_watch *watches,
		       uint64_t total);

#endif
