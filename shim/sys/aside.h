/*
 * aside: runs work that opens files on a separate descriptor table.
 *
 * A new descriptor gets the lowest free number. Another thread of the program may still write to a
 * number that it has closed; for the moment that the library has a file open at that number, the
 * write would go into the library's file. So if the process has several threads, a temporary thread
 * with its own descriptor table does the work, and the calling thread waits for it. The temporary
 * thread has no thread-local storage of its own; it uses the caller's. If no thread can be created,
 * the caller does the work itself.
 * Context: any thread with its guard up, after fork; not if restriction_is_filter(). Locks: none.
 * Errno: untouched. Keeps I3, I5, I7, I8.
 */
#ifndef SYS_ASIDE_H
#define SYS_ASIDE_H

/* Runs work(argument) and returns when it has finished. All signals are blocked meanwhile. The work
 * may open, map and close files. It must not use the program's descriptors: the temporary thread
 * may not have them. */
void aside_run(void (*work)(void *argument), void *argument);

#endif
