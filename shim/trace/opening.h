/*
 * opening: attaches the descriptors that a call has made to connections.
 *
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I5, I9, I10.
 */
#ifndef TRACE_OPENING_H
#define TRACE_OPENING_H

#include "guest/thread.h"
#include "trace/call.h"

/* Attach the new descriptors of one kind of call (socket, accept, socketpair, pidfd_getfd), and put
 * notes into area->event if is_shown. error: the call's errno, or 0. Return whether the call is to
 * be shown. */
bool opening_socket(struct area *area, struct call *call, int64_t result, int error,
		    uint64_t now_ns, bool is_shown);
bool opening_accept(struct area *area, struct call *call, int64_t result, int error,
		    uint64_t now_ns, bool is_shown);
bool opening_pair(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown);
bool opening_adopt(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		   bool is_shown);

/* Attaches the descriptor of a successful call that interrupted the library's own code. Nothing is
 * shown. */
void opening_unshown(struct call *call, int64_t result, uint64_t now_ns);

#endif
