/*
 * sink_summary: at the end, how often each call was made and how long it took, and the table of
 * connections (TCPSHIM_SUMMARY).
 *
 * The sums of calls are each thread's own; of connections the newest MOST_ROWS are kept. Two
 * threads that first see a connection at once may both begin its row: then one call of it may be
 * missing there.
 * Context: summary_start in the constructor; the rest any thread with its guard up, signal
 * handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SINK_SUMMARY_H
#define SINK_SUMMARY_H

#include "guest/thread.h"

/* False: no memory. */
bool summary_start(void);
void summary_start_over(void);

void summary_event(struct area *area);

/* Writes it where the trace goes. */
void summary_end(uint64_t now_ns);

#endif
