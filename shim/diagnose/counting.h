/*
 * counting: what the findings are made of: which connections, when, which numbers, which words.
 *
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_COUNTING_H
#define DIAGNOSE_COUNTING_H

#include "diagnose/finding.h"
#include "diagnose/numbers.h"

#define SECONDS(s) (UINT64_C(1000000000) * (s))

/* Returns whether the connection was given this note (enum tcpshim_note). */
bool has_note(const struct ended *ended, unsigned note);

/* Returns whether nothing was left to do when it ended: the server has answered, the client has its
 * answer, and no byte was lost. A client that ends such a connection with a reset does no harm. */
bool is_done(const struct ended *ended);

/* Count a connection: at a time, 0 if it is not known; or at its first warning or error. */
void count_at(struct finding *finding, uint64_t at_ns);
void count_bad(struct finding *finding, const struct ended *ended);

/* Count the call stack of a connection; 0: it has none. COUNT_STACK: that of the first of the
 * notes in a list that has one. */
void count_stack(struct finding *finding, uint32_t stack);
#define COUNT_STACK(finding, ended, list) \
	count_stack(finding, story_stack(&(ended)->story, list, sizeof(list)))

/* Counts the connections that have one of the notes, with its stack. Returns whether there are any.
 */
bool count_notes(const struct group *group, struct finding *finding, const uint8_t *notes,
		 unsigned note_count);
#define COUNT_NOTES(group, finding, list) count_notes(group, finding, list, sizeof(list))

/* Collects a number of each story that has one: COLLECT(group, &numbers, queued_ns). */
void collect(const struct group *group, struct numbers *numbers, size_t offset);
#define COLLECT(group, numbers, field) collect(group, numbers, offsetof(struct story, field))

/* Adds up a wait, and counts the connections that waited for a second or more, with the stack of
 * the notes about it. */
uint64_t sum_waits(const struct group *group, struct finding *finding, size_t offset,
		   const uint8_t *notes, unsigned note_count);
#define SUM_WAITS(group, finding, field, list) \
	sum_waits(group, finding, offsetof(struct story, field), list, sizeof(list))

/* Begin and end the text of what was found. */
struct strbuf what_begin(struct finding *finding);
void what_end(struct finding *finding, const struct strbuf *buf);

void suggest_duration(struct finding *finding, uint64_t ns);

/* Append "3 of 5 connections were", with another verb in the singular;
 * "3 of 5 connections"; "1.2 s" if all are about the same, or "1.0 s to 1.4 s (median 1.2 s)". */
void append_are(struct strbuf *buf, const struct finding *finding, const char *is, const char *are);
void append_of(struct strbuf *buf, const struct finding *finding);
void append_spread(struct strbuf *buf, struct numbers *numbers);

/* Appends ", 12 per minute", with words of its own for the last two, if the finding began to show
 * on several connections in the course of ten seconds or more. */
void append_per_minute(struct strbuf *buf, const struct finding *finding, const char *per_minute);

/* Appends "; 22 bytes written were lost.", or the full stop alone. */
void append_lost(struct strbuf *buf, uint64_t lost_bytes);

#endif
