/*
 * recording_map: maps the file of a recording window by window, as threads reach it.
 *
 * A whole recording, usually 256 MiB, would count against the program's limit on its address space
 * (RLIMIT_AS), and would be locked in memory by mlockall. So only the header and the windows that
 * were reached are mapped. If there is such a limit, or the program locks its memory, only the
 * windows in which a thread has its block stay mapped, and none of them is locked. No descriptor
 * stays open. A further mapping of the file can then be made only from an existing one, by
 * mremap(2) with an old size of 0; so one page of each window stays mapped. The file is mapped
 * whole from the start where mremap may be fatal (a filter) or does not support this (valgrind).
 * Context: any thread with its guard up, signal handler, after fork. Locks: none that is waited for
 * without a limit. Errno: untouched. Keeps I3, I5.
 */
#ifndef SINK_RECORDING_MAP_H
#define SINK_RECORDING_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/record.h"

/* set in users of a window that is being unmapped */
#define RECORDING_WINDOW_BUSY (UINT32_C(1) << 31)

struct recording_window {
	_Atomic(uint8_t *) memory; /* NULL: not mapped */
	_Atomic(uint8_t *) anchor; /* its first page; NULL: not reached yet */
	_Atomic uint32_t users; /* threads that have their block in it, and RECORDING_WINDOW_BUSY */
};

struct recording_map {
	struct record_header *header;
	uint64_t file_bytes;
	uint64_t window_bytes;
	struct recording_window *windows;
	_Atomic(uint8_t *) whole; /* the file mapped whole, or NULL */
	_Atomic bool is_frugal;   /* the program locks its memory */
};

/* Maps the header of a file of this size. Returns 0 or -errno. */
int recording_map_start(struct recording_map *map, int fd, uint64_t file_bytes);

/* Maps the header again at the same address, from a descriptor of the file by its name, so that
 * /proc/PID/maps shows the name. Must be called before there is any block. If it fails, the first
 * mapping stays. */
void recording_map_rename(struct recording_map *map, int fd);

/* Returns the address of block number, which stays mapped until the caller leaves it. NULL: no
 * memory. */
struct record_block *recording_map_block(struct recording_map *map, uint64_t number);
void recording_map_leave(struct recording_map *map, uint64_t number);

/* From now on maps only what is needed, and unmaps the rest. */
void recording_map_save_memory(struct recording_map *map);

/* Unlocks what is mapped: the program has locked all its memory. */
void recording_map_unlock(const struct recording_map *map);

/* Maps the file whole: from then on no system call is needed. */
void recording_map_whole(struct recording_map *map);

/* Unmaps everything. */
void recording_map_end(struct recording_map *map);

#endif
