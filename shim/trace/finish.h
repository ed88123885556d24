/*
 * finish: the end of the process, and the connections that it leaves open.
 *
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2, I5, I8.
 */
#ifndef TRACE_FINISH_H
#define TRACE_FINISH_H

#include <limits.h>
#include <stdbool.h>

enum { FINISH_STATUS_UNKNOWN = INT_MIN };

/* Reports the connections that are still open, and ends the sinks; once per process. is_at_once:
 * the process ends by _exit. A child of fork uses that to leave its parent's state alone, so only
 * connections of its own are reported. */
void finish_process(int status, bool is_at_once);

#endif
