/*
 * outcome: what a call that has returned changed: new descriptors, closed ones, connections a step
 * further.
 *
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I4, I5, I9, I10.
 */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

#include "core/call.h"
#include "core/thread.h"

/* Takes the outcome in, with notes in area->event if is_shown; true if the call is one to be
 * shown. */
bool outcome_take(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		  bool is_shown);

/* The same without an area, for a call that interrupted the library at its own work: the table and
 * the counts are kept right, nothing is said. */
void outcome_take_silently(struct call *call, int64_t result, int error, uint64_t now_ns);

#endif
