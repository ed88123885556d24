/*
 * regular: opens and reads regular files whose names cannot be trusted.
 *
 * Opening a device, a FIFO or a file of procfs can have an effect: it can start a watchdog, wake a
 * writer or consume a message. So the name is first looked up with O_PATH, which opens nothing. If
 * it is a regular file of a file system that stores files, it is opened through that descriptor, so
 * that it cannot be replaced in between.
 * Context: the command. Locks: none. Errno: set on failure.
 */
#ifndef READER_REGULAR_H
#define READER_REGULAR_H

#include <stddef.h>
#include <stdint.h>

/* Opens a file for reading. Returns a descriptor that is close-on-exec, or -1 with errno: ENOTSUP
 * if it is not such a file, EISDIR if it is a directory, EFBIG if it has more than most_bytes (0:
 * any size). */
int regular_open(const char *path, uint64_t most_bytes);

/* Reads up to size bytes at an offset. Returns how many were read; fewer than size at the end of
 * the file or on an error. */
size_t regular_read(int fd, void *to, size_t size, uint64_t offset);

#endif
