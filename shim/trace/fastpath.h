/*
 * fastpath: records an ordinary read or write without decoding it, and marks the call that a thread
 * is in.
 *
 * Most calls of a program are reads and writes of bytes on an established connection about which
 * nothing but the result has to be reported. They are recorded without being decoded, and without
 * the checks that notes need. Everything else takes the slow path, from the start or after the
 * call. Known holes: if a signal handler interrupts a call and makes calls of its own, the
 * interrupted call has no mark any more. And no reference to the connection is taken, since the
 * descriptor has one: if another thread closes the descriptor in the nanoseconds in which the bytes
 * are counted, and a new connection takes its place, they are counted there.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I1 to I6.
 */
#ifndef TRACE_FASTPATH_H
#define TRACE_FASTPATH_H

#include "trace/call.h"

/* A call on the fast path, on the caller's stack. */
struct fastpath {
	uint64_t start_ns, slot;
	struct conn *conn;
	struct record_transfer *at;
	const void *buf;
	size_t size;
	int fd, flags;
	enum tcpshim_call id;
	/* Before the call, where the choice of the real call needs the same cache line: after it,
	 * that line would have to be fetched again. */
	bool has_threads;
	uint32_t input_size; /* of a write: how many bytes were copied before the call (I4) */
	uint8_t input[CALL_INPUT_BYTES];
};

/* Decides whether the configuration allows the fast path. Called in the constructor. */
void fastpath_start(void);

/* Stops using the fast path: the system calls that it needs may be fatal. */
void fastpath_stop(void);

/* Begins a call on a watched descriptor, before the real call. Returns false if it must take the
 * slow path. flags: of recv and send, otherwise 0. */
bool fastpath_enter(struct fastpath *fastpath, enum tcpshim_call id, int fd, const void *buf,
		    size_t size, int flags);

/* Records the call after the real call, by the slow path if its result was not ordinary. Returns
 * result. */
ssize_t fastpath_leave(const struct fastpath *fastpath, ssize_t result);

#endif
