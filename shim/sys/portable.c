#include "sys/portable.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stddef.h>

#include "sys/loaded.h"

#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#elif defined(__i386__)
#define OLDEST "GLIBC_2.1"
#define OLDEST_DLSYM "GLIBC_2.0"
#endif
#ifndef OLDEST_DLSYM
#define OLDEST_DLSYM OLDEST
#endif

/* Built with an older glibc, the names are asked for in no version. */
#if defined(OLDEST) && __GLIBC_PREREQ(2, 34)
__asm__(".symver dlsym,dlsym@" OLDEST_DLSYM);
__asm__(".symver dlvsym,dlvsym@" OLDEST);
__asm__(".symver dlopen,dlopen@" OLDEST);
#endif
#pragma weak dlsym
#pragma weak dlvsym
#pragma weak dlopen

/* In glibc before 2.34. */
extern void *libc_open(const char *library, int mode) __asm__("__libc_dlopen_mode")
	__attribute__((weak));
extern void *libc_symbol(void *library, const char *name) __asm__("__libc_dlsym")
	__attribute__((weak));

/* What __libc_dlopen_mode wants beside the mode (__RTLD_DLOPEN). */
#define FROM_LIBC ((int)0x80000000)

void *portable_find_next(const char *name)
{
	return dlsym ? dlsym(RTLD_NEXT, name) : loaded_find_next(name);
}

void *portable_find(const char *name)
{
	return dlsym ? dlsym(RTLD_DEFAULT, name) : loaded_find(name);
}

void *portable_find_version(const char *name, const char *version)
{
	return dlvsym ? dlvsym(RTLD_NEXT, name, version) : portable_find_next(name);
}

void *portable_find_in_libc(const char *name)
{
	/* musl takes this name for itself. */
	void *musl = portable_is_musl() && dlopen ? dlopen("libc.so", RTLD_LAZY | RTLD_NOLOAD)
						  : NULL;

	return musl ? portable_symbol(musl, name) : loaded_find_in_libc(name);
}

void *portable_open(const char *library, int mode)
{
	if (dlopen)
		return dlopen(library, mode);
	return libc_open ? libc_open(library, mode | FROM_LIBC) : NULL;
}

void *portable_symbol(void *library, const char *name)
{
	if (dlsym)
		return dlsym(library, name);
	return libc_symbol ? libc_symbol(library, name) : NULL;
}

typedef int inet_pton_function(int family, const char *text, void *address);

/* settings/match.c calls it by its name, in the constructor; the linker binds the call here. */
__attribute__((visibility("hidden"))) int inet_pton(int family, const char *text, void *address)
{
	inet_pton_function *found = (inet_pton_function *)portable_find_in_libc("inet_pton");

	if (!found)
		found = (inet_pton_function *)portable_find_next("inet_pton");
	return found ? found(family, text, address) : 0;
}
