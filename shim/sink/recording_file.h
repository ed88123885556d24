/*
 * recording_file: the file of a recording. It is created complete before it gets its name, mapped,
 * and cut at the end to what was used.
 *
 * No descriptor of it stays open. The file has its full size from the start, as holes. A store into
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

/* The value of next once the file has been cut: no more blocks can be taken. */
#define RECORDING_CLOSED (UINT64_MAX / 2)

/* What made a recording smaller than TCPSHIM_RECORD_SIZE. */
enum recording_limit {
	RECORDING_FULL_SIZE,
	RECORDING_FILE_LIMIT,    /* RLIMIT_FSIZE */
	RECORDING_ADDRESS_LIMIT, /* RLIMIT_AS, if the file is mapped whole */
	RECORDING_MEMORY_LIMIT,  /* of the cgroup, if the file system is in memory */
};

/* A mapped file. It is published complete and then constant, except for the atomic fields. */
struct recording {
	struct recording_map map;
	struct file_id id;
	_Atomic uint64_t next;        /* the number of the next block to be taken */
	_Atomic uint64_t block_count; /* smaller once no more blocks can be reserved */
	/* of a recording that wraps: which thread is filling each block, 0 for none */
	_Atomic int32_t *owners;
	uint64_t owner_count;
	_Atomic uint32_t streams;
	enum recording_limit limited_by;
	uint64_t limit_bytes;
	bool is_named, is_removed;
	char path[PATH_MAX], folder[PATH_MAX];
};

/* Checks whether a file could be created at TCPSHIM_RECORD. Returns 0 if it seems so, otherwise the
 * errno. */
int recording_file_start(const char *program);

/* Creates and maps the file of a zeroed recording. Returns 0 or -errno. Runs in aside_run, like
 * recording_file_end; neither writes to standard error. */
int recording_file_make(struct recording *recording);
void recording_file_unmap(struct recording *recording);

/* Preallocates the pages so that a store cannot raise SIGBUS. Returns 0, or -ENOSPC if the disk is
 * full. */
int recording_file_reserve(uint8_t *at, size_t size);

/* Ends the file at exit: cuts off the blocks that were never taken, or finds that the file is no
 * longer there. Removes the oldest finished recordings if their number is limited. */
void recording_file_end(struct recording *recording);

/* Print why no recording can be made, that it is smaller than requested, and that it is lost. */
void recording_file_complain(int error);
void recording_file_report_limit(const struct recording *recording);
void recording_file_report_removed(const struct recording *recording);

/* Appends the path to a line, as much of it as the line has room for, in printable form. */
void recording_file_append_path(struct strbuf *line, const char *path);

#endif
