/*
 * messages: when the bytes of a connection were written and read at one end, for the comparison
 * with the other end.
 *
 * The first and the latest calls of each direction are kept. Bytes are counted from 0 in each
 * direction; peeks do not count.
 * Pure. Times are nanoseconds of the report's clock.
 */
#ifndef DIAGNOSE_MESSAGES_H
#define DIAGNOSE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "tcpshim/event.h"

enum { MESSAGES_KEPT = 16 }; /* at the start, and as many of the latest */

/* One call that moved bytes: those from byte from to before byte to. */
struct message {
	uint64_t start_ns, time_ns; /* it began, it returned */
	uint64_t from, to;
};

struct message_list {
	uint64_t bytes; /* in all */
	uint64_t count; /* calls in all */
	struct message first[MESSAGES_KEPT], latest[MESSAGES_KEPT];
};

struct messages {
	struct message_list written, read;
	bool has_splice;    /* bytes were moved between it and another descriptor: not counted */
	bool has_urgent;    /* a byte was sent as urgent: the peer may never read it */
	bool is_alert_last; /* what was written last looks like a TLS alert: a peer that is done
			       does not read it */
};

/* Adds a call on the connection alone. */
void messages_take(struct messages *messages, const struct tcpshim_event *event);

/* Returns how many messages are kept, and each of them by number, in the order in which they were
 * added except that those of the latest may be turned. */
size_t messages_kept(const struct message_list *list);
const struct message *messages_at(const struct message_list *list, size_t number);

/* Returns the message that holds this byte, NULL if it was not kept. */
const struct message *messages_find(const struct message_list *list, uint64_t byte);

#endif
