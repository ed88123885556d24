/*
 * children: whether this process may have a child, which holds what it inherited.
 *
 * Children made by posix_spawn and vfork are not seen, so the kernel is asked. It answers in a time
 * that grows with the children and threads of the process: where that is long, the answer is used
 * again for CHILDREN_REST times as long, so that asking never takes more than about 1.5 % of the
 * time. A fork that process_note_fork counts changes the answer to "maybe" at once.
 * Known holes: a child made by posix_spawn or vfork while an earlier answer is in use, in a process
 * in which asking takes more than CHILDREN_QUICK_NS; and a grandchild whose parent has ended.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I5, I10.
 */
#ifndef GUEST_CHILDREN_H
#define GUEST_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

/* An answer that took less is not kept. */
#define CHILDREN_QUICK_NS UINT64_C(4000)
#define CHILDREN_REST 64

enum children_answer { CHILDREN_NONE, CHILDREN_MAYBE, CHILDREN_UNKNOWN };

/* Packs an answer of the kernel into one word: what it said, how often the process had forked
 * before it was asked, and the time until which it is used. 0 if it is not to be kept. */
uint64_t children_word(bool has_any, uint32_t forks, uint64_t now_ns, uint64_t took_ns);

/* Returns what a word says at this time. CHILDREN_UNKNOWN: the kernel has to be asked. */
enum children_answer children_read(uint64_t word, uint32_t forks, uint64_t now_ns);

/* Returns whether this process may have a child, alive or not yet waited for. */
bool children_may_exist(void);

#endif
