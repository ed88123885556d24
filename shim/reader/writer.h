/*
 * writer: the process that writes a recording, among those that run.
 *
 * The number that a recording has of its process is that of the process's own PID namespace: in
 * another one it is another process's, or nobody's. The writer is the process that has the file
 * mapped and whose innermost number is that one.
 */
#ifndef READER_WRITER_H
#define READER_WRITER_H

#include <stdbool.h>

/* Finds the writer of the file fd, which calls itself told. Returns its number here, 0: it does not
 * run. Where its mappings may not be read, a process of the number told counts. */
int writer_find(int fd, int told);

/* Whether process pid still writes to the file fd; true also where that may not be asked. */
bool writer_is(int fd, int pid);

/* Opens the recording that process pid writes. Returns its descriptor, or -1; *path: its name as
 * the process knows it, the caller's to free. Says why not. */
int writer_open(int pid, char **path);

#endif
