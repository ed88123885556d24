/*
 * predicate: one function per note, is_NAME(): returns whether the note follows from the evidence.
 *
 * Pure. They are in predicates_opening.c, predicates_waiting.c, predicates_ending.c and
 * predicates_closing.c, in the order of notes.def.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_PREDICATE_H
#define CONN_PREDICATE_H

#include "conn/evidence.h"

#define NOTE(name, ...) bool is_##name(const struct evidence *e);
#include "tcpshim/notes.def"
#undef NOTE

/* Returns whether data waits although the peer's window is open, and none of it has left this
 * machine since the peer was last heard. */
bool is_unsent(const struct tcpinfo *info);

#endif
