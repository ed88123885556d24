/*
 * restriction: which system calls seccomp leaves to this process.
 *
 * A system call that a filter forbids may end the process, so whatever asks the kernel for more
 * than the program itself does asks here first. Owns the restriction in force. It only grows,
 * except where the filter that the program asked for was refused.
 * Context: restriction_detect in the constructor; the rest any thread, signal handler, after fork.
 * Locks: none. Errno: untouched. Keeps I5, I8.
 */
#ifndef SYS_RESTRICTION_H
#define SYS_RESTRICTION_H

#include <stdbool.h>

/* Each level includes the limits of those before it. */
enum restriction {
	RESTRICTION_NONE,
	/* A filter was installed before the program was started, by systemd or a container manager.
	 * What it allows is not known: of the system calls that the program does not make itself,
	 * only those are used that the usual lists allow. No ioctl, and none for signals, threads
	 * or children. */
	RESTRICTION_INHERITED,
	/* The program is about to install a filter: only write, mmap, munmap, close, getpid, gettid
	 * and the clock. */
	RESTRICTION_FILTER,
	/* SECCOMP_SET_MODE_STRICT: write and the coarse clocks only. */
	RESTRICTION_STRICT
};

/* Finds out whether a filter was inherited. In the constructor, before anything else is asked of
 * the kernel and before any message is written. */
void restriction_detect(void);

/* Puts the restriction in force before the program's filter is, since one forbidden call would end
 * the process. Returns the one before. */
enum restriction restriction_set(enum restriction restriction);

/* Whether the restriction is at least as strong as the one named. */
bool restriction_is_inherited(void);
bool restriction_is_filter(void);
bool restriction_is_strict(void);

#endif
