/*
 * predicates: decide when each note is given.
 *
 * One function per note, is_<name>(), in the order of notes.def. A note states what the evidence
 * supports and no more: if the kernel's data fit two causes, neither is claimed. Pure.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_PREDICATES_H
#define CONN_PREDICATES_H

#include "conn/evidence.h"

/* Indexed by enum tcpshim_note. */
extern bool (*const predicates[NOTE_COUNT])(const struct evidence *evidence);

#endif
