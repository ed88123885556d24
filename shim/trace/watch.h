/*
 * watch: decides whether the library has to do anything for a call.
 *
 * Every call of the program on any descriptor asks here first, so for unwatched descriptors the
 * answer costs a load and a branch. If it is false, the wrapper tail-calls the real function: after
 * a system call, each further return costs as much as the whole test.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I2, I5.
 */
#ifndef TRACE_WATCH_H
#define TRACE_WATCH_H

#include <sys/socket.h>

#include "conn/fdtable.h"
#include "guest/process.h"
#include "settings/config.h"
#include "trace/call.h"
#include "trace/descriptor.h"

/* Slow path of watch_is_on: classifies a descriptor seen for the first time. */
bool watch_is_on_slowly(int fd);

/* Returns whether calls on fd are watched. */
static inline bool watch_is_on(int fd)
{
	if (!process_is_watching)
		return false;
	/* For a descriptor that is known as unwatched nothing but loads is done, so that the
	 * compiler needs no stack frame. */
	if ((unsigned)fd < FDTABLE_LOW) {
		enum fd_state state = fdtable_state(fdtable_load(fd));

		if (state == FD_WATCHED)
			return true;
		if (state == FD_UNWATCHED || state == FD_UNTRACED)
			return false;
	}
	return watch_is_on_slowly(fd);
}

/* Returns whether fd refers to a connection, untraced ones included. For calls that matter to
 * policies. */
bool watch_has_conn(int fd);

/* For setsockopt, which a forced policy may leave out. */
static inline bool watch_is_setting(int fd)
{
	return watch_is_on(fd) || (config.policy.is_forced && watch_has_conn(fd));
}

/* For shutdown, which close-on-EOF may already have done. */
static inline bool watch_is_shutting(int fd)
{
	return watch_is_on(fd) || (config.policy.on_eof != POLICY_EOF_OFF && watch_has_conn(fd));
}

/* For calls that send: MSG_FASTOPEN makes them connect. */
static inline bool watch_is_sending(int fd, int flags)
{
	return watch_is_on(fd) || ((flags & MSG_FASTOPEN) && watch_has_conn(fd));
}

/* For calls that read. Also true for an untraced descriptor, if close-on-EOF acts on its end of
 * stream. Then call keeps the slot that fd has before the read. */
static inline bool watch_is_read(struct call *call, int fd)
{
	call->is_eof_only = false;
	if (watch_is_on(fd))
		return true;
	if (config.policy.on_eof == POLICY_EOF_OFF)
		return false;
	call->slot = fdtable_load(fd);
	call->is_eof_only = fdtable_state(call->slot) == FD_UNTRACED;
	return call->is_eof_only;
}

/* For waits on an epoll instance: returns whether a watched descriptor was added to it. */
static inline bool watch_is_epoll(int epoll_fd)
{
	return process_is_watching && fdtable_state(fdtable_load(epoll_fd)) == FD_EPOLL;
}

/* For poll and select: returns whether anything is watched. */
static inline bool watch_is_any(void)
{
	return process_is_watching && descriptor_watched_count() > 0;
}

/* Returns whether fd is the library's own, which does not exist for the program (I7). */
static inline bool watch_is_own(int fd)
{
	return fdtable_state(fdtable_load(fd)) == FD_OURS && process_is_itself();
}

#endif
