/*
 * step: what a call did to one connection, and asking the kernel where that is a transition.
 *
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I10.
 */
#ifndef TRACE_STEP_H
#define TRACE_STEP_H

#include "trace/call.h"
#include "trace/decode.h"

/* The step of a call on one descriptor. has_samples: whether the kernel may be asked (for
 * notes). */
void step_fill(struct conn_step *step, const struct call *call, const struct conn *conn,
	       int64_t result, int error, uint64_t now_ns, bool has_samples);

/* The step of a poll-like call for one of its descriptors. */
void step_fill_wait(struct conn_step *step, const struct call *call, const struct conn *conn,
		    const struct decode_entry *entry, uint64_t now_ns, bool is_sleeping,
		    bool has_samples);

/* The sample for a wait on fd: with what decides how a connection died, if it has. */
void step_sample_waiting(int fd, struct tcpinfo *info);

#endif
