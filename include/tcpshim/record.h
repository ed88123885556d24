/*
 * tcpshim/record.h: the format of a recording, and all that is needed to read one.
 *
 * One file per process. It is written through a shared mapping while the program runs, so what was
 * written survives any end of the process, SIGKILL too. Numbers are little-endian. The structures
 * are in the file as they are declared here; all padding is named. A reader must not trust any
 * number in the file.
 *
 *     0                  struct record_header
 *     names_offset       the names: tables of calls, notes and facts (below)
 *     header_bytes       block 0, then block 1 and so on, block_bytes each
 *
 * The file has its full size from the start, with holes where nothing has been written. If the file
 * ends early, or a block is all zeros, the writer had not come so far.
 *
 * BLOCKS. A block begins with struct record_block. sequence is 0 while the block is empty or about
 * to be used again; otherwise it is a number that grows with every block that is taken. A reader
 * that copies a block while the file is being written compares sequence before and after. Each
 * block is written by one thread at a time. Blocks with the same stream belong together: the
 * records of a stream are in order, block after block as sequence grows.
 *
 * RECORDS. The first record follows the block's header, and each other record follows the one
 * before it. A record begins with struct record_head, which holds the size of the whole record, a
 * multiple of 8. The first size that is below 8 or reaches beyond the block ends the records of the
 * block. The 4 bytes of the head are stored last, so a record that was not completed has no size
 * and does not count. The bytes after the last record may be left from an earlier use of the block.
 * A reader skips records whose kind it does not know.
 *
 * AN EXAMPLE. A block of stream 1 whose header has time_ns 5000, and the records at offset 112:
 *
 *     112  28 00 01 80   size 40, RECORD_TRANSFER, RECORD_HAS_BYTES
 *     116  07 00 1a 00   fd 7, call 26 (read, by the table of calls), no message flags
 *     120  since_ns 100, duration_ns 20, serial 3, asked 64, result 5, "hello", 7 unused bytes
 *     152  00 00 00 00   no record
 *
 * This is read(7, "hello", 64) = 5 on connection 3. It began at 5100 and ended at 5120.
 *
 * TIME is CLOCK_MONOTONIC in nanoseconds. Streams are merged by the completion of their events;
 * events of equal times are in no particular order. The time of day of an instant is that instant
 * plus an offset: the one in the header, or after a RECORD_CLOCK, in any stream, the one in that
 * record.
 *
 * THE CALL THAT A THREAD IS IN is in the last block of its stream, also after the process was
 * killed. For an ordinary read or write it is after the last record (struct record_transfer). For
 * any other call it is in the block's header (struct record_current), where sequence is odd while
 * it is being written. If both are there, the one that began later counts. It does not count if the
 * stream has a record of a completed call with the same start. The thread is that of the last
 * RECORD_THREAD of the block, or else of its header.
 *
 * NAMES. The numbers of calls, notes and facts are those of the version that wrote the file; three
 * tables, one after the other, give their names. Nothing in them is aligned. A table is a 32-bit
 * count and as many rows. A row is two bytes and zero-terminated strings:
 *
 *   - calls: effect (enum tcpshim_effect), number of arguments; the name shown; and then one byte
 *     per argument, its kind (enum tcpshim_argument_kind, event.h)
 *   - notes: severity (enum tcpshim_severity), 0; the note's name; its id
 *   - facts: 1 if signed, 0; the field's name, which ends with its unit (_ns, _bytes)
 *
 * ATTRIBUTES, of the process and its machine, are strings "name=value", each ended by a zero, with
 * an empty string after the last: host.name, host.boot.id, container.id, process.linux.cgroup,
 * process.creation.time (RFC 3339) and the user's tags.
 *
 * Data only: no functions.
 */
#ifndef TCPSHIM_RECORD_H
#define TCPSHIM_RECORD_H

#include <stdint.h>

#include "tcpshim/event.h"

#define RECORD_MAGIC "TCPSHIM\n" /* 8 bytes, without the zero */

enum {
	RECORD_VERSION = 1, /* changes if old readers cannot read the format any more */
	RECORD_BLOCK_BYTES = 32768,
	RECORD_HEADER_BYTES = 32768,
	RECORD_PROGRAM_BYTES = 64,
	RECORD_PATH_BYTES = 1024,
	RECORD_BOOT_BYTES = 40,
};

