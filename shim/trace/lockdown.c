#include "trace/lockdown.h"

#include <stdatomic.h>

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

void lockdown_end(enum restriction before, bool is_installed)
{
	static _Atomic bool is_reported;
	char frame;

	if (!is_installed) {
		restriction_set(before);
		return;
	}
	if (!process_is_tracing || atomic_exchange(&is_reported, true) ||
	    !thread_raise_guard(&frame))
		return;
	sinks_report_restriction(thread_area());
	thread_lower_guard();
}
