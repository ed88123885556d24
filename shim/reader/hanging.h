/*
 * hanging: finds, of a call that has not returned, whether it may wait forever: the note
 * no-failure-detection, which a recording does not have before a call has returned.
 *
 * It is derived from what the recording shows of each connection, and of a live process also from
 * the kernel. What is not known gives no note. All times are in nanoseconds of the recording's
 * clock.
 * Context: the command. Locks: none.
 */
#ifndef READER_HANGING_H
#define READER_HANGING_H

#include "reader/kernel.h"
#include "tcpshim/event.h"

/* What is known of a connection, as far as it matters here. */
struct hanging {
	int32_t fd;          /* on which it was last seen; -1: it is closed */
	uint64_t moved_ns;   /* the last call that moved bytes, or opened it */
	bool has_moved;      /* bytes */
	bool is_made;        /* the recording has its making, so all options that were set */
	bool has_keepalive;  /* SO_KEEPALIVE */
	bool has_timeout;    /* SO_RCVTIMEO */
	bool is_nonblocking; /* its descriptor */
};

/* What is known of the listening sockets of a process: a connection inherits their options. */
struct hanging_listeners {
	bool is_any_made, has_any_option;
};

/* Learns from a call that has returned. */
void hanging_learn(struct hanging *hanging, struct hanging_listeners *listeners,
		   const struct tcpshim_event *event);

/* What a call that has not returned is compared with. */
struct hanging_case {
	const struct tcpshim_event *event;
	uint64_t start_ns;
	const struct hanging *hanging;
	uint32_t serial; /* of the connection */
	uint8_t role, state;
	struct tcpshim_address local, peer;
	const struct kernel_socket *socket; /* NULL: the kernel was not asked, or has none */
	uint64_t end_ns;                    /* when the call was still waiting */
	bool is_end_known;                  /* false: nobody knows how long it waited after that */
	bool is_complete;                   /* the recording has all calls */
};

/* Returns whether a call waits without a limit, as its arguments show. */
bool hanging_is_unlimited(const struct tcpshim_event *event);

/* Returns whether the note is true; then it is added to *subject with its facts. */
bool hanging_find(const struct hanging_case *seen, struct tcpshim_subject *subject);

#endif
