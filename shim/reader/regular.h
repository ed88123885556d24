/*
 * regular: opens files whose names came from elsewhere, and nothing but files.
 *
 * To open a device, a FIFO or a file of procfs can do something: start a watchdog, wake a writer,
 * take a message away. So the name is looked up without opening it (O_PATH), what it leads to is
 * looked at, and only a regular file of a file system that stores files is then opened, by its
 * descriptor: no other file can come in between.
 */
#ifndef READER_REGULAR_H
#define READER_REGULAR_H

#include <stdint.h>

/* Returns a descriptor for reading, close-on-exec, or -1 with errno: ENOTSUP if it is no such file,
 * EFBIG if it has more than most_bytes (0: any number). */
int regular_open(const char *path, uint64_t most_bytes);

#endif
