/* Calls that put the process in the background, or that end it or one of its threads. */
#include "guest/unwind.h"
#include "interpose/export.h"
#include "sys/bypass.h"
#include "sys/portable.h"

/* Forks, and opens /dev/null as descriptors 0, 1 and 2, all inside libc. The parent ends there
 * too. */
EXPORT int daemon(int stays, int keeps)
{
	int result = real.daemon(stays, keeps);

	for (int fd = 0; result == 0 && !keeps && fd <= 2; fd++)
		descriptor_replaced(fd);
	return result;
}

EXPORT void _exit(int status)
{
	finish_process(status, true);
	real._exit(status);
	__builtin_unreachable();
}

EXPORT void _Exit(int status)
{
	finish_process(status, true);
	real._Exit(status);
	__builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
	finish_process(status, true);
	real.quick_exit(status);
	__builtin_unreachable();
}

/* Not shown. See bypass.h and unwind.h; musl unwinds nothing. */
EXPORT int pthread_cancel(pthread_t target)
{
	bypass_stop();
	if (!portable_is_musl())
		unwind_find();
	return real.pthread_cancel(target);
}