enum record_header_flags {
	RECORD_WRAPS = 1 << 0, /* when full, the oldest blocks are used again */
	/* text was written too: the flags of the events tell which prefixes it had */
	RECORD_HAS_TEXT = 1 << 1,
	/* calls that open, use or close a connection are left out (TCPSHIM_TRACE) */
	RECORD_IS_SELECTED = 1 << 2,
};

/* RECORD_NOT_ENDED: the process runs, was killed, or became another program by exec. */
enum record_end { RECORD_NOT_ENDED, RECORD_ENDED };

struct record_header {
	char magic[8];
	uint16_t version;
	uint16_t padding_0;
	uint32_t header_bytes;
	uint32_t block_bytes;
	uint32_t block_count; /* the most that there can be */
	uint32_t flags;       /* enum record_header_flags */
	int32_t pid;
	int32_t parent_pid;
	uint32_t names_offset;
	uint32_t names_bytes;
	uint32_t attributes_bytes;    /* they follow the names; 0 in files of earlier versions */
	uint64_t base_ns;             /* when tracing began: time stamps count from it */
	int64_t realtime_offset_ns;   /* time of day minus CLOCK_MONOTONIC */
	uint64_t data_bytes;          /* the most that is recorded of a call's payload */
	char boot[RECORD_BOOT_BYTES]; /* the boot id: recordings with the same id have one clock */
	char program[RECORD_PROGRAM_BYTES]; /* argv[0] without directories */
	char executable[RECORD_PATH_BYTES]; /* its file */

	/* The fields from here on change while the file is written. */
	uint64_t blocks_taken;       /* in all, each time that a block was used again included */
	uint64_t lost_events;        /* not recorded: no room, or no memory */
	uint64_t overwritten_events; /* recorded, but overwritten since (RECORD_WRAPS) */
	uint64_t nested_calls; /* of signal handlers that interrupted the library: not recorded */
	int32_t lost_error;    /* errno of the last one lost, 0 for a recording that was full */
	uint32_t end;          /* enum record_end: the process ended by exit */
	int32_t exit_status;
	uint32_t padding_2;
	uint64_t end_ns;
};

/* The call that a thread is in. */
struct record_current {
	uint32_t sequence; /* odd while it is being written */
	uint16_t call;     /* its number + 1, 0: none */
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
	uint32_t events;        /* records of transfers and events in this block */
	uint64_t previous_ns;   /* the thread's last event before this block, 0: none */
	uint64_t time_ns;       /* what the first record's since_ns counts from */
	struct record_current current;
};

enum record_kind {
	RECORD_TRANSFER = 1, /* an ordinary read or write: struct record_transfer */
	RECORD_EVENT,        /* any other call: struct record_event */
	RECORD_MORE,   /* more payload of the event before it in the stream: struct record_more */
	RECORD_THREAD, /* the thread of the records after it: struct record_thread */
	RECORD_CLOCK,  /* the time of day was set: struct record_clock */
	RECORD_LINE,   /* a line of text about the trace itself: struct record_line */
	RECORD_MODULE, /* a file mapped with code: struct record_module */
};

struct record_head {
	uint16_t size; /* of the whole record, a multiple of 8 */
	uint8_t kind;  /* enum record_kind */
	uint8_t flags; /* the low 6 bits of enum tcpshim_event_flags; enum record_flags */
};

enum record_flags {
	/* of a transfer: its payload follows; otherwise the address of its buffer does */
	RECORD_HAS_BYTES = 1 << 7,
	/* of an event or a RECORD_MORE: a RECORD_MORE with more of its payload follows */
	RECORD_HAS_MORE = 1 << 6,
};

/* call(fd, buffer, asked[, message_flags]) on an established connection, if its result is all that
 * there is to tell.
 *
 * It began since_ns after the completion of the transfer or event before it in the block, or after
 * time_ns of a RECORD_THREAD if that is later in the block, or after time_ns of the block if there
 * is neither. It took duration_ns. bytes: the first bytes that were moved, as many as result and
 * the header's data_bytes allow. If there are more than 12, they continue after the structure.
 * Without RECORD_HAS_BYTES, the first 8 bytes are the address of the buffer.
 *
 * After the last record of a block, where the head is 0: if call is a read or a write, the thread
 * is in it. Then fd, call, message_flags, since_ns, serial, asked and the buffer's address are
 * valid; call is stored last. If it is any other call, the bytes are the rest of something else. */
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

