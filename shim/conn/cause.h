/*
 * cause: finds out how a connection died: by a reset or a timeout, and by which timer.
 *
 * Pure. A part of the notes, in a file of its own because it has to weigh evidence: if the kernel's
 * data fit two causes, neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_CAUSE_H
#define CONN_CAUSE_H

#include "conn/evidence.h"

/* Returns the cause. CAUSE_NONE unless the connection was found dead in this step. */
enum cause cause_find(const struct evidence *evidence);

#endif
