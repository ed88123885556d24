/*
 * Calls that wait for descriptors.
 *
 * A wait of more than a second is made in two parts, a poll in several, and announced in between.
 * All signals are held back around the parts, and let in by each part with the mask that the
 * program would wait with: a signal that comes between the two interrupts the second as it would
 * have interrupted the whole. Such waits are never restarted after a signal (signal(7)), and a part
 * that ends empty consumes no edge and no one-shot event. Where another library stands between us
 * and libc, which may stretch each part, it is made in one, and not announced.
 */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "conn/evidence.h"
#include "guest/process.h"
#include "interpose/export.h"
#include "sys/bypass.h"
#include "sys/raw.h"
#include "sys/restriction.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define UNLIMITED INT64_C(-1)
#define LEAST_SLICE_NS (50 * NS_PER_MS)

/* The kernel's signal mask in libc's form, and all signals held back. */
static sigset_t hold_signals(void)
{
	const uint64_t all = ~UINT64_C(0);
	sigset_t before;

	memset(&before, 0, sizeof(before));
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof(all));
	return before;
}

/* Runs when the function is left, by cancellation too: one that was pending acts before the wait
 * lets signals in. A known hole: a handler during such a wait finds all signals blocked in the mask
 * of the context that it interrupts, and what it changes there is overwritten. */
static void let_signals(const sigset_t *before)
{
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)before, 0, sizeof(uint64_t));
}
#define HELD_SIGNALS __attribute__((cleanup(let_signals))) sigset_t

static bool is_split(const struct call *call, int64_t timeout_ns)
{
	return (timeout_ns == UNLIMITED || timeout_ns > (int64_t)LONG_WAIT_NS) &&
	       before_is_announced(call) && !restriction_is_inherited() && bypass_is_wait_libcs;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* What is left of the timeout, UNLIMITED if it has none. */
static int64_t rest_ns(const struct call *call, int64_t timeout_ns)
{
	int64_t spent_ns = (int64_t)(process_now_ns() - call->start_ns);

	if (timeout_ns == UNLIMITED)
		return UNLIMITED;
	return timeout_ns > spent_ns ? timeout_ns - spent_ns : 0;
}

/* A timeout by pointer in ns; one that the kernel will refuse, or that cannot be read, is not
 * split. */
static int64_t timeout_ns_of(const struct call *call, const void *timeout, int64_t fraction_ns)
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

/* What is left of the timeout behind the first part. A process that is stopped and continued goes
 * on with what was left of its ppoll, select or pselect when it was stopped (poll_select_finish,
 * fs/select.c): the time that it stood still does not count. */
static int64_t behind_first_ns(int64_t timeout_ns)
{
	return timeout_ns == UNLIMITED ? UNLIMITED : timeout_ns - (int64_t)LONG_WAIT_NS;
}

static int64_t milliseconds_ns(int timeout)
{
	return timeout < 0 ? UNLIMITED : timeout * NS_PER_MS;
}

static int ppoll_in_parts(struct call *call, struct pollfd *fds, nfds_t count, int64_t timeout_ns,
			  const sigset_t *mask)
{
	const struct timespec first = timespec_of(LONG_WAIT_NS);
	const struct timespec rest = timespec_of(behind_first_ns(timeout_ns));
	HELD_SIGNALS before = hold_signals();
	int ready = real.ppoll(fds, count, &first, mask ? mask : &before);

	if (ready == 0) {
		before_announce(call);
		ready = real.ppoll(fds, count, timeout_ns == UNLIMITED ? NULL : &rest,
				   mask ? mask : &before);
	}
	return ready;
}

/* How long the next part of a poll is: a sixteenth of what it has lasted, from 50 ms to 1 s. */
static int64_t slice_ns(int64_t left_ns, int64_t timeout_ns)
{
	int64_t slice = (timeout_ns - left_ns) / 16;

	slice = slice < LEAST_SLICE_NS ? LEAST_SLICE_NS : slice < NS_PER_S ? slice : NS_PER_S;
	return left_ns < slice ? left_ns : slice;
}

/* A poll goes on after a stop until the time that was set at its start (do_restart_poll). So it is
 * made of short ones: after a stop it ends late by a part at most. */
static int poll_in_parts(struct call *call, struct pollfd *fds, nfds_t count, int timeout)
{
	int64_t left_ns = timeout * NS_PER_MS;

	if (timeout < 0)
		return ppoll_in_parts(call, fds, count, UNLIMITED, NULL);
	HELD_SIGNALS before = hold_signals();
	int ready = 0;
	for (bool is_announced = false; ready == 0 && left_ns > 0;
	     left_ns = rest_ns(call, timeout * NS_PER_MS)) {
		const struct timespec slice = timespec_of(slice_ns(left_ns, timeout * NS_PER_MS));

		ready = real.ppoll(fds, count, &slice, &before);
		if (ready == 0 && !is_announced &&
		    process_now_ns() - call->start_ns >= LONG_WAIT_NS) {
			before_announce(call);
			is_announced = true;
		}
	}
	return ready;
}

static void poll_arguments(struct call *call, struct pollfd *fds, nfds_t count, int timeout)
{
	call_pointer(call, fds);
	call_integer(call, (int64_t)count);
	call_integer(call, timeout);
	call->is_unlimited = timeout < 0;
	before_wait(call);
}

EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct call call;

	if (!watch_is_any())
		return real.poll(fds, count, timeout);

	call_enter(&call, CALL_poll, -1);
	poll_arguments(&call, fds, count, timeout);
	int ready = is_split(&call, milliseconds_ns(timeout))
			    ? poll_in_parts(&call, fds, count, timeout)
			    : real.poll(fds, count, timeout);
	return (int)after_call(&call, ready);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t fds_size)
{
	struct call call;

	if (!watch_is_any())
		return real.__poll_chk(fds, count, timeout, fds_size);

	call_enter(&call, CALL___poll_chk, -1);
	poll_arguments(&call, fds, count, timeout);
	/* What libc would abort on is left to libc. */
	int ready = fds_size / sizeof(*fds) >= count && is_split(&call, milliseconds_ns(timeout))
			    ? poll_in_parts(&call, fds, count, timeout)
			    : real.__poll_chk(fds, count, timeout, fds_size);
	return (int)after_call(&call, ready);
}

