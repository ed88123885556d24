/*
 * step: describes what a call did to one connection, and samples the kernel's state at transitions
 * and after long waits.
 *
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I10.
 */
#ifndef TRACE_STEP_H
#define TRACE_STEP_H

#include "trace/call.h"
#include "trace/decode.h"

/* Fills the step of a call on one descriptor. has_samples: the kernel may be asked (for notes). */
void step_fill(struct conn_step *step, const struct call *call, const struct conn *conn,
	       int64_t result, int error, uint64_t now_ns, bool has_samples);

/* Fills the step of a poll-like call for one of its descriptors. */
void step_fill_wait(struct conn_step *step, const struct call *call, const struct conn *conn,
		    const struct decode_entry *entry, uint64_t now_ns, bool is_sleeping,
		    bool has_samples);

/* Returns whether writes to the connection have found no room for so long that the kernel is to be
 * asked why: when the wait is over, and about once a second before. */
bool step_is_asked(const struct conn *conn, uint64_t now_ns, bool is_over);

/* Samples a connection (conn/tcpinfo.h), as conn/rehearsed.h has it. Returns 0 or -errno. */
int step_sample(int fd, const struct conn *conn, unsigned parts, struct tcpinfo *info);

/* Samples a connection that a call waits for. If it has died, the sample includes what is needed to
 * find the cause. */
void step_sample_waiting(int fd, const struct conn *conn, struct tcpinfo *info);

#endif
