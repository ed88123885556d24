/*
 * pack: events as the records of a recording (tcpshim/record.h).
 *
 * Pure: writes to memory that the caller owns, and no more than it has room for. The 4 bytes of
 * each record's head are left to the caller, who stores them last: they make the record complete.
 * All sizes are in bytes, all times in nanoseconds of CLOCK_MONOTONIC. What is written here is read
 * by unpack.h; no other file knows where the fields of a record are.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5; the
 * event's pointers must be readable (I4 is the business of the one who filled it).
 */
#ifndef FORMAT_PACK_H
#define FORMAT_PACK_H

#include <string.h>
#include <sys/socket.h>

#include "tcpshim/record.h"

/* Rounds a size up to a multiple of 8. */
static inline size_t pack_round(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Copies a record of size bytes to where it will be read, without its head. */
static inline void pack_body(void *to, const void *record, size_t size)
{
	const size_t head = sizeof(struct record_head);

	memcpy((uint8_t *)to + head, (const uint8_t *)record + head, size - head);
}

/* --- RECORD_TRANSFER: an ordinary read or write. --- */

/* The flags that a transfer's record can hold, each with its MSG_* of recv and send. */
struct pack_message_flag {
	uint8_t recorded; /* enum record_message_flags */
	int flag;
};
static const struct pack_message_flag pack_message_flags[] = {
	{RECORD_MSG_DONTWAIT, MSG_DONTWAIT},
	{RECORD_MSG_NOSIGNAL, MSG_NOSIGNAL},
	{RECORD_MSG_WAITALL, MSG_WAITALL},
	{RECORD_MSG_MORE, MSG_MORE},
};
enum {
	PACK_MESSAGE_FLAGS = sizeof(pack_message_flags) / sizeof(pack_message_flags[0]),
	/* All of them: a call with any other flag is recorded as an event. */
	PACK_PLAIN_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL | MSG_MORE,
};

/* Returns the enum record_message_flags of the flags of recv or send, a subset of PACK_PLAIN_FLAGS.
 */
static inline uint8_t pack_flags(int flags)
{
	unsigned recorded = 0;

	for (unsigned i = 0; i < PACK_MESSAGE_FLAGS; i++)
		recorded |= (flags & pack_message_flags[i].flag) ? pack_message_flags[i].recorded
								 : 0U;
	return (uint8_t)recorded;
}

/* What is known of a transfer before the call. */
struct pack_transfer {
	uint16_t fd;
	uint32_t serial;   /* of the connection */
	uint32_t since_ns; /* from the end of the record before it to the call's start */
	uint32_t asked;    /* bytes */
	int flags;         /* of recv and send, a subset of PACK_PLAIN_FLAGS; else 0 */
	const void *buffer;
};

enum {
	PACK_SHORT_BYTES = sizeof(((struct record_transfer *)0)->bytes), /* of payload */
	PACK_TRANSFER_BYTES = sizeof(struct record_transfer), /* a record with no more than that */
};

/* Writes the first half of a transfer's record, before the call. to: where the record will be, with
 * room for PACK_TRANSFER_BYTES. */
static inline void pack_transfer_begin(struct record_transfer *to, const struct pack_transfer *from)
{
	const uint64_t buffer = (uintptr_t)from->buffer;

	to->since_ns = from->since_ns;
	to->serial = from->serial;
	to->asked = from->asked;
	memcpy(to->bytes, &buffer, sizeof(buffer));
	to->fd = from->fd;
	to->message_flags = from->flags != 0 ? pack_flags(from->flags) : 0;
}

/* Marks it as the call that the thread is in, until the record has a head. */
static inline void pack_transfer_mark(struct record_transfer *to, enum tcpshim_call call)
{
	__atomic_store_n(&to->call, (uint8_t)call, __ATOMIC_RELEASE);
}

/* Writes the second half, after the call. result: bytes moved, or -errno. payload: its first count
 * bytes are recorded; if count is 0 the buffer's address stays. Returns the record's size; the
 * caller has checked that there is room for PACK_TRANSFER_BYTES + count. */
static inline size_t pack_transfer_end(struct record_transfer *to, int32_t result,
				       uint32_t duration_ns, const void *payload, size_t count)
{
	to->duration_ns = duration_ns;
	to->result = result;
	if (__builtin_expect(count == PACK_SHORT_BYTES, 1))
		memcpy(to->bytes, payload, PACK_SHORT_BYTES); /* inlined */
	else if (count > 0)
		memcpy(to->bytes, payload, count);
	return count <= PACK_SHORT_BYTES
		       ? PACK_TRANSFER_BYTES
		       : pack_round(offsetof(struct record_transfer, bytes) + count);
}

/* Returns the flags of the head of a transfer's record with count bytes of payload. */
static inline unsigned pack_transfer_flags(size_t count)
{
	return count > 0 ? RECORD_HAS_BYTES : 0U;
}

/* --- RECORD_EVENT: any other call, and RECORD_MORE. --- */

/* Bytes of a payload that the event's own record holds; the rest follows in RECORD_MORE. */
enum { PACK_DATA_BYTES = 4096 };

/* Writes a RECORD_EVENT, with as much payload as data_bytes and PACK_DATA_BYTES allow.
 * has_endpoints: with the addresses of its connection. Returns the record's size, 0 if room bytes
 * are not enough. */
size_t pack_event(void *to, size_t room, const struct tcpshim_event *event, uint64_t data_bytes,
		  bool has_endpoints);

/* Writes a RECORD_MORE with the payload from byte from up to byte end, or as far as there is room.
 * Returns the record's size, 0 if there is room for no payload; *packed: bytes of payload written.
 */
size_t pack_more(void *to, size_t room, const struct tcpshim_event *event, uint64_t from,
		 uint64_t end, uint64_t *packed);

/* --- Records that are about the trace. Each function returns the record's size. --- */

/* Writes a RECORD_CLOCK: since time_ns, the time of day is CLOCK_MONOTONIC plus the offset. */
size_t pack_clock(void *to, uint64_t time_ns, int64_t realtime_offset_ns);

/* Writes a RECORD_LINE of size bytes of text. to has room for pack_line_size(size). */
static inline size_t pack_line_size(size_t size)
{
	return sizeof(struct record_line) + pack_round(size);
}
size_t pack_line(void *to, uint64_t time_ns, const char *line, size_t size);

/* Writes a RECORD_MODULE: the file path is mapped from start to end, beginning with its byte
 * offset. to has room for pack_module_size(path). */
size_t pack_module_size(const char *path);
size_t pack_module(void *to, uint64_t start, uint64_t end, uint64_t offset, const char *path);

/* --- The header. --- */

/* Writes the tables of names. Returns their size, 0 if room bytes are not enough. */
size_t pack_names(void *to, size_t room);

#endif