static void ppoll_arguments(struct call *call, struct pollfd *fds, nfds_t count,
			    const struct timespec *timeout, const sigset_t *mask)
{
	call_pointer(call, fds);
	call_integer(call, (int64_t)count);
	call_pointer(call, timeout);
	call_pointer(call, mask);
	call_timeout(call, timeout);
	before_wait(call);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	struct call call;

	if (!watch_is_any())
		return real.ppoll(fds, count, timeout, mask);

	call_enter(&call, CALL_ppoll, -1);
	ppoll_arguments(&call, fds, count, timeout, mask);
	int64_t timeout_ns = timeout_ns_of(&call, timeout, 1);
	int ready = is_split(&call, timeout_ns)
			    ? ppoll_in_parts(&call, fds, count, timeout_ns, mask)
			    : real.ppoll(fds, count, timeout, mask);
	return (int)after_call(&call, ready);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		       const sigset_t *mask, size_t fds_size)
{
	struct call call;

	if (!watch_is_any())
		return real.__ppoll_chk(fds, count, timeout, mask, fds_size);

	call_enter(&call, CALL___ppoll_chk, -1);
	ppoll_arguments(&call, fds, count, timeout, mask);
	int64_t timeout_ns = timeout_ns_of(&call, timeout, 1);
	int ready = fds_size / sizeof(*fds) >= count && is_split(&call, timeout_ns)
			    ? ppoll_in_parts(&call, fds, count, timeout_ns, mask)
			    : real.__ppoll_chk(fds, count, timeout, mask, fds_size);
	return (int)after_call(&call, ready);
}

/* The kernel has emptied the sets at the end of the first part: as the program gave them. */
static void restore_sets(fd_set *const to[3], const struct call_sets *sets, int count)
{
	for (unsigned set = 0; set < 3; set++)
		if (to[set])
			memcpy(to[set], sets->words[set], ((size_t)count + 63) / 64 * 8);
}

