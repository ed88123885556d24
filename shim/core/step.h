/*
 * step: what a call did to one connection, and asking the kernel where that is a transition.
 *
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I10.
 */
#ifndef CORE_STEP_H
#define CORE_STEP_H

#include "core/call.h"
#include "core/decode.h"

/* The step of a call on one descriptor. has_samples: whether the kernel may be asked (for
 * notes). */
void step_fill(struct conn_step *step, const struct call *call, const struct conn *conn,
	       int64_t result, int error, uint64_t now_ns, bool has_samples);

/* The step of a poll-like call for one of its descriptors. */
void step_fill_wait(struct conn_step *step, const struct call *call, const struct conn *conn,
		    const struct decode_entry *entry, uint64_t now_ns, bool is_sleeping,
		    bool has_samples);

/* What the call is for this descriptor: EFFECT_SPLICE becomes a read or a write. */
enum tcpshim_effect step_effect(const struct call *call);

/* The sample for a wait on fd: with what decides how a connection died, if it has. */
void step_sample_waiting(int fd, struct tcpinfo *info);

/* Bytes moved: the result, but for calls that count messages. */
int64_t step_bytes(const struct call *call, int64_t result);

#endif
