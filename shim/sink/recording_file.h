/*
 * recording_file: the file of a recording: made whole before it has its name, mapped, and cut to
 * what was used at the end.
 *
 * No descriptor of it stays open. The file has its full size from the start, as holes; a store into
 * a hole of a full disk would raise SIGBUS, so each block is reserved first.
 * Context: recording_file_start in the constructor; the rest any thread with its guard up, after
 * fork. Locks: none. Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef SINK_RECORDING_FILE_H
#define SINK_RECORDING_FILE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "format/strbuf.h"
#include "sink/recording_map.h"
#include "sys/file_id.h"
#include "tcpshim/record.h"

/* What next becomes when the file is cut: no block can be taken any more. */
#define RECORDING_CLOSED (UINT64_MAX / 2)

/* What made a recording smaller than TCPSHIM_RECORD_SIZE. */
enum recording_limit {
	RECORDING_FULL_SIZE,
	RECORDING_FILE_LIMIT,    /* RLIMIT_FSIZE */
	RECORDING_ADDRESS_LIMIT, /* RLIMIT_AS, where the file is mapped whole */
	RECORDING_MEMORY_LIMIT,  /* of the cgroup, where the file system is in memory */
};

/* One mapped file. Published whole, and then constant but for the atomic fields. */
struct recording {
	struct recording_map map;
	struct file_id id;
	_Atomic uint64_t next;        /* the number of the block that is taken next */
	_Atomic uint64_t block_count; /* fewer from the moment on when no more can be reserved */
	/* of a recording that wraps: the thread that is filling each block, 0 for none */
	_Atomic int32_t *owners;
	uint64_t owner_count;
	_Atomic uint32_t streams;
	enum recording_limit limited_by;
	uint64_t limit_bytes;
	bool is_named, is_removed;
	char path[PATH_MAX], folder[PATH_MAX];
};

/* The errno for which no file could be made where TCPSHIM_RECORD says; 0: it looks as if one could.
 */
int recording_file_start(const char *program);

/* Makes and maps the file of a zeroed recording: 0, or -errno. In a thread aside, as
 * recording_file_end: neither writes to standard error. */
int recording_file_make(struct recording *recording);
void recording_file_unmap(struct recording *recording);

/* Sees to it that stores find their pages: 0, or -ENOSPC where the disk is full. */
int recording_file_reserve(uint8_t *at, size_t size);

/* At exit: cuts off what was never taken, or finds that the file is no longer there; and removes
 * the oldest of the finished recordings, if there is a limit on their number. */
void recording_file_end(struct recording *recording);

/* Say why no recording can be made, that it is smaller than was asked for, and that it is lost. */
void recording_file_complain(int error);
void recording_file_say_limited(const struct recording *recording);
void recording_file_say_removed(const struct recording *recording);

/* As much of the path as a line has room for, printable. */
void recording_file_append_path(struct strbuf *line, const char *path);

#endif
