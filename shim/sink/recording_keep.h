/*
 * recording_keep: the limit on the number of finished recordings, TCPSHIM_RECORD_KEEP.
 *
 * A recording is finished when no process has it mapped any more. The kernel knows that: it grants
 * no read lease on a file that is open for writing anywhere (fcntl(2), F_SETLEASE), and a mapping
 * counts as open. Only files are ever removed that are recordings, belong to this user, and have a
 * name that TCPSHIM_RECORD makes for this program.
 * Context: at exit, any thread with its guard up; not if restriction_is_filter(), because it opens
 * files. Locks: none. Errno: untouched. Keeps I3, I5, I7.
 */
#ifndef SINK_RECORDING_KEEP_H
#define SINK_RECORDING_KEEP_H

/* Removes the oldest finished recordings in folder until config.record_keep are left, including the
 * one at path, which has just ended. If TCPSHIM_RECORD is a directory, the recordings of all
 * programs count; otherwise only those whose names differ from path in the process id and the time
 * after it. */
void recording_keep(const char *path, const char *folder);

#endif
