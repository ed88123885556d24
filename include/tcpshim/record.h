/*
 * tcpshim/record.h: the format of a recording, and all that a reader of one needs.
 *
 * One file a process, written through a shared mapping while the program runs, so that what was
 * written survives any end of the process, SIGKILL too. Numbers are little-endian, structures are
 * as they stand here, without padding but what is named so. A reader trusts no number in the file.
 *
 *     0                  struct record_header
 *     names_offset       the names: tables of calls, notes and facts (below)
 *     header_bytes       block 0, then block 1 and so on, block_bytes each
 *
 * The file has its full size from the start and holes where nothing was written: a file that ends
 * early, or a block of zeros, is where the writer had not come to.
 *
 * BLOCKS. A block begins with struct record_block. sequence is 0 while the block is empty or about
 * to be used again, else a number that grows with every block taken; a reader that copies a block
 * while the file is being written looks at sequence before and after. Each block is written by one
 * thread at a time. Blocks with the same stream belong together: the records of a stream are in
 * order, block by block as sequence grows.
 *
 * RECORDS. Behind the block's header, at multiples of 8, one behind the other, each begins with
 * struct record_head, whose size covers it whole, rounded up to a multiple of 8. The first size
 * below 8, or that reaches behind the block, ends the block: the head's 4 bytes are stored last, so
 * a record that was not finished does not count. What stands behind it may be left over from
 * another use of the block. A reader skips records whose kind it does not know.
 *
 * TIME is CLOCK_MONOTONIC in nanoseconds. Streams are merged by the completion of their events; of
 * equal times the order is open. The time of day of an instant is that instant plus the last offset
 * told: that of the header, and from its RECORD_CLOCK on the one told there, for all streams.
 *
 * THE CALL THAT A THREAD IS IN stands in the last block of its stream, also after the process was
 * killed: in its header (struct record_current; sequence is odd while it is being written, call is
 * 0 for none, else 1 more than the call's number), or, for an ordinary read or write, behind the
 * last record (struct record_transfer). If both are there the one that began later counts. It is
 * stale, and does not count, if a record of the stream that has returned has the same start. The
 * thread is that of the last RECORD_THREAD of the block, or of its header.
 *
 * NAMES. Numbers of calls, notes and facts are those of the version that wrote the file; the tables
 * tell what they mean. There are three, one behind the other, and nothing in them is aligned. Each
 * is a 32-bit count and so many rows; a row is two bytes and zero-terminated strings:
 *
 *   - calls: effect (enum tcpshim_effect), number of arguments; the name shown; and behind that a
 *     byte for each argument, its kind (enum tcpshim_argument_kind, event.h)
 *   - notes: severity (enum tcpshim_severity), 0; the note's name; its id
 *   - facts: 1 if signed, 0; the field's name (units in it: _ns, _bytes)
 *
 * Data only: no functions.
 */
#ifndef TCPSHIM_RECORD_H
#define TCPSHIM_RECORD_H

#include <stdint.h>

#include "tcpshim/event.h"

#define RECORD_MAGIC "TCPSHIM\n" /* 8 bytes, without the zero */

enum {
	RECORD_VERSION = 1, /* another one is another format */
	RECORD_BLOCK_BYTES = 32768,
	RECORD_HEADER_BYTES = 32768,
	RECORD_PROGRAM_BYTES = 64,
	RECORD_PATH_BYTES = 1024,
	RECORD_BOOT_BYTES = 40,
};

enum record_header_flags {
	RECORD_WRAPS = 1 << 0, /* when full, the oldest blocks are used again */
	/* text was written too: the prefixes are as they stood there */
	RECORD_HAS_TEXT = 1 << 1,
};

/* Not ended: it runs, or was killed, or went on as another program by exec. */
enum record_end { RECORD_NOT_ENDED, RECORD_ENDED };

