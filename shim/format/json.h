/*
 * json: the pieces that every JSON object is made of.
 *
 * Pure. Whatever the bytes of a text, what is appended is UTF-8.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

/* Appends one byte of a string, escaped where JSON asks for it. */
void json_escaped(struct strbuf *buf, uint8_t byte);

/* Appends text between quotes, escaped. A byte that is not UTF-8 becomes U+FFFD. */
void json_string(struct strbuf *buf, const char *text, size_t size);

/* Appends "name": with a comma before it, except after an opening bracket. */
void json_name(struct strbuf *buf, const char *name);

/* Append a member: its name and its value. text ends in NUL. */
void json_text(struct strbuf *buf, const char *name, const char *text);
void json_integer(struct strbuf *buf, const char *name, int64_t value);
void json_unsigned(struct strbuf *buf, const char *name, uint64_t value);

/* Appends the name of an errno as a member. */
void json_error(struct strbuf *buf, const char *name, int error);

/* Appends a time of day as RFC 3339 has it, in UTC with nanoseconds, as a member. */
void json_time(struct strbuf *buf, const char *name, int64_t realtime_ns);

/* Appends "process.executable.name": as much of the name as a recording keeps. */
void json_program(struct strbuf *buf, const char *program);

/* Appends "network.WHICH.address" and "network.WHICH.port", nothing if the family is 0. which:
 * "local" or "peer". */
void json_endpoint(struct strbuf *buf, const char *which, const struct tcpshim_address *address);

#endif
