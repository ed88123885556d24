/*
 * annotate: what one call meant for its connection.
 *
 * Pure: the connection before and after the call, and what the call did, in; notes and the numbers
 * they stand on, out. Each note has one predicate, is_<name>(), in the order of notes.def. A note
 * states what the evidence supports and no more: where the kernel does not tell two causes apart,
 * neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5, I10.
 */
#ifndef CORE_ANNOTATE_H
#define CORE_ANNOTATE_H

#include "core/conn.h"

#define NOTE_BIT(name) (UINT64_C(1) << NOTE_##name)

/* A peer not heard for this long counts as silent. */
#define SILENCE_NS UINT64_C(5000000000)
/* A wait this long is worth telling; "(sleeping...)" stands from here on. */
#define LONG_WAIT_NS UINT64_C(1000000000)

/* Returns the set of notes (bits NOTE_x) and fills facts. */
uint64_t annotate(const struct conn_view *before, const struct conn_view *after,
		  const struct conn_step *step, struct tcpshim_facts *facts);

/* False: the step is an ordinary transfer that no note can follow from, so annotate need not be
 * asked. */
bool annotate_is_worth_asking(const struct conn *conn, const struct conn_step *step);

/* Notes that a connection is given once. */
extern const uint64_t annotate_once;

/* Notes given before that this step makes possible again. */
uint64_t annotate_again(const struct conn_view *after, const struct conn_step *step);

#endif
