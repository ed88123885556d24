/*
 * real: the functions behind ours, as the next library in the program's scope defines them.
 *
 * real.x is libc's x (or another preloaded library's); x alone is ours. Until real_resolve has run,
 * and where libc has no such function, real.x is a bare system call that sets errno as libc would:
 * programs and allocators that call us before our constructor get what they asked for.
 * Context: real_resolve in the constructor only; real.x anywhere, with libc's own rules. Keeps I5,
 * I8.
 */
#ifndef SYS_REAL_H
#define SYS_REAL_H

#include "sys/libc.h"

struct real {
#define CALL(symbol, ...) __typeof__(symbol) *symbol;
#include "tcpshim/calls.def"
#undef CALL
};
extern struct real real;

void real_resolve(void);

#endif
