/*
 * text: writes events as text, with one write(2) per record.
 *
 * What cannot be written is counted. The number is reported in the trace as soon as something can
 * be written again, or at exit.
 * Context: text_start in the constructor; the rest any thread with its guard up, signal handler,
 * after fork. Locks: none. Errno: untouched. Keeps I3, I5, I8.
 */
#ifndef SINK_TEXT_H
#define SINK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "tcpshim/event.h"

void text_start(char *const *environment);
void text_start_over(void);

/* Writes an event, and sets its EVENT_MANY_PROCESSES. text: a work area of size bytes; a longer
 * record gets temporary memory of its own. */
void text_event(struct tcpshim_event *event, char *text, size_t size);

/* Returns whether a write may wait or raise a signal. The caller then blocks the thread's signals
 * around it. */
bool text_may_wait(void);

/* Counts a call that could not be shown for lack of memory. */
void text_count_lost(void);

/* Writes bytes as they are. */
void text_bytes(const char *bytes, size_t size);

/* Writes a line about the trace itself, with a newline at its end. Writes it to standard error if
 * that is the only way. */
void text_line(const char *line, size_t size);

/* Reports at exit what was lost: in the trace, or else on standard error. */
void text_end(void);

#endif
