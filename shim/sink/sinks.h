/*
 * sinks: where events go: text or JSON, the recording, or both.
 *
 * Context: sinks_start in the constructor; the rest any thread with its guard up, signal handler,
 * after fork. Locks: none. Errno: untouched. Keeps I3, I5, I8.
 */
#ifndef SINK_SINKS_H
#define SINK_SINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/thread.h"

/* False: events can go nowhere. */
bool sinks_start(char *const *environment, const char *program);
void sinks_start_over(void);

/* The area's event, which completed, or was found sleeping, at now_ns. What is common to all events
 * of the process is filled in here. Holds back the thread's signals if a sink may wait. */
void sinks_event(struct area *area, uint64_t now_ns);

/* A filter is about to be set: what needs the kernel and may be refused later is done now. area:
 * NULL if there is none. */
void sinks_restrict(struct area *area);

/* A call that could not be shown: no memory; and one that interrupted the library's own code. */
void sinks_count_lost(void);
void sinks_count_nested(void);

/* Says that what goes through io_uring is not seen. */
void sinks_say_ring(struct area *area);

/* At exit, with what was lost. area: NULL if there is none. */
void sinks_end(struct area *area, int status);

#endif
