#include "interpose/parts.h"

#include <string.h>

#include "conn/evidence.h"
#include "guest/cancelled.h"
#include "guest/process.h"
#include "sys/bypass.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/before.h"

#define ALL (~UINT64_C(0))
#define NEVER_BLOCKED (UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1))

/* Restores the mask of a cancelled thread. If a handler has left the wait by siglongjmp, and the
 * thread is cancelled elsewhere, the mask is no longer this file's. */
static void restore_mask(uint64_t before)
{
	uint64_t now = 0;

	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, 0, (long)&now, sizeof(now));
	if ((now | NEVER_BLOCKED) == ALL)
		raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof(before));
}

struct parts_signals parts_block_signals(void)
{
	const uint64_t all = ALL;
	struct parts_signals signals;
	uint64_t before = 0;

	memset(&signals, 0, sizeof(signals));
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof(all));
	memcpy(&signals.before, &before, sizeof(before));
	signals.is_registered = cancelled_register(restore_mask, before);
	return signals;
}

/* Restores the mask, also when the function is left by cancellation. A signal that was pending is
 * delivered before the wait lets signals in. Known hole: a handler during such a wait sees all
 * signals blocked in the mask of the interrupted context, and what it changes there is
 * overwritten. */
void parts_unblock_signals(const struct parts_signals *signals)
{
	if (signals->is_registered)
		cancelled_forget();
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals->before, 0, sizeof(uint64_t));
}

bool parts_is_split(const struct call *call, int64_t timeout_ns)
{
	return (timeout_ns == UNLIMITED || timeout_ns > (int64_t)LONG_WAIT_NS) &&
	       before_is_announced(call) && !restriction_is_inherited() && bypass_is_wait_libcs;
}

struct timespec parts_timespec(int64_t ns)
{
	const int64_t most_s = sizeof(time_t) == sizeof(int64_t) ? INT64_MAX : INT32_MAX;
	int64_t s = ns / NS_PER_S;

	return (struct timespec){.tv_sec = (time_t)(s < most_s ? s : most_s),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

int64_t parts_rest_ns(const struct call *call, int64_t timeout_ns)
{
	int64_t spent_ns = (int64_t)(process_now_ns() - call->start_ns);

	if (timeout_ns == UNLIMITED)
		return UNLIMITED;
	return timeout_ns > spent_ns ? timeout_ns - spent_ns : 0;
}

int64_t parts_timeout_ns(const struct call *call, const void *timeout, int64_t fraction_ns)
{
	if (!timeout)
		return UNLIMITED;
	if (!call->has_time || call->time[0] < 0 || call->time[1] < 0 ||
	    call->time[1] >= NS_PER_S / fraction_ns)
		return 0;
	if (call->time[0] > INT64_MAX / NS_PER_S - 1)
		return INT64_MAX;
	return call->time[0] * NS_PER_S + call->time[1] * fraction_ns;
}

/* Returns what is left of the timeout after the first part. A process that is stopped and continued
 * continues its ppoll, select or pselect with the time that was left when it was stopped
 * (poll_select_finish, fs/select.c): the time for which it was stopped does not count. */
int64_t parts_second_ns(int64_t timeout_ns)
{
	return timeout_ns == UNLIMITED ? UNLIMITED : timeout_ns - (int64_t)LONG_WAIT_NS;
}

int64_t parts_milliseconds_ns(int timeout)
{
	return timeout < 0 ? UNLIMITED : timeout * NS_PER_MS;
}
