/*
 * facts: the tables of calls and notes as C objects, and a note's text with its numbers filled in.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_FACTS_H
#define FORMAT_FACTS_H

#include "format/strbuf.h"
#include "tcpshim/event.h"

struct call_row {
	const char *symbol, *shown, *group;
	uint8_t effect; /* enum tcpshim_effect */
	uint8_t kinds[EVENT_ARGUMENTS];
};
extern const struct call_row call_rows[CALL_COUNT];

struct note_row {
	const char *id, *text, *explanation;
	uint8_t severity; /* enum tcpshim_severity */
};
extern const struct note_row note_rows[NOTE_COUNT];

/* Appends the note's text, each {name} replaced by that fact. A name that no fact has is left as it
 * is: the unit tests look for braces. */
void facts_expand(struct strbuf *buf, const char *text, const struct tcpshim_facts *facts);

/* "10.88.88.140:8080", "[2001:db8::1]:443"; "?" when the family is not known. */
void facts_address(struct strbuf *buf, const struct tcpshim_address *address);
/* The same from a struct sockaddr of size bytes, of any family; false if it is none that can be
 * printed. */
bool facts_sockaddr(struct strbuf *buf, const void *address, uint32_t size);
/* Reads AF_INET and AF_INET6; v4-mapped addresses become IPv4 (RFC 4291, 2.5.5.2). False: another
 * family. */
bool facts_read_sockaddr(struct tcpshim_address *to, const void *address, uint32_t size);

#endif