static int select_in_parts(struct call *call, int count, fd_set *const to[3], int64_t timeout_ns,
			   const sigset_t *mask)
{
	const struct timespec first = timespec_of(LONG_WAIT_NS);
	HELD_SIGNALS before = hold_signals();
	int ready = real.pselect(count, to[0], to[1], to[2], &first, mask ? mask : &before);

	if (ready == 0) {
		before_announce(call);
		restore_sets(to, call->sets, count);
		const struct timespec rest = timespec_of(behind_first_ns(timeout_ns));

		ready = real.pselect(count, to[0], to[1], to[2],
				     timeout_ns == UNLIMITED ? NULL : &rest, mask ? mask : &before);
	}
	return ready;
}

static void select_arguments(struct call *call, int count, fd_set *const to[3], const void *timeout)
{
	call_integer(call, count);
	for (unsigned set = 0; set < 3; set++)
		call_pointer(call, to[set]);
	call_pointer(call, timeout);
	call_timeout(call, timeout);
}

EXPORT int select(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
		  struct timeval *timeout)
{
	struct call call;

	if (!watch_is_any())
		return real.select(count, read_set, write_set, except_set, timeout);

	call_enter(&call, CALL_select, -1);
	fd_set *const to[3] = {read_set, write_set, except_set};
	struct call_sets sets;
	int ready;

	select_arguments(&call, count, to, timeout);
	before_wait(&call);
	bool has_sets = call_select_sets(&call, &sets);
	int64_t timeout_ns = timeout_ns_of(&call, timeout, 1000);
	if (!has_sets || !is_split(&call, timeout_ns)) {
		ready = real.select(count, read_set, write_set, except_set, timeout);
		return (int)after_call(&call, ready);
	}
	ready = select_in_parts(&call, count, to, timeout_ns, NULL);
	if (timeout) { /* Linux tells how much was left (select(2)) */
		int64_t left_ns = ready == 0 ? 0 : rest_ns(&call, timeout_ns);

		timeout->tv_sec = left_ns / NS_PER_S;
		timeout->tv_usec = left_ns % NS_PER_S / 1000;
	}
	return (int)after_call(&call, ready);
}

EXPORT int pselect(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
		   const struct timespec *timeout, const sigset_t *mask)
{
	struct call call;

	if (!watch_is_any())
		return real.pselect(count, read_set, write_set, except_set, timeout, mask);

	call_enter(&call, CALL_pselect, -1);
	fd_set *const to[3] = {read_set, write_set, except_set};
	struct call_sets sets;

	select_arguments(&call, count, to, timeout);
	call_pointer(&call, mask);
	before_wait(&call);
	bool has_sets = call_select_sets(&call, &sets);
	int64_t timeout_ns = timeout_ns_of(&call, timeout, 1);
	int ready = has_sets && is_split(&call, timeout_ns)
			    ? select_in_parts(&call, count, to, timeout_ns, mask)
			    : real.pselect(count, read_set, write_set, except_set, timeout, mask);
	return (int)after_call(&call, ready);
}

EXPORT int epoll_create(int size)
{
	struct call call;

	if (!watch_is_any())
		return real.epoll_create(size);

	call_enter(&call, CALL_epoll_create, -1);
	call_integer(&call, size);
	int fd = real.epoll_create(size);
	return (int)after_call(&call, fd);
}

EXPORT int epoll_create1(int flags)
{
	struct call call;

	if (!watch_is_any())
		return real.epoll_create1(flags);

	call_enter(&call, CALL_epoll_create1, -1);
	call_integer(&call, flags);
	int fd = real.epoll_create1(flags);
	return (int)after_call(&call, fd);
}

EXPORT int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	struct call call;

	if (!process_is_tracing)
		return real.epoll_ctl(epoll_fd, operation, fd, event);

	call_enter(&call, CALL_epoll_ctl, -1);
	call.fd = epoll_fd;
	call_integer(&call, epoll_fd);
	call_integer(&call, operation);
	call_integer(&call, fd);
	call_pointer(&call, event);
	input_copy_all(&call);
	int result = real.epoll_ctl(epoll_fd, operation, fd, event);
	return (int)after_call(&call, result);
}

