/*
 * parts: waits that are made in two parts or more, so that they can be announced.
 *
 * A wait of more than a second is made in two parts, a poll in several, and announced in between.
 * All signals are blocked around the parts, and each part waits with the mask that the program
 * would wait with: a signal that comes between the two interrupts the second as it would have
 * interrupted the whole. Such waits are never restarted after a signal (signal(7)), and a part that
 * ends empty consumes no edge and no one-shot event. Where another library stands between us and
 * libc, which may stretch each part, the wait is made in one, and not announced.
 * Context: any thread. Locks: none. Errno: untouched. Keeps I1, I10.
 */
#ifndef INTERPOSE_PARTS_H
#define INTERPOSE_PARTS_H

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "trace/call.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define UNLIMITED INT64_C(-1)

/* Blocks all signals. Returns the mask before, in libc's form. */
sigset_t parts_block_signals(void);
void parts_unblock_signals(const sigset_t *before);
/* The mask before; restored when the function is left, by cancellation too. */
#define BLOCKED_SIGNALS __attribute__((cleanup(parts_unblock_signals))) sigset_t

/* Whether the wait is to be made in parts. */
bool parts_is_split(const struct call *call, int64_t timeout_ns);

struct timespec parts_timespec(int64_t ns);

/* Returns what is left of the timeout, UNLIMITED if it has none. */
int64_t parts_rest_ns(const struct call *call, int64_t timeout_ns);

/* Returns a timeout given by pointer, whose second word is in fractions of so many ns. One that the
 * kernel will refuse, or that cannot be read, is 0: it is not split. */
int64_t parts_timeout_ns(const struct call *call, const void *timeout, int64_t fraction_ns);

/* Returns how long the second part is to wait. */
int64_t parts_second_ns(int64_t timeout_ns);

int64_t parts_milliseconds_ns(int timeout);

#endif
