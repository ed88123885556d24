#include "sys/threads.h"

#include "sys/hot.h"
#include "sys/portable.h"

static const char none;
const char *threads_single HOT_DATA = &none;
bool threads_are_known;

void threads_start(void)
{
	const char *found = portable_find("__libc_single_threaded");

	if (!found)
		return;
	threads_single = found;
	threads_are_known = true;
}
