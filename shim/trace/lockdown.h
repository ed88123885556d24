/*
 * lockdown: what the library does when the program is about to install a seccomp filter.
 *
 * Context: any thread, signal handler. Locks: none. Errno: untouched. Keeps I5, I8.
 */
#ifndef TRACE_LOCKDOWN_H
#define TRACE_LOCKDOWN_H

#include "sys/restriction.h"

/* Puts a restriction in force, before the program's filter is installed: what this thread will need
 * from the kernel is asked for now. Returns the restriction before. */
enum restriction lockdown_begin(enum restriction restriction);

#endif
