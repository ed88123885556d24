/*
 * portable: finds functions of libc, and loads libraries, in every libc: glibc 2.17 and later, and
 * musl.
 *
 * glibc 2.34 moved dlsym and its like from libdl.so.2 to libc.so.6 and gave them a new version.
 * They are asked for in the old one, weakly, and libdl.so.2 is not needed: a program's root may
 * lack it. Where they are missing, names are found by our own search (loaded), and libraries are
 * loaded by __libc_dlopen_mode, which glibc before 2.34 has for itself. It must not be used in the
 * constructor: it would run libc's initialisation there, with an empty environment.
 * A weak reference does not soften the version that a name is asked for in: what is newer than
 * glibc 2.17 is looked up.
 * What a sanitizer has in front of libc's function may fail before its runtime has started, which
 * is after our constructor (-z initfirst): what the constructor calls is looked up in libc.
 * Context: as dlsym and dlopen. Locks: the loader's. Errno: may change. Keeps I5.
 */
#ifndef SYS_PORTABLE_H
#define SYS_PORTABLE_H

#include <stdbool.h>

/* Like dlsym(RTLD_NEXT, name), dlsym(RTLD_DEFAULT, name) and dlvsym(RTLD_NEXT, name, version).
 * Where there is no dlvsym, the default version is found. */
void *portable_find_next(const char *name);
void *portable_find(const char *name);
void *portable_find_version(const char *name, const char *version);

/* Finds libc's own function, also if another object has one of this name in front of it. NULL: it
 * has none, or cannot be searched. */
void *portable_find_in_libc(const char *name);

/* Like dlopen and dlsym. Not in the constructor. */
void *portable_open(const char *library, int mode);
void *portable_symbol(void *library, const char *name);

/* NULL in musl. */
extern const char *portable_glibc_version(void) __asm__("gnu_get_libc_version")
	__attribute__((weak));

static inline bool portable_is_musl(void)
{
	return !portable_glibc_version;
}

#endif
