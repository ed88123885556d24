/*
 * stack: the call stack of a thread, by libunwind.
 *
 * libunwind is loaded only where stacks are asked for, into a scope of its own, and without its
 * caches, which take locks. That is done at the first traced call, since libc itself is not ready
 * for it before: as a rule that is the program's first socket(). It walks on a stack of ours, with
 * all signals held back, so that a program's small stack is enough. The pipe that it makes to tell
 * whether memory can be read is moved to high numbers; as soon as those are no longer that pipe no
 * stack is captured any more.
 * Known holes: the loader's lock is taken to find a function's table (dl_iterate_phdr): in the
 * child of a fork that another thread's dlopen was caught in, that may wait for ever; and so may a
 * program whose very first traced call is made by a signal handler that interrupted malloc.
 * Context: with the guard up; stack_made_pipe any. Locks: the loader's. Errno: changed. Keeps I5
 * but for that lock, I7, I8.
 */
#ifndef GUEST_STACK_H
#define GUEST_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/thread.h"

/* Loads libunwind, once; one line is said if it is not there. */
void stack_prepare(void);

/* A pipe has been made: libunwind's, if this thread is in it, which then lies elsewhere. */
void stack_made_pipe(int fds[2]);

/* The return addresses of the area's thread, the innermost first, without the library's own
 * functions; returns how many. */
uint32_t stack_capture(struct area *area, uint64_t *frames, uint32_t most);

#endif
