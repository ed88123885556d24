/*
 * record: writes events to the recording.
 *
 * Events that find no room are counted in the recording (sink/recording.h). now_ns: the time on
 * CLOCK_MONOTONIC.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I8.
 */
#ifndef SINK_RECORD_H
#define SINK_RECORD_H

#include "sink/recording.h"

/* Starts the recording of a new process. */
void record_start_over(void);

/* Records the area's event. */
void record_event(struct area *area);

/* Records that the time of day was set. */
void record_clock(struct area *area, uint64_t now_ns);

/* Records a line about the trace itself. line has a newline at its end. */
void record_line(struct area *area, const char *line, size_t size, uint64_t now_ns);

#endif
