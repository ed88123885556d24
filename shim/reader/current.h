/*
 * current: what is true of the calls that threads are in (merge_next_current).
 *
 * Context: the command. Locks: none.
 */
#ifndef READER_CURRENT_H
#define READER_CURRENT_H

#include "reader/kernel.h"
#include "reader/merge.h"

/* Adds to a call that has not returned the notes that are known to be true of it (hanging.h).
 * table: the sockets of its process's network namespace; NULL if the kernel was not asked. Called
 * after reader_find_end. */
void current_find_notes(struct item *item, const struct kernel_table *table);

#endif
