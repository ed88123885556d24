/*
 * sink_record: events into the recording.
 *
 * What finds no room is counted there.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5, I8.
 */
#ifndef SINK_RECORD_H
#define SINK_RECORD_H

#include "sink/recording.h"

/* In a new process. */
void record_start_over(void);

/* The area's event. */
void record_event(struct area *area);

/* The time of day was set. */
void record_clock(struct area *area, uint64_t now_ns);

/* A line about the trace itself, with its end. */
void record_line(struct area *area, const char *line, size_t size, uint64_t now_ns);

#endif
