/*
 * summary: at exit, how often each function was called and how long it took, and the table of
 * connections (TCPSHIM_SUMMARY).
 *
 * The totals of calls are kept per thread. Of the connections, the newest MOST_ROWS are kept. If
 * two threads first see a connection at the same time, both may begin its row; one call may then be
 * missing in it.
 * Context: summary_start in the constructor; the rest any thread with its guard up, signal handler,
 * after fork. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SINK_SUMMARY_H
#define SINK_SUMMARY_H

#include "guest/thread.h"

/* Allocates the table. Returns false if there is no memory. */
bool summary_start(void);
void summary_start_over(void);

void summary_event(struct area *area);

/* Writes the summary to where the trace goes. */
void summary_end(uint64_t now_ns);

#endif
