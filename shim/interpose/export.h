/*
 * export: what every wrapper needs, and the attribute that makes a function replace libc's.
 *
 * Only the files of this folder define libc names. All wrappers have the same shape: check whether
 * the call is watched (if not, tail-call the real function), enter the call, set its arguments,
 * call before_call, make the real call with nothing held (I1), and return what after_call returns.
 * Context: where the program may call the function. Locks: none. Errno: as the real function sets
 * it. Keeps I1, I3, I9.
 */
#ifndef INTERPOSE_EXPORT_H
#define INTERPOSE_EXPORT_H

#include <errno.h>

#include "guest/process.h"
#include "settings/config.h"
#include "sys/real.h"
#include "trace/after.h"
#include "trace/before.h"
#include "trace/call.h"
#include "trace/closing.h"
#include "trace/descriptor.h"
#include "trace/finish.h"
#include "trace/input.h"
#include "trace/rights.h"
#include "trace/watch.h"

#define EXPORT __attribute__((visibility("default")))

/* For what several names of one function have in common. */
#define SHARED_BODY inline __attribute__((always_inline))

#endif
