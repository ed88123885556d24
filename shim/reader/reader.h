/*
 * reader: one file of a recording, with what is known of it as a whole.
 *
 * Owns the file, its header and its tables of names; the streams are scan's, the rest is filled by
 * stream and merge. The file may be written to while it is read, cut short, or damaged anywhere:
 * what can be read is read, and what cannot is counted. Times are in nanoseconds of the recording's
 * CLOCK_MONOTONIC unless named otherwise.
 * Context: the command; exits if there is not enough memory. Locks: none.
 */
#ifndef READER_READER_H
#define READER_READER_H

#include <stddef.h>

#include "format/attributes.h"
#include "format/unpack.h"
#include "reader/hanging.h"
#include "reader/polled.h"

struct stream;

/* What could not be read, or is missing according to the file. */
struct reader_damage {
	uint64_t blocks;        /* unreadable, or overwritten while they were read */
	uint64_t records;       /* damaged */
	uint64_t unknown_calls; /* of another version */
	uint64_t unknown_notes;
	bool is_cut; /* the file is shorter than it says */
};

/* A file that was mapped with code: its bytes from offset on, at addresses from start to below end.
 */
struct module {
	uint64_t start, end, offset;
	char *path;
};

struct reader {
	const char *path;
	int fd;
	bool is_foreign; /* it belongs to another user */
	int writer;      /* the process that writes it, by its number here; 0: not found */
	struct record_header header;
	struct unpack_names names;
	char attributes[ATTRIBUTES_BYTES]; /* a list (attributes.h) */

	/* Filled by scan. */
	struct stream **streams; /* in the order of their ids */
	size_t stream_count, stream_capacity;
	void *streams_by_id;     /* tsearch's: the same streams */
	uint64_t scanned_blocks; /* no block below it is empty */
	uint64_t seen_blocks;    /* all blocks below it were looked at */

	/* Filled by stream. */
	struct reader_damage damage;
	int64_t realtime_offset_ns; /* time of day minus CLOCK_MONOTONIC, as of the last event */
	struct module *modules;
	size_t module_count;

	/* Filled by merge. */
	uint64_t seen_ns;  /* its process was there until then, or longer: see reader_find_end */
	uint64_t shift_ns; /* from its clock to that of the report */
	void *connections; /* tsearch's: what is known of each, by its serial */
	struct hanging_listeners listeners;
	struct polled polled;
	bool has_unseen_calls; /* the program uses io_uring */
	bool has_threads;      /* an event so far was of a process with several threads */
};

/* Opens a recording. path: kept, the caller's. Returns NULL after a message if it cannot be opened
 * or is not a recording. */
struct reader *reader_open(const char *path);
/* Like reader_open, with a file that is open already. It is closed also if NULL is returned. */
struct reader *reader_take(const char *path, int fd);
void reader_close(struct reader *reader);

/* Returns whether both are of one file, by whatever names. */
bool reader_is_same(const struct reader *a, const struct reader *b);

/* Reads size bytes of the file. Returns false if it ends earlier, or on an error. */
bool reader_read(const struct reader *reader, void *to, size_t size, uint64_t offset);

/* Reads again the part of the header that changes. Returns false if it cannot be read. */
bool reader_update(struct reader *reader);

/* Whether the process that writes it is still alive and has not become another program. */
bool reader_is_live(struct reader *reader);

/* Finds out until when the process was there, after all events were read: until its end, until now
 * if it is alive, or else until its last event. Returns whether it is alive. */
bool reader_find_end(struct reader *reader);

/* Finds the file that is mapped at an address: its place in modules, the latest one, as mappings
 * replace each other. Returns false if none is known. */
bool reader_find_module(const struct reader *reader, uint64_t address, size_t *module);

/* Returns the name of the machine that it is from, "" if it is not known. */
const char *reader_host(const struct reader *reader);

/* Returns the time of day of an instant, as of the last event. Damaged numbers give any result. */
static inline int64_t reader_realtime(const struct reader *reader, uint64_t time_ns)
{
	return (int64_t)(time_ns + (uint64_t)reader->realtime_offset_ns);
}

#endif
