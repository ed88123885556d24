/*
 * unwind: provides the functions of libgcc_s that the compiler's cleanups need, without linking to
 * it.
 *
 * A root file system may have no libgcc_s.so.1, and then a library that needs it keeps every
 * program there from starting. unwind.c defines, for this library only, the two functions that the
 * compiler calls for a frame with a cleanup. They find the real ones while a thread is unwound: by
 * then the code that unwinds has loaded libgcc_s. If it has not, cleanups are skipped, and nothing
 * is ended.
 * Context: unwind_find in any thread, not in a signal handler. Locks: the dynamic linker's. Errno:
 * may change. Keeps I8.
 */
#ifndef GUEST_UNWIND_H
#define GUEST_UNWIND_H

/* Finds the real functions before a thread can be unwound, and loads libgcc_s for that: the thread
 * may be interrupted at a point where the dynamic linker must not be called. */
void unwind_find(void);

#endif
