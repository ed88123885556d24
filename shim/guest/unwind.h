/*
 * unwind: what the compiler's cleanups need of libgcc_s, without linking to it.
 *
 * A root may have no libgcc_s.so.1, and a library that needs it keeps every program there from
 * starting. unwind.c defines, for this library alone, the two functions that the compiler calls
 * for a frame with a cleanup, and finds the real ones when a thread is unwound: by then whoever
 * unwinds has loaded libgcc_s. If it has not, cleanups are skipped; nothing is ended.
 * Context: unwind_find in any thread, not in a signal handler. Locks: the dynamic linker's.
 * Errno: may change.
 */
#ifndef GUEST_UNWIND_H
#define GUEST_UNWIND_H

/* Finds the real functions before a thread can be unwound, and loads libgcc_s for that: the
 * thread may be interrupted where the dynamic linker must not be called. */
void unwind_find(void);

#endif
