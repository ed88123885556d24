/*
 * arguments: a call with its arguments, each printed by the kind that calls.def gives it.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_ARGUMENTS_H
#define FORMAT_ARGUMENTS_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* Appends "name(arg, arg)". data_bytes: how much payload is shown. */
void arguments_call(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes);

/* Returns how many arguments are printed: the third of fcntl only if its command takes one. */
unsigned arguments_count(const struct tcpshim_event *event);

/* Appends the argument of this index alone. */
void arguments_one(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		   unsigned index);

/* "POLLIN|POLLHUP", as the call names these bits. */
void arguments_events(struct strbuf *buf, unsigned call, uint32_t events);

/* "[3:POLLIN 0:POLLIN]"; call decides what the bits are called. total may exceed EVENT_WATCHES: "…
 * +112". */
void arguments_watches(struct strbuf *buf, unsigned call, const struct tcpshim_watch *watches,
		       uint64_t total);

#endif
