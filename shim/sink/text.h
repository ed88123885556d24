/*
 * sink_text: events as text, one write(2) a record.
 *
 * What cannot be written is counted, and said in the trace as soon as something can be written
 * again, or at exit.
 * Context: text_start in the constructor; the rest any thread with its guard up, signal
 * handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5, I8.
 */
#ifndef SINK_TEXT_H
#define SINK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "tcpshim/event.h"

void text_start(char *const *environment);
void text_start_over(void);

/* text: a work area of size bytes; a longer record gets memory of its own for the moment. The
 * event's EVENT_MANY_PROCESSES is set here. */
void text_event(struct tcpshim_event *event, char *text, size_t size);

/* Whether a write may wait or raise a signal: then the thread's signals are to be held back around
 * it. */
bool text_may_wait(void);

/* A call that could not be shown: no memory. */
void text_count_lost(void);

/* Bytes as they are. */
void text_bytes(const char *bytes, size_t size);

/* A line about the trace itself, with its end; on standard error if it can be written nowhere else.
 */
void text_line(const char *line, size_t size);

/* At exit: says what was lost, in the trace or else on standard error. */
void text_end(void);

#endif