struct record_header {
	char magic[8];
	uint16_t version;
	uint16_t padding_0;
	uint32_t header_bytes;
	uint32_t block_bytes;
	uint32_t block_count; /* most there may be */
	uint32_t flags;       /* enum record_header_flags */
	int32_t pid;
	int32_t parent_pid;
	uint32_t names_offset;
	uint32_t names_bytes;
	uint32_t padding_1;
	uint64_t base_ns;             /* when tracing began, what stamps count from */
	int64_t realtime_offset_ns;   /* time of day minus CLOCK_MONOTONIC */
	uint64_t data_bytes;          /* of a call's payload, at most so many are recorded */
	char boot[RECORD_BOOT_BYTES]; /* the machine's boot id; times compare where it is the same
				       */
	char program[RECORD_PROGRAM_BYTES]; /* its name, as in argv[0] without folders */
	char executable[RECORD_PATH_BYTES]; /* its file */

	/* What follows changes while the file is written. */
	uint64_t blocks_taken;       /* ever */
	uint64_t lost_events;        /* not recorded: no room, or no memory */
	uint64_t overwritten_events; /* of one that wraps: they were, and are no more */
	uint64_t nested_calls; /* of signal handlers that interrupted the library: not recorded */
	int32_t lost_error;    /* errno of the last one lost, 0 for a recording that was full */
	uint32_t end;          /* enum record_end: the process ended by exit */
	int32_t exit_status;
	uint32_t padding_2;
	uint64_t end_ns;
};

/* The call that a thread is in. */
struct record_current {
	uint32_t sequence;
	uint16_t call; /* its number + 1 */
	uint8_t argument_count;
	uint8_t padding;
	uint32_t serial; /* of the connection, 0: none */
	int32_t fd;
	uint64_t start_ns;
	uint64_t arguments[EVENT_ARGUMENTS];
};

struct record_block {
	uint64_t sequence;
	uint32_t stream;
	int32_t tid;
	uint32_t thread_number; /* 1: the main thread */
	uint32_t events;        /* written to this block up to now: transfers and events */
	uint64_t previous_ns;   /* the thread's last event before this block, 0: none */
	uint64_t time_ns;       /* what the first record's since_ns counts from */
	struct record_current current;
};

enum record_kind {
	RECORD_TRANSFER = 1, /* an ordinary read or write: struct record_transfer */
	RECORD_EVENT,        /* any other call: struct record_event */
	RECORD_MORE,         /* the payload of the event just before it in the stream goes on */
	RECORD_THREAD,       /* from here on the block is this thread's: struct record_thread */
	RECORD_CLOCK,        /* the time of day was set: struct record_clock */
	RECORD_LINE,         /* a line of text about the trace itself: struct record_line */
	RECORD_MODULE,       /* a file mapped with code: struct record_module */
};

struct record_head {
	uint16_t size; /* of the whole record, a multiple of 8 */
	uint8_t kind;  /* enum record_kind */
	uint8_t flags; /* the low 6 bits of enum tcpshim_event_flags; enum record_flags */
};

enum record_flags {
	RECORD_HAS_BYTES = 1 << 7, /* of a transfer: its payload follows, else its buffer's address
				    */
	/* of an event, and of RECORD_MORE: one that follows goes on with the payload of RECORD_DATA
	 */
	RECORD_HAS_MORE = 1 << 6,
};

/* call(fd, buffer, asked[, message_flags]) on an established connection, with nothing to tell but
 * its result. It began since_ns after time_ns of the block, or after the completion of the last
 * transfer or event before it in the block, or time_ns of a RECORD_THREAD, whichever stands last;
 * and took duration_ns. behind: the first bytes moved, as many as result and the header's
 * data_bytes allow, beyond 12 if they are more; or, without RECORD_HAS_BYTES, the buffer's address
 * in its first 8 bytes.
 *
 * Behind the last record of a block, where the head is 0: a call whose effect is a read or a write
 * is one that the thread is in. Good in it are fd, call, message_flags, since_ns, serial, asked and
 * the buffer's address; call is stored last. Anything else is of a record that was not finished. */
struct record_transfer {
	struct record_head head;
	uint16_t fd;
	uint8_t call;          /* its number */
	uint8_t message_flags; /* enum record_message_flags */
	uint32_t since_ns;
	uint32_t duration_ns;
	uint32_t serial; /* of the connection */
	uint32_t asked;
	int32_t result; /* bytes, or -errno */
	uint8_t bytes[12];
};

