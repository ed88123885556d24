/*
 * recording: one file of a recording, read stream by stream.
 *
 * The file may be written while it is read, cut short, or damaged anywhere: what can be read is,
 * and what could not is counted. Holes of the file are skipped, so time and memory go by the bytes
 * that are there. Memory: 16 bytes for each block of the file, and about 38 KiB for each thread
 * that recorded.
 */
#ifndef READER_READER_H
#define READER_READER_H

#include <stddef.h>

#include "format/unpack.h"

struct block_ref {
	uint64_t sequence;
	uint64_t number; /* its place in the file */
};

struct reader;

/* The records of one thread, and of those that went on in its blocks, in order. */
struct stream {
	struct reader *reader;
	uint32_t id;
	struct block_ref *blocks;
	size_t block_count, block_capacity, next_block;
	uint8_t *block; /* the one that is being read, NULL before the first */
	size_t position;
	uint64_t time_ns; /* completion of the last record */
	uint64_t order_ns;
	uint64_t last_start_ns; /* of the last event */
	uint64_t previous_ns;
	int32_t tid;
	uint32_t thread_number;

	/* The next event of the stream, if has_ahead: with its line, if it is one of the trace
	 * itself. */
	bool has_ahead, is_transfer;
	struct unpacked ahead;
	const char *line;
	uint32_t line_size;
	uint8_t *payload; /* one put together of several records */
	size_t payload_capacity;
	uint8_t *copy; /* of the record that it belongs to */
};

/* What could not be read, or is told by the file to be missing. */
struct reader_damage {
	uint64_t blocks;        /* unreadable, or overwritten while they were read */
	uint64_t records;       /* that make no sense */
	uint64_t unknown_calls; /* of a later version */
	uint64_t unknown_notes;
	bool is_cut; /* the file is shorter than it says */
};

struct module {
	uint64_t start, end, offset;
	char *path;
};

struct reader {
	const char *path;
	int fd;
	struct record_header header;
	struct unpack_names names;
	struct stream **streams; /* in the order of their ids */
	size_t stream_count, stream_capacity;
	void *streams_by_id;     /* tsearch's: the same */
	uint64_t scanned_blocks; /* below it, none is empty */
	uint64_t seen_blocks;    /* below it, all were looked at */
	struct reader_damage damage;
	int64_t realtime_offset_ns; /* as of the last event */
	uint64_t shift_ns;          /* from its clock to that of the report */
	struct module *modules;
	size_t module_count;
	void *connections; /* tsearch's: what is known of each by its serial */
	bool is_foreign;   /* it belongs to another user */
	int writer;        /* the process that wrote it, as it is called here; 0: not found */
};

/* NULL, and a line said: it cannot be opened, or is no recording. The path is kept. */
struct reader *reader_open(const char *path);
/* The same of a file that is open already, and closed with it. */
struct reader *reader_take(const char *path, int fd);
void reader_close(struct reader *reader);

/* Looks for blocks that were not there the last time. False: the file cannot be read any more. */
bool reader_refresh(struct reader *reader);

/* The time of day at an instant, as of the last event; of numbers that make no sense, any. */
static inline int64_t reader_realtime(const struct reader *reader, uint64_t time_ns)
{
	return (int64_t)(time_ns + (uint64_t)reader->realtime_offset_ns);
}

/* Makes the stream's next event stand ahead; false: there is none, now. */
bool stream_advance(struct stream *stream);

/* The call that the stream's thread is in, or was in at its end, as an event; call when the stream
 * has no more events. False: none. */
bool stream_current(struct stream *stream, struct unpacked *to);

/* Whether the process that wrote it is still alive, and has not become another program. */
bool reader_is_live(struct reader *reader);

#endif
