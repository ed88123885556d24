#include "sys/bypass.h"

#include "sys/portable.h"

bool bypass_is_libc HOT_DATA;
bool bypass_is_wait_libcs;

/* Whether the function that was found is libc's own: another library may have been put in front. */
#define IS_LIBCS(name) ((uintptr_t)real.name == (uintptr_t)portable_find_in_libc(#name))

void bypass_start(void)
{
	bypass_is_wait_libcs = IS_LIBCS(ppoll) && IS_LIBCS(pselect) && IS_LIBCS(epoll_pwait);
	bypass_is_libc = IS_LIBCS(read) && IS_LIBCS(write) && IS_LIBCS(recv) && IS_LIBCS(send);
}

void bypass_stop(void)
{
	__atomic_store_n(&bypass_is_libc, false, __ATOMIC_RELAXED);
}
