/* Calls that wait for descriptors. Waits of more than a second are made in parts (parts.h). */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "conn/evidence.h"
#include "guest/process.h"
#include "interpose/export.h"
#include "interpose/parts.h"
#include "sys/portable.h"

#define LEAST_SLICE_NS (50 * NS_PER_MS)

static int ppoll_in_parts(struct call *call, struct pollfd *fds, nfds_t count, int64_t timeout_ns,
			  const sigset_t *mask)
{
	const struct timespec first = parts_timespec(LONG_WAIT_NS);
	const struct timespec rest = parts_timespec(parts_second_ns(timeout_ns));
	BLOCKED_SIGNALS signals = parts_block_signals();
	int ready = real.ppoll(fds, count, &first, mask ? mask : &signals.before);

	if (ready == 0) {
		before_announce(call);
		ready = real.ppoll(fds, count, timeout_ns == UNLIMITED ? NULL : &rest,
				   mask ? mask : &signals.before);
	}
	return ready;
}

/* Returns the length of the next part of a poll: a sixteenth of the time spent so far, from 50 ms
 * to 1 s. */
static int64_t slice_ns(int64_t left_ns, int64_t timeout_ns)
{
	int64_t slice = (timeout_ns - left_ns) / 16;

	slice = slice < LEAST_SLICE_NS ? LEAST_SLICE_NS : slice < NS_PER_S ? slice : NS_PER_S;
	return left_ns < slice ? left_ns : slice;
}

/* Makes a poll in short parts. After a stop, the kernel continues a poll until the time that was
 * set at its start (do_restart_poll); with short parts it ends late by at most one part. */
