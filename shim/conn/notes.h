/*
 * notes: finds what one call meant for its connection.
 *
 * Pure. Input: the connection before and after the call, and what the call did. Output: notes, and
 * the numbers that they are based on. Each note has one predicate, is_<name>(), in the order of
 * notes.def. A note states what the evidence supports and no more: if the kernel's data fit two
 * causes, neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I10.
 */
#ifndef CONN_NOTES_H
#define CONN_NOTES_H

#include "conn/evidence.h"

/* Returns the notes that follow from the step, and fills facts. Notes that are given once per
 * connection, and were given before, are left out. */
struct tcpshim_notes notes_find(const struct conn_view *before, const struct conn_view *after,
				const struct conn_step *step, struct tcpshim_facts *facts);

/* Returns false for an ordinary transfer that no note can follow from: notes_find need not be
 * called. */
bool notes_are_possible(const struct conn *conn, const struct conn_step *step);

/* Returns which of the notes are given once per connection, as bits of conn.noted. */
uint64_t notes_given(const struct tcpshim_notes *notes);

/* Returns the notes given before that this step allows again, as bits of conn.noted. */
uint64_t notes_repeatable(const struct conn_view *after, const struct conn_step *step);

#endif
