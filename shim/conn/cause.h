/*
 * ending: how a connection died: reset or timed out, and by which timer.
 *
 * Pure. Part of annotate, apart because it is the part that has to weigh evidence: the kernel does
 * not always tell two causes apart, and then neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CONN_CAUSE_H
#define CONN_CAUSE_H

#include "conn/evidence.h"

/* CAUSE_NONE unless this step is the one in which the connection is found dead. */
enum cause cause_find(const struct evidence *evidence);

#endif
