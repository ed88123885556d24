/*
 * writer: finds the running process that writes a recording.
 *
 * The process number in a recording is the one in the process's own PID namespace. In another
 * namespace the same number can belong to another process, or to none. So the writer is the process
 * that has the file mapped and whose innermost number is the one in the recording.
 * Context: the command. Locks: none.
 */
#ifndef READER_WRITER_H
#define READER_WRITER_H

#include <stdbool.h>

#include "tcpshim/record.h"

/* Finds the writer of the file fd. inner: its number in its own PID namespace. Returns its number
 * in ours, 0 if it does not run. If its mappings may not be read, any process of that number
 * counts. */
int writer_find(int fd, int inner);

/* Whether process pid still writes to the file fd; true also if that cannot be found out. */
bool writer_is(int fd, int pid);

/* Returns whether the process that wrote a recording may be alive although it does not write to
 * this file, which can be a copy: a process with its number runs the same program, on the same boot
 * of the same machine, since before the last event at seen_ns. */
bool writer_may_live(const struct record_header *header, uint64_t seen_ns);

/* Opens the recording that process pid writes. Returns its descriptor, or -1 after a message.
 * *path: its name as the process sees it, for the caller to free. */
int writer_open(int pid, char **path);

#endif
