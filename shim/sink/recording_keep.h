/*
 * recording_keep: the limit on the number of finished recordings, TCPSHIM_RECORD_KEEP.
 *
 * A recording is finished when no process has it mapped any more, which the kernel is asked: it
 * gives no read lease on a file that is open for writing somewhere (fcntl(2), F_SETLEASE), a mapped
 * file included. Only files that are recordings, that belong to this user and whose names are what
 * TCPSHIM_RECORD makes for this program are ever removed.
 * Context: at exit, any thread with its guard up, not in quiet mode: it opens files. Locks: none.
 * Errno: untouched. Keeps I3, I5, I7.
 */
#ifndef SINK_RECORDING_KEEP_H
#define SINK_RECORDING_KEEP_H

/* Removes the oldest of the finished recordings in folder, until there are config.record_keep, the
 * one at path included, which has just ended. Where TCPSHIM_RECORD is a directory those of all
 * programs count, else those whose names differ from path in the process id and the time behind it
 * only. */
void recording_keep(const char *path, const char *folder);

#endif
