/*
 * real: the real functions, as the next library in the program's search order defines them.
 *
 * real.x is libc's x (or another preloaded library's); x alone is ours. Until real_resolve has run,
 * and where libc has no such function, real.x is a bare system call that sets errno as libc would.
 * So programs and allocators that call our functions before our constructor has run get the right
 * result.
 * Context: real_resolve in the constructor only; real.x anywhere that libc's function may be
 * called. Locks: as libc's functions. Errno: as libc's functions. Keeps I5, I8.
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
