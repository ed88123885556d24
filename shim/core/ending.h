/*
 * ending: how a connection died: reset or timed out, and by which timer.
 *
 * Pure. Part of annotate, apart because it is the part that has to weigh evidence: the kernel does
 * not always tell two causes apart, and then neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CORE_ENDING_H
#define CORE_ENDING_H

#include "core/scene.h"

/* END_NONE unless this step is the one in which the connection is found dead. */
enum end ending_classify(const struct scene *scene);

#endif
