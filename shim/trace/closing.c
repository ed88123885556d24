#include "trace/closing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>

#include "conn/tcpinfo.h"
#include "guest/cancelled.h"
#include "guest/children.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/choice.h"
#include "trace/descriptor.h"
#include "trace/emit.h"
#include "trace/rehearse.h"
#include "trace/step.h"
#include "trace/watch.h"

/* Returns whether a child may have inherited fd: it is not close-on-exec, and a child is alive.
 * posix_spawn and vfork are not seen. */
static bool may_be_inherited(int fd)
{
	return !restriction_is_filter() && raw_syscall3(SYS_fcntl, fd, F_GETFD, 0) == 0 &&
	       children_may_exist();
}

/* Detaches one descriptor. Returns whether it referred to a traced connection. If several of the
 * descriptors to be closed refer to the same connection, it is reported once. */
static bool detach_one(struct call *call, int fd)
{
	bool is_last;
	struct conn *conn = descriptor_detach(fd, &is_last);

	if (!conn) {
		descriptor_forget(fd);
		return false;
	}
	if (atomic_load(&conn->is_untraced)) {
		conn_release(conn);
		return false;
	}
	if (atomic_exchange(&conn->is_closing, true)) {
		conn_release(conn);
		return true;
	}
	conn->closing_fd = fd;
	conn->closing_info = (struct tcpinfo){0};
	if (emit_has_notes() && conn->kind == CONN_KIND_TCP &&
	    atomic_load(&conn->phase) == CONN_PHASE_OPEN && call->is_shown) {
		step_sample(fd, conn, TCPINFO_QUEUES, &conn->closing_info);
		if (conn->closing_info.state == STATE_CLOSE)
			step_sample(fd, conn, TCPINFO_QUEUES | TCPINFO_TIMERS | TCPINFO_LIMIT,
				    &conn->closing_info);
		if (may_be_inherited(fd))
			atomic_fetch_or(&conn->flags, CONN_FLAG_PASSED);
	}
	if (choice_is_on() && is_last)
		rehearse_closing(conn, fd);
	conn->next_closing = call->closing;
	call->closing = conn;
	return true;
}

static void abandon(struct conn *conn)
{
	struct conn *next;

	for (; conn; conn = next) {
		next = conn->next_closing;
		atomic_store(&conn->is_closing, false);
		conn_release(conn);
	}
}

static void abandon_held(uint64_t first)
{
	abandon((struct conn *)(uintptr_t)first);
}

static void forget_held(struct call *call)
{
	if (call->is_registered)
		cancelled_forget();
	call->is_registered = false;
}

bool closing_enter(struct call *call, enum tcpshim_call id, unsigned first, unsigned last)
{
	uint64_t slot = first == last ? fdtable_load((int)first) : 0;
	bool was_closed = first == last && fdtable_state(slot) == FD_CLOSED, is_watched = false;

	call->closing = NULL;
	if (!process_is_watching || (first == last && slot == 0))
		return false;
	process_check();
	if (!process_is_itself())
		return false;
	call_start(call, id, first == last ? (int)first : -1, slot);
	if (!call->is_nested)
		thread_raise_guard(call);
	for (int fd = fdtable_next((int)first, last); fd >= 0; fd = fdtable_next(fd + 1, last)) {
		if (fdtable_state(fdtable_load(fd)) != FD_OURS)
			is_watched |= detach_one(call, fd);
		if (fd == INT_MAX)
			break;
	}
	if (!call->is_nested)
		thread_lower_guard();
	if (call->closing)
		call->is_registered = cancelled_register(abandon_held, (uintptr_t)call->closing);
	return is_watched || was_closed;
}

void closing_note_copied(int fd)
{
	struct conn *conn = conn_acquire(fdtable_load(fd));

	if (!conn)
		return;
	atomic_fetch_or(&conn->flags, CONN_FLAG_PASSED);
	conn_release(conn);
}

bool closing_enter_dup(struct call *call, enum tcpshim_call id, int from, int to)
{
	struct call entering;
	bool is_watched, is_closing;

	call->closing = NULL;
	if (!process_is_watching)
		return false;
	if (!process_is_itself()) {
		closing_note_copied(from);
		return false;
	}
	is_watched = watch_is_on(from);
	if (is_watched)
		call_enter(&entering, id, from);
	is_closing = to >= 0 && to != from && closing_enter(call, id, (unsigned)to, (unsigned)to) &&
		     call->closing;
	if (!is_watched && !is_closing)
		return false;
	if (is_watched) {
		entering.closing = is_closing ? call->closing : NULL;
		entering.is_registered = is_closing && call->is_registered;
		*call = entering;
	}
	call->fd = from;
	call->slot = is_watched ? entering.slot : 0;
	return true;
}

void closing_leave(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown)
{
	struct conn *conn = call->closing, *next;

	forget_held(call);
	call->closing = NULL;
	for (; conn; conn = next) {
		next = conn->next_closing;
		emit_pin(conn);
		area->step = (struct conn_step){
			.effect = EFFECT_CLOSE,
			.fd = conn->closing_fd,
			.other_fd = -1,
			.is_maybe_shared = conn_is_maybe_shared(conn, process_forks()),
			.start_ns = call->start_ns,
			.now_ns = now_ns,
			.before = conn->closing_info,
		};
		/* Cleared before descriptors is read: a thread that closes the last one after this
		 * reports the end itself. */
		atomic_store(&conn->is_closing, false);
		area->step.is_shared_here = atomic_load(&conn->descriptors) > 0;
		if (area->step.is_shared_here)
			area->step.other_fd = descriptor_find_other(conn, conn->closing_fd);
		if (error == 0 || error == EINTR || error == EIO || error == ENOSPC ||
		    error == EDQUOT) {
			emit_step(area, conn, is_shown);
			emit_unpin(conn);
		} else if (error == EBADF && !call_is_copy(call)) {
			/* another thread has closed it in a way that is not seen; of dup2, EBADF is
			 * about the original */
			emit_unpin(conn);
		} else { /* it stays open: attach it again */
			struct conn *old;

			thread.pinned = NULL;
			old = descriptor_attach(conn->closing_fd, conn);
			if (old)
				conn_release(old);
		}
	}
}

void closing_abandon(struct call *call)
{
	struct conn *conn = call->closing;

	if (conn)
		forget_held(call);
	call->closing = NULL;
	abandon(conn);
}
