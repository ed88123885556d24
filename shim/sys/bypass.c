#include "sys/bypass.h"

#include "sys/loaded.h"
#include "sys/portable.h"

bool bypass_is_libc HOT_DATA;
bool bypass_is_wait_libcs;

/* The address of a function as one of an object, which POSIX allows. */
#define ADDRESS(function) ((const void *)(uintptr_t)(function))

void bypass_start(void)
{
	uintptr_t libc;

	if (!portable_glibc_version)
		return;
	libc = loaded_base(ADDRESS(portable_glibc_version));
	bypass_is_wait_libcs = loaded_base(ADDRESS(real.ppoll)) == libc &&
			       loaded_base(ADDRESS(real.pselect)) == libc &&
			       loaded_base(ADDRESS(real.epoll_pwait)) == libc;
	bypass_is_libc = loaded_base(ADDRESS(real.read)) == libc &&
			 loaded_base(ADDRESS(real.write)) == libc &&
			 loaded_base(ADDRESS(real.recv)) == libc &&
			 loaded_base(ADDRESS(real.send)) == libc;
}

void bypass_stop(void)
{
	__atomic_store_n(&bypass_is_libc, false, __ATOMIC_RELAXED);
}
