#include "trace/watch.h"

#include "guest/thread.h"
#include "trace/classify.h"

bool watch_is_on_slowly(int fd)
{
	uint64_t slot = fdtable_load(fd);
	bool is_watched;

	if (fdtable_is_known(slot))
		return fdtable_state(slot) == FD_WATCHED;
	if (!thread_raise_guard(&is_watched))
		return false;
	is_watched = classify_descriptor(fd, process_now_ns());
	thread_lower_guard();
	return is_watched;
}

bool watch_has_conn(int fd)
{
	return process_is_watching &&
	       (fdtable_has_conn(fdtable_load(fd)) || watch_is_on_slowly(fd) ||
		fdtable_has_conn(fdtable_load(fd)));
}
