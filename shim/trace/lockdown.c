#include "trace/lockdown.h"

#include "guest/process.h"
#include "guest/thread.h"
#include "sink/sinks.h"
#include "trace/fastpath.h"

enum restriction lockdown_begin(enum restriction quiet)
{
	process_check();
	if (quiet != RESTRICTION_NONE)
		fastpath_stop();
	if (thread_raise_guard(&quiet)) {
		sinks_restrict(thread_area());
		thread_lower_guard();
	}
	return restriction_set(quiet);
}
