/*
 * vdso: functions that the kernel maps into every process (vdso(7)), found without libc, whose own
 * names another library may have replaced.
 *
 * Context: the constructor. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SYS_VDSO_H
#define SYS_VDSO_H

#include <stdint.h>
#include <time.h>

typedef int vdso_clock_gettime(clockid_t clock, struct timespec *now);

/* image: what getauxval(AT_SYSINFO_EHDR) says, 0: there is none. NULL: it has no such function. */
vdso_clock_gettime *vdso_find_clock(uintptr_t image);

#endif
