/*
 * aside: work that opens files, without the numbers of its descriptors being seen.
 *
 * A new descriptor gets the lowest free number. For that moment another thread of the program,
 * which still writes to a number that it has closed, would write into a file of ours. So in a
 * process with several threads the work is done by a thread of the library's own, which has a table
 * of descriptors of its own; the calling thread waits. It has no thread-local storage of its own
 * but uses the caller's. Where no thread can be made, the caller does the work itself.
 * Context: any thread with its guard up, after fork; not in quiet mode. Locks: none. Errno:
 * untouched. Keeps I3, I5, I7, I8.
 */
#ifndef SYS_ASIDE_H
#define SYS_ASIDE_H

/* Does the work, and returns when it is done, with all signals held back meanwhile. It may open,
 * map and close files, and not use the program's descriptors: they may not be there. */
void aside_run(void (*work)(void *argument), void *argument);

#endif
