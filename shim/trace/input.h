/*
 * input: copies of a call's payload and vectors, made before the call (I4).
 *
 * Up to CALL_INPUT_BYTES are kept in the call itself. More, which only TCPSHIM_DATA asks for, is
 * kept in a ring buffer of the thread. Known holes: a handler that interrupts the call and sends
 * enough to fill the ring overwrites its bytes, and the line shows a pointer; and at most
 * INPUT_MOST_BYTES of one call are shown.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2 to I5.
 */
#ifndef TRACE_INPUT_H
#define TRACE_INPUT_H

#include "guest/thread.h"
#include "trace/call.h"

enum {
	INPUT_MOST_BYTES = 16 << 20,
	TLS_HEADER_BYTES = 5,
	/* The sizes of a record that may hold a TLS alert: not encrypted; TLS 1.2 with SHA-384. */
	INPUT_LEAST_ALERT = 7,
	INPUT_MOST_ALERT = 85,
};

/* Copies, before the real call, the payload to be sent or the vectors to be filled, as far as they
 * will be shown. Also adds up how much the vectors of a read ask for, even if nothing is shown: a
 * read that returns 0 is an end of stream only if it asked for something. */
void input_copy(struct call *call);

/* Copies all of the call's input before the real call, as far as it is readable: addresses,
 * options, and what input_copy copies. */
void input_copy_all(struct call *call);

/* Returns whether a write of size bytes that begins with head, TLS_HEADER_BYTES, is one TLS alert
 * (RFC 8446, 5.1 and 6). */
enum conn_alert input_find_alert(const uint8_t *head, uint64_t size);

/* Returns the copied bytes or vectors, after the call. NULL if they have been overwritten. */
const void *input_find(const struct call *call, const struct area *area);

/* Returns whether a copied vector is a mark: the next message of several begins after it. */
static inline bool input_is_mark(const struct iovec *vector)
{
	return !vector->iov_base && vector->iov_len == SIZE_MAX;
}

#endif