/* The MSG_* flags of recv and send that an ordinary transfer may have. */
enum record_message_flags {
	RECORD_MSG_DONTWAIT = 1 << 0,
	RECORD_MSG_NOSIGNAL = 1 << 1,
	RECORD_MSG_WAITALL = 1 << 2,
	RECORD_MSG_MORE = 1 << 3,
};

/* Any other call. It is followed by argument_count 64-bit arguments, and then by sections up to the
 * record's end. */
struct record_event {
	struct record_head head;
	uint16_t call;
	uint8_t argument_count;
	uint8_t has_asked; /* of a poll-like call: what it waits for is known */
	uint64_t time_ns;  /* completion; if it has not returned: when it was recorded */
	uint64_t start_ns;
	int64_t result;
	int32_t error;   /* errno, 0 on success */
	uint32_t serial; /* of its connection, 0: none or several */
	uint8_t role;    /* enum tcpshim_role */
	uint8_t state;   /* enum tcpshim_tcp_state after the call */
	uint8_t padding[6];
};

enum record_section_kind {
	/* struct tcpshim_address local, peer: the addresses of the connection, valid from this time
	 * on in all streams. family is 0 where an address is not known. Recorded again when they
	 * change, and repeatedly in a recording that wraps. */
	RECORD_ENDPOINTS = 1,
	RECORD_ADDRESS,    /* a socket address argument; number: its size in bytes */
	RECORD_VALUE,      /* an option's value, a timeout and the like; number: its size */
	RECORD_LENGTH_OUT, /* number: what the kernel wrote to a length argument; no content */
	RECORD_ASKED,      /* uint64_t total, struct tcpshim_watch[number]: what it waits for */
	RECORD_READY,    /* uint64_t total, struct tcpshim_watch[number]: what the wait returned */
	RECORD_DATA,     /* uint64_t total bytes moved, then the first number of them */
	RECORD_SUBJECT,  /* struct record_subject, then one 64-bit value per bit of facts */
	RECORD_LEFT_OUT, /* number: connections whose notes had no room; no content */
	RECORD_STACK,    /* uint64_t return addresses[number], the innermost first */
	RECORD_MORE_NOTES, /* uint64_t[number]: further notes of the RECORD_SUBJECT just before it;
			      bit n of the first is row 64 + n of the table of notes */
	/* uint64_t: SO_COOKIE of the connection's socket. It is the same in all processes that have
	 * the socket, and no other socket's since the machine was booted. Recorded with
	 * RECORD_ENDPOINTS, if it is known. */
	RECORD_COOKIE,
};

/* The sections continue to the end of the record. */
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

/* In a recording that wraps, one without its event belongs to an event that was overwritten. */
struct record_more {
	struct record_head head; /* RECORD_HAS_MORE: another one follows */
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
	uint32_t number; /* bytes that follow, with the newline */
	uint64_t time_ns;
};

/* A file that is mapped with code: its bytes from offset on are at the addresses from start to
 * below end. The path follows, zero-terminated. */
struct record_module {
	struct record_head head;
	uint32_t number; /* bytes of the path, with its zero */
	uint64_t start, end, offset;
};

/* Where uint64_t is aligned to 4 bytes (i386), there is no padding to rely on. */
_Static_assert(sizeof(struct record_header) == 1256 &&
		       offsetof(struct record_header, base_ns) == 48 &&
		       offsetof(struct record_header, blocks_taken) == 1200 &&
		       offsetof(struct record_header, end_ns) == 1248,
	       "the header is the same on every machine");
_Static_assert(sizeof(struct record_current) == 72 && sizeof(struct record_block) == 112 &&
		       sizeof(struct record_transfer) == 40 && sizeof(struct record_event) == 48 &&
		       sizeof(struct record_subject) == 64 &&
		       sizeof(struct tcpshim_address) == 24 && sizeof(struct tcpshim_watch) == 16 &&
		       sizeof(struct record_module) == 32 && sizeof(struct record_more) == 8 &&
		       sizeof(struct record_thread) == 32 && sizeof(struct record_clock) == 24 &&
		       sizeof(struct record_line) == 16 && sizeof(struct record_section) == 8 &&
		       offsetof(struct record_block, current) == 40 &&
		       offsetof(struct record_current, start_ns) == 16 &&
		       offsetof(struct record_event, time_ns) == 8 &&
		       offsetof(struct record_subject, local) == 16,
	       "the same on every machine");

#endif
