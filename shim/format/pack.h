/*
 * pack: events as the records of a recording (tcpshim/record.h).
 *
 * Pure: writes to memory that the caller owns, and no more than it has room for; the 4 bytes of
 * each record's head are left to the caller, who stores them last.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5; the
 * event's pointers must be readable (I4 is the business of whoever filled it).
 */
#ifndef FORMAT_PACK_H
#define FORMAT_PACK_H

#include "tcpshim/record.h"

/* The first size that is a multiple of 8. */
static inline size_t pack_round(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Of a payload, so much stands in the event's own record; the rest follows in RECORD_MORE. */
enum { PACK_DATA_BYTES = 4096 };

/* A RECORD_EVENT at to, with as much payload as data_bytes and PACK_DATA_BYTES allow.
 * has_endpoints: with the addresses of its connection. Returns the record's size, 0 if room bytes
 * are not enough. */
size_t pack_event(void *to, size_t room, const struct tcpshim_event *event, uint64_t data_bytes,
		  bool has_endpoints);

/* A RECORD_MORE with the payload from byte from on, up to byte end or as far as there is room.
 * Returns its size, 0 if there is room for none; *packed: how many bytes of the payload are in it.
 */
size_t pack_more(void *to, size_t room, const struct tcpshim_event *event, uint64_t from,
		 uint64_t end, uint64_t *packed);

/* The tables of names. Returns their size, 0 if room bytes are not enough. */
size_t pack_names(void *to, size_t room);

#endif
