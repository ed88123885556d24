/*
 * stack: the call stack of a thread, by libunwind.
 *
 * libunwind is loaded only where stacks are asked for, into a scope of its own, and without its
 * caches, which take locks. It walks on a stack of ours, with all signals held back, so that a
 * program's small stack is enough. It opens a pipe, by which it tells whether memory can be read:
 * the pipe is made to lie at high numbers, and as soon as those are no longer that pipe no stack is
 * captured any more.
 * A known hole: the loader's lock is taken to find a function's table (dl_iterate_phdr): in the
 * child of a fork that another thread's dlopen was caught in, that may wait for ever.
 * Context: stack_start in the constructor; stack_capture with the guard up and signals held back.
 * Locks: the loader's. Errno: changed. Keeps I5 but for that lock, I7, I8.
 */
#ifndef CORE_STACK_H
#define CORE_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/thread.h"

/* False, and one line said: libunwind is not there. */
bool stack_start(void);

/* The return addresses of the area's thread, the innermost first, without the library's own
 * functions; returns how many. */
uint32_t stack_capture(struct area *area, uint64_t *frames, uint32_t most);

#endif
