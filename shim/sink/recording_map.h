/*
 * recording_map: the blocks of a recording in memory, each mapped alone while a thread fills it.
 *
 * A whole recording, 256 MiB as a rule, would count against the program's limit on its address
 * space (RLIMIT_AS), and be locked in memory by mlockall. So there are only the header, the block
 * of each thread, and one page for each window of the file that was reached: no descriptor stays
 * open, and a mapping of the file can be made only from another one, by mremap(2) with an old size
 * of 0. None of them is locked, also where the program has locked all it has. The file is mapped
 * whole from the start where mremap may be fatal (a filter) or cannot do this (valgrind).
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I3, I5.
 */
#ifndef SINK_RECORDING_MAP_H
#define SINK_RECORDING_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/record.h"

struct recording_map {
	struct record_header *header;
	uint64_t file_bytes;
	uint64_t window_bytes;
	_Atomic(uint8_t *) *anchors; /* the first page of each window, NULL: not reached yet */
	_Atomic(uint8_t *) whole;    /* the file mapped whole, or NULL */
};

/* Maps the header of a file of that size: 0, or -errno. */
int recording_map_start(struct recording_map *map, int fd, uint64_t file_bytes);

/* Maps the header again in its place, from a descriptor that has the file's name, so that
 * /proc/PID/maps tells it; before there is any block. Where that fails, the first one does. */
void recording_map_rename(struct recording_map *map, int fd);

/* Block number in memory, for the caller alone; NULL: no memory. */
struct record_block *recording_map_block(struct recording_map *map, uint64_t number);
void recording_map_leave(const struct recording_map *map, struct record_block *block);

/* Maps the file whole: from now on no system call is needed. */
void recording_map_whole(struct recording_map *map);

/* Unmaps all but the blocks. */
void recording_map_end(struct recording_map *map);

#endif
