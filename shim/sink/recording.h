/*
 * recording: the mapped file of a recording (tcpshim/record.h), and the blocks that threads fill.
 *
 * Owns the file and its mapping. The file is created at the first event, so that a process without
 * events leaves no file. From then on no descriptor is needed. The file has its full size at once,
 * as holes. A block is reserved when it is taken, by a system call that fails where a store would
 * raise SIGBUS (a full disk). So a process that has meanwhile changed its user, its root or its
 * directory continues to record. Events that find no room are counted in the file.
 * Context: recording_start in the constructor; the rest any thread with its guard up, signal
 * handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5, I6, I7, I8.
 */
#ifndef SINK_RECORDING_H
#define SINK_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/thread.h"
#include "sink/recording_block.h"
#include "tcpshim/record.h"

/* Prepares the recording. If nothing can be recorded at TCPSHIM_RECORD, prints one line and returns
 * false. */
bool recording_start(const char *program);

/* Runs in a new process: it gets a file of its own at its first event. */
void recording_start_over(void);

/* Takes a block for the area's thread if it has none and there is a recording, so that the call in
 * progress can be marked. */
void recording_begin(struct area *area, uint64_t now_ns);

/* Creates the file now, if it does not exist yet: a filter would prevent that later. */
void recording_restrict(struct area *area, uint64_t now_ns);

/* Called before the program locks all its memory, and after it has done so. From then on only what
 * is needed of the recording is mapped, and nothing of it is locked. */
void recording_save_memory(void);
void recording_unlock(void);

/* Returns where the area's thread may write its next record, which may take at most *room bytes, at
 * least least. now_ns: the event's time. NULL: there is no room; one event is counted as lost. */
uint8_t *recording_room(struct area *area, size_t least, size_t *room, uint64_t now_ns);

/* Counts events that could not be recorded because of this errno. */
void recording_count_lost(uint64_t count, int error);

/* Counts a call of a signal handler that interrupted the library. */
void recording_count_nested(void);

/* Ends the recording at exit: marks the file as complete, cuts off what was not used, and prints on
 * standard error what was lost. */
void recording_end(int status, uint64_t now_ns);

/* Mark the call as the one that this thread is in, until it has ended: if a SIGKILL ends the
 * process, the recording shows it. Called with the guard up. */
void recording_mark(const struct record_current *mark);
void recording_unmark(void);

#endif
