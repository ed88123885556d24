/*
 * lockdown: prepares the library for a seccomp filter that the program is about to install.
 *
 * Context: any thread, signal handler. Locks: none. Errno: untouched. Keeps I5, I8.
 */
#ifndef TRACE_LOCKDOWN_H
#define TRACE_LOCKDOWN_H

#include "sys/restriction.h"

/* Sets the restriction, before the program's filter is installed, and does now what this thread
 * will need from the kernel. Returns the previous restriction. */
enum restriction lockdown_begin(enum restriction restriction);

/* Must be called after the kernel has answered. is_installed: it has taken the filter; the first
 * time, the trace says so. Otherwise sets the restriction that was in force before. */
void lockdown_end(enum restriction before, bool is_installed);

#endif
