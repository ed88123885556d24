#include "sys/bypass.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>

bool bypass_is_libc HOT_DATA;
bool bypass_is_wait_libcs;

static bool is_libcs(const void *function, const void *libc)
{
	Dl_info found;

	return dladdr(function, &found) != 0 && found.dli_fbase == libc;
}

/* Converts a function pointer to an address, which POSIX allows. */
#define ADDRESS(function) ((const void *)(uintptr_t)(function))

void bypass_start(void)
{
	Dl_info libc;

	if (dladdr(ADDRESS(gnu_get_libc_version), &libc) == 0)
		return;
	bypass_is_wait_libcs = is_libcs(ADDRESS(real.ppoll), libc.dli_fbase) &&
			       is_libcs(ADDRESS(real.pselect), libc.dli_fbase) &&
			       is_libcs(ADDRESS(real.epoll_pwait), libc.dli_fbase);
	bypass_is_libc = is_libcs(ADDRESS(real.read), libc.dli_fbase) &&
			 is_libcs(ADDRESS(real.write), libc.dli_fbase) &&
			 is_libcs(ADDRESS(real.recv), libc.dli_fbase) &&
			 is_libcs(ADDRESS(real.send), libc.dli_fbase);
}

void bypass_stop(void)
{
	__atomic_store_n(&bypass_is_libc, false, __ATOMIC_RELAXED);
}
