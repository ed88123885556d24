/*
 * quick: the short way of an ordinary read or write into a recording, and the mark of the call that
 * a thread is in.
 *
 * A read or write of bytes on an established connection, with nothing to tell but its result, is
 * most of what a program does: it is recorded without being decoded, and without the questions
 * that notes need. Whatever is not ordinary goes the long way, from the start or after the call.
 * A known hole: while a call that a signal handler interrupted goes on, it has no mark if the
 * handler made calls of its own. Another: no reference to the connection is taken, since the
 * descriptor holds one; if another thread closes the descriptor in the nanoseconds in which the
 * bytes are counted, and a new connection takes its place, they are counted there.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6.
 */
#ifndef TRACE_FASTPATH_H
#define TRACE_FASTPATH_H

#include "trace/call.h"

/* Such a call, on the caller's stack. */
struct fastpath {
	uint64_t start_ns, slot;
	struct conn *conn;
	struct record_transfer *at;
	const void *buf;
	size_t size;
	int fd, flags;
	enum tcpshim_call id;
	uint32_t input_size; /* of a write: bytes copied before the call (I4) */
	uint8_t input[CALL_INPUT_BYTES];
};

/* In the constructor: whether ordinary calls may go the short way at all, by what is configured. */
void fastpath_start(void);

/* From now on they may not: the system calls that are needed may be fatal. */
void fastpath_stop(void);

/* Before the real call, on a watched descriptor: false, it is to go the long way. flags: of recv
 * and send, else 0. */
bool fastpath_enter(struct fastpath *fastpath, enum tcpshim_call id, int fd, const void *buf,
		    size_t size, int flags);

/* After it: it is recorded, by the long way if its result was not ordinary. Returns result. */
ssize_t fastpath_leave(const struct fastpath *fastpath, ssize_t result);

#endif