static int epoll_in_parts(struct call *call, int epoll_fd, struct epoll_event *events, int count,
			  int timeout, const sigset_t *mask)
{
	HELD_SIGNALS before = hold_signals();
	int ready = real.epoll_pwait(epoll_fd, events, count, LONG_WAIT_NS / NS_PER_MS,
				     mask ? mask : &before);

	if (ready == 0) {
		before_announce(call);
		int64_t left_ns = rest_ns(call, milliseconds_ns(timeout));
		int left = left_ns == UNLIMITED ? -1 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);

		ready = real.epoll_pwait(epoll_fd, events, count, left, mask ? mask : &before);
	}
	return ready;
}

static void epoll_arguments(struct call *call, int epoll_fd, struct epoll_event *events, int count)
{
	call_integer(call, epoll_fd);
	call_pointer(call, events);
	call_integer(call, count);
}

EXPORT int epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout)
{
	struct call call;

	if (!watch_is_epoll(epoll_fd))
		return real.epoll_wait(epoll_fd, events, count, timeout);

	call_enter(&call, CALL_epoll_wait, epoll_fd);
	epoll_arguments(&call, epoll_fd, events, count);
	call_integer(&call, timeout);
	call.is_unlimited = timeout < 0;
	before_wait(&call);
	int ready = is_split(&call, milliseconds_ns(timeout))
			    ? epoll_in_parts(&call, epoll_fd, events, count, timeout, NULL)
			    : real.epoll_wait(epoll_fd, events, count, timeout);
	return (int)after_call(&call, ready);
}

EXPORT int epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout,
		       const sigset_t *mask)
{
	struct call call;

	if (!watch_is_epoll(epoll_fd))
		return real.epoll_pwait(epoll_fd, events, count, timeout, mask);

	call_enter(&call, CALL_epoll_pwait, epoll_fd);
	epoll_arguments(&call, epoll_fd, events, count);
	call_integer(&call, timeout);
	call_pointer(&call, mask);
	call.is_unlimited = timeout < 0;
	before_wait(&call);
	int ready = is_split(&call, milliseconds_ns(timeout))
			    ? epoll_in_parts(&call, epoll_fd, events, count, timeout, mask)
			    : real.epoll_pwait(epoll_fd, events, count, timeout, mask);
	return (int)after_call(&call, ready);
}

static int epoll_in_parts_ns(struct call *call, int epoll_fd, struct epoll_event *events, int count,
			     int64_t timeout_ns, const sigset_t *mask)
{
	const struct timespec first = timespec_of(LONG_WAIT_NS);
	HELD_SIGNALS before = hold_signals();
	int ready = real.epoll_pwait2(epoll_fd, events, count, &first, mask ? mask : &before);

	if (ready == 0) {
		before_announce(call);
		timeout_ns = rest_ns(call, timeout_ns);
		const struct timespec rest = timespec_of(timeout_ns);

		ready = real.epoll_pwait2(epoll_fd, events, count,
					  timeout_ns == UNLIMITED ? NULL : &rest,
					  mask ? mask : &before);
	}
	return ready;
}

EXPORT int epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
			const struct timespec *timeout, const sigset_t *mask)
{
	struct call call;

	if (!watch_is_epoll(epoll_fd))
		return real.epoll_pwait2(epoll_fd, events, count, timeout, mask);

	call_enter(&call, CALL_epoll_pwait2, epoll_fd);
	epoll_arguments(&call, epoll_fd, events, count);
	call_pointer(&call, timeout);
	call_pointer(&call, mask);
	call_timeout(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = timeout_ns_of(&call, timeout, 1);
	int ready = is_split(&call, timeout_ns)
			    ? epoll_in_parts_ns(&call, epoll_fd, events, count, timeout_ns, mask)
			    : real.epoll_pwait2(epoll_fd, events, count, timeout, mask);
	return (int)after_call(&call, ready);
}
