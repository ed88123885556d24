/*
 * unpack: the records of a recording (tcpshim/record.h) as events.
 *
 * Pure. Trusts nothing: whatever the bytes, nothing outside of them is read, and what does not fit
 * is refused. The numbers of another version's calls, notes and facts are found by their names.
 * Context: anywhere. Locks: none. Errno: untouched.
 */
#ifndef FORMAT_UNPACK_H
#define FORMAT_UNPACK_H

#include "tcpshim/record.h"

/* Most rows that a file's tables may have. */
enum { UNPACK_CALLS = 512, UNPACK_NOTES = 1024, UNPACK_FACTS = 64, UNPACK_UNKNOWN = 0xffff };

/* What the file's numbers are here; UNPACK_UNKNOWN: this version has no such thing. */
struct unpack_names {
	uint16_t calls[UNPACK_CALLS], notes[UNPACK_NOTES], facts[UNPACK_FACTS];
};

/* Reads the tables of names; false where they are damaged. */
bool unpack_names(struct unpack_names *names, const void *bytes, size_t size);

/* An event made of a record. Its pointers lead into the record and into this. */
struct unpacked {
	struct tcpshim_event event;
	struct iovec data;
	uint64_t stored_bytes;  /* of the payload, in this record */
	bool is_plain;          /* it was made of a transfer */
	unsigned unknown_notes; /* notes that this version does not know */
	uint64_t stack[EVENT_FRAMES];
};

/* The record begins at bytes and is size bytes long, as its head says. False: it is damaged, or of
 * a call that is not known (*is_unknown_call). What the record does not tell is zero. */
bool unpack_event(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		  size_t size, bool *is_unknown_call);

/* The same; previous_ns: completion of the record before it. is_in_call: its call has not returned
 * (the head's size is 0, and size is what there is). */
bool unpack_transfer(struct unpacked *to, const struct unpack_names *names, const void *bytes,
		     size_t size, uint64_t previous_ns, bool is_in_call);

/* The call that a thread is in, from its block's header. */
bool unpack_current(struct unpacked *to, const struct unpack_names *names,
		    const struct record_current *current);

#endif
