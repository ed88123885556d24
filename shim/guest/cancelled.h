/*
 * cancelled: puts right what a real call holds when its thread is cancelled, in musl.
 *
 * glibc unwinds a cancelled thread, so the cleanups of the wrappers run. musl does not: it calls
 * what _pthread_cleanup_push has registered. The calls that hold something (I1) therefore register
 * a function for the time of the real call. In glibc nothing is registered.
 * A handler may leave the call by siglongjmp. The entry then stays in musl's list. It is in
 * thread-local storage, so it may be called as long as the thread exists. Known hole: calls of the
 * thread after such a jump, and those of a handler during a registered call, are not registered.
 * Context: cancelled_start in the constructor; the rest in any thread, signal handler, after fork.
 * Locks: none. Errno: untouched. Keeps I1, I5.
 */
#ifndef GUEST_CANCELLED_H
#define GUEST_CANCELLED_H

#include <stdbool.h>
#include <stdint.h>

void cancelled_start(void);

/* Registers a function that is called with what is held if the thread is cancelled, or ends by
 * pthread_exit, before cancelled_forget. Returns whether it was registered: only then
 * cancelled_forget must be called. */
bool cancelled_register(void (*put_right)(uint64_t held), uint64_t held);
void cancelled_forget(void);

#endif
