/*
 * stamp: times of day as text, in UTC, without time zone files, locale or locks.
 *
 * Pure. realtime_ns: CLOCK_REALTIME, not before 1970.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_STAMP_H
#define FORMAT_STAMP_H

#include "format/strbuf.h"

/* "Base time stamp:  1464310447.6295  [ Fri May 27 00:54:07 UTC 2016 ]" and a newline. */
void stamp_base_line(struct strbuf *buf, int64_t realtime_ns);

/* RFC 3339 with microseconds: "2016-05-27T00:54:07.629512Z". */
void stamp_utc(struct strbuf *buf, int64_t realtime_ns);
/* The same with nanoseconds. */
void stamp_utc_ns(struct strbuf *buf, int64_t realtime_ns);

/* The time of day for a file's name, in UTC to the microsecond: 20261125T082600.123456Z. */
void stamp_compact(struct strbuf *buf, int64_t realtime_ns);

#endif
