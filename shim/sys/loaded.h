/*
 * loaded: finds functions in the objects that glibc's loader has loaded, by the loader's own list
 * (r_debug in <link.h>, which debuggers use), without a call of libc.
 *
 * glibc before 2.34 has dlsym in libdl.so.2, which a program need not have and which cannot be
 * loaded in the constructor (see portable). And dlsym finds what was put in front of libc's
 * function: a sanitizer's, say, which fails before its runtime has started.
 * Context: the constructor, where no other thread loads or unloads. Locks: none. Errno: untouched.
 * Keeps I5.
 */
#ifndef SYS_LOADED_H
#define SYS_LOADED_H

/* Finds a name in the objects that follow this one, as dlsym(RTLD_NEXT) does; in all, as
 * dlsym(RTLD_DEFAULT) does; in libc. Objects that dlopen loaded without RTLD_GLOBAL are searched
 * too, last. NULL: no object defines it, or this libc has no such list (musl). */
void *loaded_find_next(const char *name);
void *loaded_find(const char *name);
void *loaded_find_in_libc(const char *name);

#endif
