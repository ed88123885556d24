/*
 * export: what makes a function of ours the program's.
 *
 * The files of this folder are the only ones that define libc names. Each wrapper has the same
 * shape: is the call watched, no: the real one at once; its arguments; the real call, with nothing
 * held; the way out.
 */
#ifndef INTERPOSE_EXPORT_H
#define INTERPOSE_EXPORT_H

#include "core/call.h"
#include "core/real.h"

#define EXPORT __attribute__((visibility("default")))

#endif
