/*
 * annotate: what one call meant for its connection.
 *
 * Pure: the connection before and after the call, and what the call did, in; notes and the numbers
 * they stand on, out. Each note has one predicate, is_<name>(), in the order of notes.def. A note
 * states what the evidence supports and no more: where the kernel does not tell two causes apart,
 * neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I10.
 */
#ifndef CONN_NOTES_H
#define CONN_NOTES_H

#include "conn/evidence.h"

/* Returns the set of notes (bits NOTE_x) and fills facts. */
uint64_t notes_find(const struct conn_view *before, const struct conn_view *after,
		    const struct conn_step *step, struct tcpshim_facts *facts);

/* False: the step is an ordinary transfer that no note can follow from, so annotate need not be
 * asked. */
bool notes_are_possible(const struct conn *conn, const struct conn_step *step);

/* Notes that a connection is given once. */
extern const uint64_t notes_given_once;

/* Notes given before that this step makes possible again. */
uint64_t notes_repeatable(const struct conn_view *after, const struct conn_step *step);

#endif
