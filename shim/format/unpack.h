/*
 * unpack: the records of a recording (tcpshim/record.h) as events.
 *
 * Reads what pack.h writes. Pure. Trusts nothing: whatever the bytes are, nothing outside of them
 * is read, and a function returns false, or 0, if they are damaged. Sizes are in bytes, times in
 * nanoseconds of CLOCK_MONOTONIC.
 * Context: anywhere. Locks: none. Errno: untouched.
 */
#ifndef FORMAT_UNPACK_H
#define FORMAT_UNPACK_H

#include "format/unpack_names.h"
#include "tcpshim/record.h"

/* Reads the head of the record at bytes. size: up to the end of the block. Returns the size of the
 * record, 0 if there is none: the block's records end here. */
size_t unpack_head(struct record_head *head, const void *bytes, size_t size);

/* In all functions below, the record begins at bytes and has size bytes, as unpack_head returns. */

/* An event made of a record. Its pointers lead into the record and into this. */
struct unpacked {
	struct tcpshim_event event;
	struct iovec data;
	uint64_t stored_bytes;  /* of the payload, in this record */
	bool is_plain;          /* it was made of a transfer */
	unsigned unknown_notes; /* notes that this version does not know */
	uint64_t stack[EVENT_FRAMES];
};

/* Reads a RECORD_EVENT. What the record does not hold is zero in the event. *is_unknown_call: the
 * result is false because this version does not know the call. */
bool unpack_event(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		  size_t size, bool *is_unknown_call);

/* Reads a RECORD_TRANSFER. previous_ns: what its since_ns counts from. */
bool unpack_transfer(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		     size_t size, uint64_t previous_ns);

/* Reads an ordinary read or write that the thread is in. bytes: after the last record of a block;
 * size: up to the end of the block. */
bool unpack_pending(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		    size_t size, uint64_t previous_ns);

/* Reads any other call that the thread is in, from the header of a block. */
bool unpack_current(struct unpacked *to, const struct unpack_names *names,
		    const struct record_current *current);

/* Bytes in a record. */
struct unpacked_bytes {
	const char *bytes;
	uint32_t size;
};

/* Reads a RECORD_MORE: a further part of a payload. */
bool unpack_more(struct unpacked_bytes *to, const void *bytes, size_t size);

/* Reads a RECORD_LINE. */
bool unpack_line(struct unpacked_bytes *to, uint64_t *time_ns, const void *bytes, size_t size);

bool unpack_thread(struct record_thread *to, const void *bytes, size_t size);
bool unpack_clock(struct record_clock *to, const void *bytes, size_t size);

/* Reads a RECORD_MODULE. *path: zero-terminated, in the record. */
bool unpack_module(struct record_module *to, const char **path, const void *bytes, size_t size);

#endif
