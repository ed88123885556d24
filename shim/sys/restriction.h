/*
 * restriction: which system calls seccomp allows this process.
 *
 * A system call that a filter forbids may end the process. So code that makes a system call which
 * the program did not ask for checks here first. Owns the restriction in force. It only becomes
 * stricter, except if the kernel refused the filter that the program asked for.
 * Context: restriction_detect in the constructor; the rest any thread, signal handler, after fork.
 * Locks: none. Errno: untouched. Keeps I5, I8.
 */
#ifndef SYS_RESTRICTION_H
#define SYS_RESTRICTION_H

#include <stdbool.h>

/* Each level includes the limits of the levels before it. */
enum restriction {
	RESTRICTION_NONE,
	/* A filter was installed before the program started, by systemd or a container manager. It
	 * is not known what it allows. Of the system calls that the program does not make itself,
	 * the library uses only those that common filters allow: no ioctl, and none for signals,
	 * threads or children. */
	RESTRICTION_INHERITED,
	/* The program is about to install a filter. The library uses only write, mmap, munmap,
	 * close, getpid, gettid and the clock. */
	RESTRICTION_FILTER,
	/* SECCOMP_SET_MODE_STRICT: only write and the coarse clocks. */
	RESTRICTION_STRICT
};

/* Detects whether a filter was inherited. Called in the constructor, before any other system call
 * and before any message is written. */
void restriction_detect(void);

/* Sets the restriction. Called before the program's filter is installed, because one forbidden call
 * would end the process. Returns the previous restriction. */
enum restriction restriction_set(enum restriction restriction);

/* Return whether the restriction is at least as strict as the one named. */
bool restriction_is_inherited(void);
bool restriction_is_filter(void);
bool restriction_is_strict(void);

#endif