static int poll_in_parts(struct call *call, struct pollfd *fds, nfds_t count, int timeout)
{
	int64_t left_ns = timeout * NS_PER_MS;

	if (timeout < 0)
		return ppoll_in_parts(call, fds, count, UNLIMITED, NULL);
	BLOCKED_SIGNALS signals = parts_block_signals();
	int ready = 0;
	for (bool is_announced = false; ready == 0 && left_ns > 0;
	     left_ns = parts_rest_ns(call, timeout * NS_PER_MS)) {
		const struct timespec slice =
			parts_timespec(slice_ns(left_ns, timeout * NS_PER_MS));

		ready = real.ppoll(fds, count, &slice, &signals.before);
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
	int ready = parts_is_split(&call, parts_milliseconds_ns(timeout))
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
	/* If libc would abort, libc's function is called. */
	int ready = fds_size / sizeof(*fds) >= count &&
				    parts_is_split(&call, parts_milliseconds_ns(timeout))
			    ? poll_in_parts(&call, fds, count, timeout)
			    : real.__poll_chk(fds, count, timeout, fds_size);
	return (int)after_call(&call, ready);
}

static void ppoll_arguments(struct call *call, struct pollfd *fds, nfds_t count,
			    const void *timeout, const sigset_t *mask)
{
	call_pointer(call, fds);
	call_integer(call, (int64_t)count);
	call_pointer(call, timeout);
	call_pointer(call, mask);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	struct call call;

	if (!watch_is_any())
		return real.ppoll(fds, count, timeout, mask);

	call_enter(&call, CALL_ppoll, -1);
	ppoll_arguments(&call, fds, count, timeout, mask);
	call_timeout(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = parts_is_split(&call, timeout_ns)
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
	call_timeout(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = fds_size / sizeof(*fds) >= count && parts_is_split(&call, timeout_ns)
			    ? ppoll_in_parts(&call, fds, count, timeout_ns, mask)
			    : real.__ppoll_chk(fds, count, timeout, mask, fds_size);
	return (int)after_call(&call, ready);
}

/* Restores the sets to what the program passed: the kernel has cleared them at the end of the first
 * part. */
static void restore_sets(fd_set *const to[3], const struct call_sets *sets, int count)
{
	for (unsigned set = 0; set < 3; set++)
		if (to[set])
			memcpy(to[set], sets->words[set], call_set_bytes(count));
}

static int select_in_parts(struct call *call, int count, fd_set *const to[3], int64_t timeout_ns,
			   const sigset_t *mask)
{
	const struct timespec first = parts_timespec(LONG_WAIT_NS);
	BLOCKED_SIGNALS signals = parts_block_signals();
	int ready = real.pselect(count, to[0], to[1], to[2], &first, mask ? mask : &signals.before);

	if (ready == 0) {
		before_announce(call);
		restore_sets(to, call->sets, count);
		const struct timespec rest = parts_timespec(parts_second_ns(timeout_ns));

		ready = real.pselect(count, to[0], to[1], to[2],
				     timeout_ns == UNLIMITED ? NULL : &rest,
				     mask ? mask : &signals.before);
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
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1000);
	if (!has_sets || !parts_is_split(&call, timeout_ns)) {
		ready = real.select(count, read_set, write_set, except_set, timeout);
		return (int)after_call(&call, ready);
	}
	ready = select_in_parts(&call, count, to, timeout_ns, NULL);
	/* Linux stores how much time was left (select(2)), but musl passes it a copy. */
	if (timeout && !portable_is_musl()) {
		int64_t left_ns = ready == 0 ? 0 : parts_rest_ns(&call, timeout_ns);

		timeout->tv_sec = (time_t)(left_ns / NS_PER_S);
		timeout->tv_usec = (suseconds_t)(left_ns % NS_PER_S / 1000);
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
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = has_sets && parts_is_split(&call, timeout_ns)
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
	BLOCKED_SIGNALS signals = parts_block_signals();
	int ready = real.epoll_pwait(epoll_fd, events, count, LONG_WAIT_NS / NS_PER_MS,
				     mask ? mask : &signals.before);

	if (ready == 0) {
		before_announce(call);
		int64_t left_ns = parts_rest_ns(call, parts_milliseconds_ns(timeout));
		int left = left_ns == UNLIMITED ? -1 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);

		ready = real.epoll_pwait(epoll_fd, events, count, left,
					 mask ? mask : &signals.before);
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
	int ready = parts_is_split(&call, parts_milliseconds_ns(timeout))
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
	int ready = parts_is_split(&call, parts_milliseconds_ns(timeout))
			    ? epoll_in_parts(&call, epoll_fd, events, count, timeout, mask)
			    : real.epoll_pwait(epoll_fd, events, count, timeout, mask);
	return (int)after_call(&call, ready);
}

static int epoll_in_parts_ns(struct call *call, int epoll_fd, struct epoll_event *events, int count,
			     int64_t timeout_ns, const sigset_t *mask)
{
	const struct timespec first = parts_timespec(LONG_WAIT_NS);
	BLOCKED_SIGNALS signals = parts_block_signals();
	int ready =
		real.epoll_pwait2(epoll_fd, events, count, &first, mask ? mask : &signals.before);

	if (ready == 0) {
		before_announce(call);
		timeout_ns = parts_rest_ns(call, timeout_ns);
		const struct timespec rest = parts_timespec(timeout_ns);

		ready = real.epoll_pwait2(epoll_fd, events, count,
					  timeout_ns == UNLIMITED ? NULL : &rest,
					  mask ? mask : &signals.before);
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
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = parts_is_split(&call, timeout_ns)
			    ? epoll_in_parts_ns(&call, epoll_fd, events, count, timeout_ns, mask)
			    : real.epoll_pwait2(epoll_fd, events, count, timeout, mask);
	return (int)after_call(&call, ready);
}

#if __SIZEOF_LONG__ == 4
EXPORT int __ppoll64(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
		     const sigset_t *mask)
{
	struct call call;

	if (!watch_is_any())
		return real.__ppoll64(fds, count, timeout, mask);

	call_enter(&call, CALL_ppoll, -1);
	ppoll_arguments(&call, fds, count, timeout, mask);
	call_timespec64(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = parts_is_split(&call, timeout_ns)
			    ? ppoll_in_parts(&call, fds, count, timeout_ns, mask)
			    : real.__ppoll64(fds, count, timeout, mask);
	return (int)after_call(&call, ready);
}

EXPORT int __ppoll64_chk(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
			 const sigset_t *mask, size_t fds_size)
{
	struct call call;

	if (!watch_is_any())
		return real.__ppoll64_chk(fds, count, timeout, mask, fds_size);

	call_enter(&call, CALL___ppoll_chk, -1);
	ppoll_arguments(&call, fds, count, timeout, mask);
	call_timespec64(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = fds_size / sizeof(*fds) >= count && parts_is_split(&call, timeout_ns)
			    ? ppoll_in_parts(&call, fds, count, timeout_ns, mask)
			    : real.__ppoll64_chk(fds, count, timeout, mask, fds_size);
	return (int)after_call(&call, ready);
}

EXPORT int __select64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
		      struct timeval64 *timeout)
{
	struct call call;

	if (!watch_is_any())
		return real.__select64(count, read_set, write_set, except_set, timeout);

	call_enter(&call, CALL_select, -1);
	fd_set *const to[3] = {read_set, write_set, except_set};
	struct call_sets sets;
	int ready;

	select_arguments(&call, count, to, timeout);
	call_timeval64(&call, timeout);
	before_wait(&call);
	bool has_sets = call_select_sets(&call, &sets);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1000);
	if (!has_sets || !parts_is_split(&call, timeout_ns)) {
		ready = real.__select64(count, read_set, write_set, except_set, timeout);
		return (int)after_call(&call, ready);
	}
	ready = select_in_parts(&call, count, to, timeout_ns, NULL);
	if (timeout) {
		int64_t left_ns = ready == 0 ? 0 : parts_rest_ns(&call, timeout_ns);

		timeout->tv_sec = left_ns / NS_PER_S;
		timeout->tv_usec = left_ns % NS_PER_S / 1000;
	}
	return (int)after_call(&call, ready);
}

EXPORT int __pselect64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
		       const struct timespec64 *timeout, const sigset_t *mask)
{
	struct call call;

	if (!watch_is_any())
		return real.__pselect64(count, read_set, write_set, except_set, timeout, mask);

	call_enter(&call, CALL_pselect, -1);
	fd_set *const to[3] = {read_set, write_set, except_set};
	struct call_sets sets;

	select_arguments(&call, count, to, timeout);
	call_pointer(&call, mask);
	call_timespec64(&call, timeout);
	before_wait(&call);
	bool has_sets = call_select_sets(&call, &sets);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready =
		has_sets && parts_is_split(&call, timeout_ns)
			? select_in_parts(&call, count, to, timeout_ns, mask)
			: real.__pselect64(count, read_set, write_set, except_set, timeout, mask);
	return (int)after_call(&call, ready);
}

EXPORT int __epoll_pwait2_time64(int epoll_fd, struct epoll_event *events, int count,
				 const struct timespec64 *timeout, const sigset_t *mask)
{
	struct call call;

	if (!watch_is_epoll(epoll_fd))
		return real.__epoll_pwait2_time64(epoll_fd, events, count, timeout, mask);

	call_enter(&call, CALL_epoll_pwait2, epoll_fd);
	epoll_arguments(&call, epoll_fd, events, count);
	call_pointer(&call, timeout);
	call_pointer(&call, mask);
	call_timespec64(&call, timeout);
	before_wait(&call);
	int64_t timeout_ns = parts_timeout_ns(&call, timeout, 1);
	int ready = parts_is_split(&call, timeout_ns)
			    ? epoll_in_parts_ns(&call, epoll_fd, events, count, timeout_ns, mask)
			    : real.__epoll_pwait2_time64(epoll_fd, events, count, timeout, mask);
	return (int)after_call(&call, ready);
}
#endif
