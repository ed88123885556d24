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

/* Starts the sinks. Returns false if events can go nowhere. */
bool sinks_start(char *const *environment, const char *program);
void sinks_start_over(void);

/* Hands the area's event, which completed or was found sleeping at now_ns, to the sinks. Fills in
 * what all events of the process have in common. Blocks the thread's signals if a sink may wait. */
void sinks_event(struct area *area, uint64_t now_ns);

/* Must be called before a filter is set: does now what the kernel may refuse later. area: NULL if
 * there is none. */
void sinks_restrict(struct area *area);

/* Count a call that could not be shown: for lack of memory, or because it interrupted the library's
 * own code. */
void sinks_count_lost(void);
void sinks_count_nested(void);

/* Prints that calls through io_uring are not seen. */
void sinks_report_ring(struct area *area);

/* Prints that a filter keeps the library from asking the kernel about connections. */
void sinks_report_restriction(struct area *area);

/* Ends the sinks at exit and reports what was lost. area: NULL if there is none. */
void sinks_end(struct area *area, int status);

#endif
