/*
 * children: finds out whether this process may have a child, which would share the descriptors that
 * it inherited.
 *
 * Children made by posix_spawn and vfork are not seen, so the kernel is asked. The time it takes to
 * answer grows with the number of children and threads of the process. A slow answer is reused for
 * CHILDREN_REST times as long as it took, so that asking never takes more than about 1.5 % of the
 * time. A fork that process_note_fork counts changes the answer to "maybe" at once. Known holes: a
 * child made by posix_spawn or vfork while an earlier answer is reused, in a process in which
 * asking takes more than CHILDREN_QUICK_NS; and a grandchild whose parent has ended.
 * Context: any thread with its guard up, signal handler, after fork. Locks: none. Errno: untouched.
 * Keeps I5, I10. Units: nanoseconds.
 */
#ifndef GUEST_CHILDREN_H
#define GUEST_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

/* An answer that took less than this is not reused. */
#define CHILDREN_QUICK_NS UINT64_C(4000)
#define CHILDREN_REST 64

enum children_answer { CHILDREN_NONE, CHILDREN_MAYBE, CHILDREN_UNKNOWN };

/* Packs an answer of the kernel into one word: the answer, the number of forks of the process
 * before it was asked, and the time until which it is reused. Returns 0 if it is not to be
 * reused. */
uint64_t children_word(bool has_any, uint32_t forks, uint64_t now_ns, uint64_t took_ns);

/* Returns the answer of a word at now_ns. CHILDREN_UNKNOWN: the kernel has to be asked. */
enum children_answer children_read(uint64_t word, uint32_t forks, uint64_t now_ns);

/* Returns whether this process may have a child that is alive or not yet waited for. */
bool children_may_exist(void);

#endif
