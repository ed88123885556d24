/*
 * loaded: finds functions in the objects that the loader has loaded, without libdl.
 *
 * glibc before 2.34 has dlsym in libdl.so.2, which a program need not have and which cannot be
 * loaded in the constructor (see portable). What is found here is what dlsym finds, except in
 * objects that dlopen loaded without RTLD_GLOBAL: these are searched too, last.
 * Context: as dlsym. Locks: the loader's, for a moment (dl_iterate_phdr). Errno: untouched.
 * Keeps I5.
 */
#ifndef SYS_LOADED_H
#define SYS_LOADED_H

#include <stdint.h>

/* Finds a name in the objects that follow this one, as dlsym(RTLD_NEXT) does, or in all, as
 * dlsym(RTLD_DEFAULT) does. NULL: no object defines it. */
void *loaded_find_next(const char *name);
void *loaded_find(const char *name);

/* Returns where the object that contains address starts, or 0 if none does. */
uintptr_t loaded_base(const void *address);

#endif
