#include "trace/lockdown.h"

#include "guest/process.h"
#include "guest/thread.h"
#include "sink/sinks.h"
#include "trace/fastpath.h"

enum restriction lockdown_begin(enum restriction restriction)
{
	process_check();
	if (restriction != RESTRICTION_NONE)
		fastpath_stop();
	if (thread_raise_guard(&restriction)) {
		sinks_restrict(thread_area());
		thread_lower_guard();
	}
	return restriction_set(restriction);
}
