/*
 * facts: the tables of calls and notes as C objects, and a note's text with its numbers filled in.
 *
 * Pure. Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_FACTS_H
#define FORMAT_FACTS_H

#include <errno.h>

#include "format/strbuf.h"
#include "tcpshim/event.h"

struct call_row {
	const char *symbol, *shown, *group;
	uint8_t effect; /* enum tcpshim_effect */
	uint8_t kinds[EVENT_ARGUMENTS];
};
extern const struct call_row call_rows[CALL_COUNT];

struct note_row {
	const char *name, *id, *text, *explanation;
	uint8_t severity; /* enum tcpshim_severity */
};
extern const struct note_row note_rows[NOTE_COUNT];

/* Several rows may be of one name: variants of a note, or symbols of one call. Returns the first
 * row of the name that this row has. */
unsigned facts_first_call(unsigned call);
unsigned facts_first_note(unsigned note);

/* Returns whether an error only means that the call did not wait, or was interrupted: such a call
 * has not failed, it is made again. */
static inline bool facts_is_would_block(int error)
{
	return error == EAGAIN || error == EINPROGRESS || error == EALREADY || error == EINTR;
}

/* How a severity is written: "warn", the mark before a note, and the colour of a note (ECMA-48). */
struct severity_row {
	const char *word, *mark, *colour;
};
extern const struct severity_row severity_rows[SEVERITY_NONE];

/* The fields of struct tcpshim_facts that are numbers, in the order of facts.def. */
enum fact_number {
#define FACT(type, field, ...) FACT_NUMBER_##field,
#include "tcpshim/facts.def"
#undef FACT
	FACT_FIELDS
};
_Static_assert(FACT_FIELDS <= 64, "a set of facts is one 64-bit word");

struct fact_field {
	const char *name;
	uint16_t offset;
	uint8_t size; /* bytes */
	bool is_signed;
};
extern const struct fact_field fact_fields[FACT_FIELDS];

/* Returns the value of a field; an unsigned one may be above INT64_MAX. */
int64_t facts_value(const struct tcpshim_facts *facts, unsigned fact);
void facts_set(struct tcpshim_facts *facts, unsigned fact, uint64_t value);

/* Appends a note's text with each {name} replaced by that fact. A name that no fact has is left as
 * it is, which the unit tests look for. */
void facts_expand(struct strbuf *buf, const char *text, const struct tcpshim_facts *facts);

/* The facts that a note's text names, as values. */
struct facts_values {
	uint64_t numbers; /* bit n: fact_fields[n] */
	bool has_before, has_now, has_local, has_peer, has_option, has_error, has_fin;
};
void facts_in(const char *text, struct facts_values *values);

/* Returns the age of the peer's FIN, and *time: what is known of it. Recordings of earlier versions
 * know only when it was seen. */
uint64_t facts_fin_age_ns(const struct tcpshim_facts *facts, enum tcpshim_fin_time *time);

/* The address alone: "10.88.88.140", "2001:db8::1", "fe80::1%2". */
void facts_ip(struct strbuf *buf, const struct tcpshim_address *address);
/* "10.88.88.140:8080", "[2001:db8::1]:443"; "?" when the family is not known. */
void facts_address(struct strbuf *buf, const struct tcpshim_address *address);
/* Appends a struct sockaddr of size bytes, of any family; false if it cannot be printed. */
bool facts_sockaddr(struct strbuf *buf, const void *address, uint32_t size);
/* Reads AF_INET and AF_INET6; v4-mapped addresses become IPv4 (RFC 4291, 2.5.5.2). False: another
 * family. */
bool facts_read_sockaddr(struct tcpshim_address *to, const void *address, uint32_t size);

#endif