/* MSG_* of recv and send, of those that an ordinary transfer may have. */
enum record_message_flags {
	RECORD_MSG_DONTWAIT = 1 << 0,
	RECORD_MSG_NOSIGNAL = 1 << 1,
	RECORD_MSG_WAITALL = 1 << 2,
	RECORD_MSG_MORE = 1 << 3,
};

/* Any event. Behind it: argument_count 64-bit arguments, then sections up to the record's end. */
struct record_event {
	struct record_head head;
	uint16_t call;
	uint8_t argument_count;
	uint8_t has_asked; /* of a poll-like call: what it waits for is known */
	uint64_t time_ns;  /* completion; of one that has not returned: when that was told */
	uint64_t start_ns;
	int64_t result;
	int32_t error;   /* errno, 0 on success */
	uint32_t serial; /* of its one connection, 0: none or several */
	uint8_t role;    /* enum tcpshim_role */
	uint8_t state;   /* enum tcpshim_tcp_state after the call */
	uint8_t padding[6];
};

enum record_section_kind {
	/* struct tcpshim_address local, peer: of serial, from this time on, in all streams; family
	 * 0 where an end is not known; told again as it changes, and now and then in one that wraps
	 */
	RECORD_ENDPOINTS = 1,
	RECORD_ADDRESS,    /* a socket address argument; number: its size in bytes */
	RECORD_VALUE,      /* an option's value, a timeout and the like; number: its size */
	RECORD_LENGTH_OUT, /* number: what the kernel wrote to a length argument; no content */
	RECORD_ASKED,      /* uint64_t total, struct tcpshim_watch[number] */
	RECORD_READY,      /* the same: what the wait returned */
	RECORD_DATA,       /* uint64_t total moved, then its first number bytes, 0 or more */
	RECORD_SUBJECT,    /* struct record_subject, then one 64-bit value a bit of facts */
	RECORD_LEFT_OUT,   /* number: connections whose notes found no room; no content */
	RECORD_STACK,      /* uint64_t return addresses[number], the innermost first */
	RECORD_MORE_NOTES, /* uint64_t[number]: further notes of the RECORD_SUBJECT just before it; bit
			      n of the first is row 64 + n of the table of notes */
};

/* They go on to the record's end, or the first whose size is below 8. */
struct record_section {
	uint16_t size; /* of the whole section, a multiple of 8 */
	uint16_t kind; /* enum record_section_kind */
	uint32_t number;
};

/* The notes of one connection. */
struct record_subject {
	uint64_t notes; /* bit n: row n of the table of notes */
	uint64_t facts; /* bit n: row n of the table of facts has a value here; all others are 0 */
	struct tcpshim_address local, peer;
};

/* One at the start of a stream that wraps belongs to an event that was overwritten. */
struct record_more {
	struct record_head head; /* RECORD_HAS_MORE: and further ones */
	uint32_t number;         /* bytes that follow */
};

struct record_thread {
	struct record_head head;
	int32_t tid;
	uint32_t thread_number;
	uint32_t padding;
	uint64_t previous_ns;
	uint64_t time_ns; /* what the next record's since_ns counts from */
};

struct record_clock {
	struct record_head head;
	uint32_t padding;
	uint64_t time_ns;
	int64_t realtime_offset_ns;
};

struct record_line {
	struct record_head head;
	uint32_t number; /* bytes that follow, with the line's end */
	uint64_t time_ns;
};

/* Addresses from start to below end are the file's bytes from offset on; its path follows,
 * zero-terminated. */
struct record_module {
	struct record_head head;
	uint32_t number; /* bytes of the path, with its zero */
	uint64_t start, end, offset;
};

_Static_assert(sizeof(struct record_current) == 72 && sizeof(struct record_block) == 112 &&
		       sizeof(struct record_transfer) == 40 && sizeof(struct record_event) == 48 &&
		       sizeof(struct record_subject) == 64 &&
		       sizeof(struct tcpshim_address) == 24 && sizeof(struct tcpshim_watch) == 16 &&
		       sizeof(struct record_module) == 32,
	       "the same on every machine");

#endif
