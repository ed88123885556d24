/*
 * input: a call's payload and vectors, copied before the call (I4).
 *
 * Up to CALL_INPUT_BYTES lie in the call itself; more, which only TCPSHIM_DATA asks for, in a store
 * of the thread that is used in a circle. Known holes: a handler that interrupts the call and sends
 * so much that the circle closes takes its bytes away, and the line shows a pointer; of one call at
 * most INPUT_MOST_BYTES are shown.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2 to I5.
 */
#ifndef TRACE_INPUT_H
#define TRACE_INPUT_H

#include "guest/thread.h"
#include "trace/call.h"

enum { INPUT_MOST_BYTES = 16 << 20 };

/* Copies, before the real call, what the call is to send, or the vectors it is to fill, as far as
 * they will be shown; and counts what the vectors of a read ask for, also where nothing is shown:
 * without it a read of 0 bytes is no end of stream. */
void input_copy(struct call *call);

/* Copies all of the call's input before the real call, as far as it is readable: addresses, options
 * and what input_copy copies. */
void input_copy_all(struct call *call);

/* The copied bytes, or vectors, after the call; NULL if there are none any more. */
const void *input_find(const struct call *call, const struct area *area);

/* Marks, among copied vectors, where the next message of several begins. */
static inline bool input_is_mark(const struct iovec *vector)
{
	return !vector->iov_base && vector->iov_len == SIZE_MAX;
}

#endif
