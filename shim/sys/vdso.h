/*
 * vdso: finds functions that the kernel maps into every process (vdso(7)). libc is not used for it,
 * because another library may have replaced libc's functions.
 *
 * Context: the constructor. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef SYS_VDSO_H
#define SYS_VDSO_H

#include <stdint.h>
#include <time.h>

typedef int vdso_clock_gettime(clockid_t clock, struct timespec *now);

/* Finds a function in the vDSO at image. Returns NULL if there is none. */
void *vdso_find(uintptr_t image, const char *name);

/* Finds clock_gettime in the vDSO at image, which is getauxval(AT_SYSINFO_EHDR), or 0 if there is
 * none. Returns NULL if it has no such function. */
vdso_clock_gettime *vdso_find_clock(uintptr_t image);

#endif
