/*
 * recording: the mapped file of a recording (tcpshim/record.h), and the blocks that threads fill.
 *
 * Owns the file and its mapping. The file is made at the first event, so that a process that has
 * none leaves none behind; from then on no descriptor is needed. It has its full size at once, as
 * holes. A block is reserved when it is taken, by a system call that fails where a store would be
 * answered with SIGBUS (a full disk): so a process that has changed its user, its root or its
 * directory meanwhile goes on recording. What finds no room is counted in the file.
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

/* False, and one line said: nothing can be recorded where TCPSHIM_RECORD says. */
bool recording_start(const char *program);

/* In a new process: its own file, at its first event. */
void recording_start_over(void);

/* Takes a block for the thread, whose area this is, if it has none and there is a recording: the
 * call that it is in can be marked then. */
void recording_begin(struct area *area, uint64_t now_ns);

/* The file is made now, if it is not there yet: a filter would refuse it later. */
void recording_restrict(struct area *area, uint64_t now_ns);

/* The program is about to lock all its memory, and has done so: of the recording no more is mapped
 * than is needed, and nothing of it locked. */
void recording_save_memory(void);
void recording_unlock(void);

/* Where the thread, whose area this is, may write its next record of at most *room bytes, at least
 * least. now_ns: of the event. NULL: there is no room, and one event is counted as
 * lost. */
uint8_t *recording_room(struct area *area, size_t least, size_t *room, uint64_t now_ns);

/* Events that could not be recorded, by this errno. */
void recording_count_lost(uint64_t count, int error);

/* A call of a signal handler that interrupted the library. */
void recording_count_nested(void);

/* At exit: says in the file that it is complete, cuts off what was not used, and says on standard
 * error what was lost. */
void recording_end(int status, uint64_t now_ns);

/* Marks the call as the one that this thread is in, until it has ended: a recording that a SIGKILL
 * cut short shows it. Under the guard. */
void recording_mark(const struct record_current *mark);
void recording_unmark(void);

#endif
