/*
 * parts: waits that are made in two or more parts, so that they can be announced.
 *
 * A wait of more than a second is made in two parts, a poll in several, and is announced in
 * between. All signals are blocked around the parts, and each part waits with the mask that the
 * program would wait with. So a signal that comes between two parts interrupts the next one, as it
 * would have interrupted the whole wait. Such waits are never restarted after a signal (signal(7)),
 * and a part that finds nothing consumes no edge and no one-shot event. If another preloaded
 * library is called instead of libc, it might stretch each part; the wait is then made in one part
 * and is not announced.
 * Context: any thread. Locks: none. Errno: untouched. Keeps I1, I10. Units: nanoseconds.
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

struct parts_signals {
	sigset_t before;    /* the mask, in libc's form */
	bool is_registered; /* guest/cancelled.h */
};

/* Blocks all signals. */
struct parts_signals parts_block_signals(void);
void parts_unblock_signals(const struct parts_signals *signals);
/* Declares the mask to be restored when the function is left, also by cancellation. */
#define BLOCKED_SIGNALS __attribute__((cleanup(parts_unblock_signals))) struct parts_signals

/* Returns whether the wait is to be made in parts. */
bool parts_is_split(const struct call *call, int64_t timeout_ns);

struct timespec parts_timespec(int64_t ns);

/* Returns what is left of the timeout, UNLIMITED if it has none. */
int64_t parts_rest_ns(const struct call *call, int64_t timeout_ns);

/* Returns a timeout that was passed by pointer. Its second word counts units of fraction_ns.
 * Returns 0 for a timeout that the kernel will refuse or that cannot be read: such a wait is not
 * made in parts. */
int64_t parts_timeout_ns(const struct call *call, const void *timeout, int64_t fraction_ns);

/* Returns how long the second part is to wait. */
int64_t parts_second_ns(int64_t timeout_ns);

int64_t parts_milliseconds_ns(int timeout);

#endif
