/*
 * export: what every wrapper needs, and what makes a function of ours the program's.
 *
 * The files of this folder are the only ones that define libc names. Each wrapper has the same
 * shape: check whether the call is watched (no: tail-call the real function), enter, arguments,
 * before_call, the real call with nothing held (I1), after_call.
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

#endif
