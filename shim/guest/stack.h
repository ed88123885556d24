/*
 * stack: captures the call stack of a thread, by libunwind.
 *
 * libunwind is loaded only if stacks are requested, into a link-map scope of its own, and without
 * its caches, which take locks. It is loaded at the first traced call, as a rule the program's
 * first socket(), because libc is not ready for it earlier. It runs on a stack of the library's
 * own, with all signals blocked, so that a small stack of the program is enough. The pipe that it
 * creates to check whether memory can be read is moved to high descriptors; if these no longer
 * refer to that pipe, no more stacks are captured. Known holes: finding a function's table
 * (dl_iterate_phdr) takes the loader's lock. That may wait forever in the child of a fork during
 * another thread's dlopen, and in a program whose very first traced call is made by a signal
 * handler that interrupted malloc.
 * Context: with the guard up; stack_made_pipe anywhere. Locks: the loader's. Errno: changed. Keeps
 * I5 except for that lock, I7, I8.
 */
#ifndef GUEST_STACK_H
#define GUEST_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/thread.h"

/* Loads libunwind, once. Prints one line if it cannot be loaded. */
void stack_prepare(void);

/* Moves a new pipe to high descriptors if libunwind created it in this thread. fds receives the new
 * numbers. */
void stack_made_pipe(int fds[2]);

/* Captures up to most return addresses of the area's thread, the innermost first, without the
 * library's own functions. Returns how many. */
uint32_t stack_capture(struct area *area, uint64_t *frames, uint32_t most);

#endif
