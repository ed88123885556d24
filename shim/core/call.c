#include "core/call.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "core/children.h"
#include "core/config.h"
#include "core/decode.h"
#include "core/outcome.h"
#include "core/quick.h"
#include "core/raw.h"
#include "core/sight.h"
#include "core/stack.h"
#include "core/tcpinfo.h"
#include "core/tell.h"
#include "core/thread.h"
#include "format/facts.h"
#include "sink/sinks.h"

static void call_start(struct call *call, enum tcpshim_call id, int fd, uint64_t slot)
{
	memset(call, 0, offsetof(struct call, input_bytes));
	call->id = (uint16_t)id;
	call->fd = fd;
	call->other_fd = -1;
	call->slot = slot;
	call->start_ns = process_now_ns();
	call->is_shown = config.is_shown[id] && fdtable_state(slot) != FD_SILENT;
	call->forks = process_forks();
	call->errno_before = errno;
	call->is_nested = thread.guard != 0;
	/* A guard that a signal handler left up by siglongjmp is found dead here. */
	if (call->is_nested && thread_raise_guard(call)) {
		thread_lower_guard();
		call->is_nested = false;
	}
}

bool call_asks_what(int fd)
{
	uint64_t slot = fdtable_load(fd);
	bool is_watched;

	if (fdtable_is_known(slot))
		return fdtable_state(slot) == FD_WATCHED;
	if (!thread_raise_guard(&is_watched))
		return false;
	is_watched = sight_classify(fd, process_now_ns());
	thread_lower_guard();
	return is_watched;
}

bool call_is_known(int fd)
{
	return process_is_watching && (fdtable_has_conn(fdtable_load(fd)) || call_asks_what(fd) ||
				       fdtable_has_conn(fdtable_load(fd)));
}

void call_enter(struct call *call, enum tcpshim_call id, int fd)
{
	process_check();
	call_start(call, id, fd, fd >= 0 ? fdtable_load(fd) : 0);
}

void call_enter_read(struct call *call, enum tcpshim_call id, int fd, bool is_over)
{
	process_check();
	call_start(call, id, fd, is_over ? call->slot : fdtable_load(fd));
}

uint64_t call_argument(const struct call *call, enum tcpshim_argument_kind kind, uint64_t otherwise)
{
	const struct call_row *row = &call_rows[call->id];

	for (unsigned i = 0; i < call->argument_count; i++)
		if (row->kinds[i] == kind)
			return call->arguments[i];
	return otherwise;
}

/* posix_spawn and vfork are not seen: a child that is alive may have inherited what is not
 * close-on-exec. */
static bool may_be_inherited(int fd)
{
	return !process_is_quiet() && raw_syscall3(SYS_fcntl, fd, F_GETFD, 0) == 0 &&
	       children_may_exist();
}

/* True if fd stood for a connection. One that has several descriptors among those closed is told of
 * once. */
static bool detach_one(struct call *call, int fd)
{
	bool is_last;
	struct conn *conn = sight_detach(fd, &is_last);

	if (!conn) {
		sight_forget(fd);
		return false;
	}
	if (atomic_load(&conn->is_silent)) {
		conn_release(conn);
		return false;
	}
	if (atomic_exchange(&conn->is_closing, true)) {
		conn_release(conn);
		return true;
	}
	conn->closing_fd = fd;
	conn->closing_info = (struct tcpinfo){0};
	if (tell_has_notes() && conn->kind == CONN_TCP && atomic_load(&conn->phase) == CONN_OPEN &&
	    call->is_shown) {
		tcpinfo_sample(fd, TCPINFO_QUEUES, &conn->closing_info);
		if (conn->closing_info.state == STATE_CLOSE)
			tcpinfo_sample(fd, TCPINFO_QUEUES | TCPINFO_TIMERS | TCPINFO_LIMIT,
				       &conn->closing_info);
		if (may_be_inherited(fd))
			atomic_fetch_or(&conn->flags, CONN_PASSED);
	}
	conn->next_closing = call->closing;
	call->closing = conn;
	return true;
}

bool call_enter_close(struct call *call, enum tcpshim_call id, unsigned first, unsigned last)
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
	return is_watched || was_closed;
}

bool call_enter_dup(struct call *call, enum tcpshim_call id, int from, int to)
{
	struct call entering;
	bool is_watched, is_closing;

	call->closing = NULL;
	if (!process_is_watching || !process_is_itself())
		return false;
	is_watched = call_is_watched(from);
	if (is_watched)
		call_enter(&entering, id, from);
	is_closing = to >= 0 && to != from &&
		     call_enter_close(call, id, (unsigned)to, (unsigned)to) && call->closing;
	if (!is_watched && !is_closing)
		return false;
	if (is_watched) {
		entering.closing = is_closing ? call->closing : NULL;
		*call = entering;
	}
	call->fd = from;
	call->slot = is_watched ? entering.slot : 0;
	return true;
}

/* A SIGPIPE that was held back acts here, as the last thing of the call. */
static void let_pipe_signal(const struct call *call)
{
	if (!call->is_pipe_held)
		return;
	errno = call->errno_before;
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&call->signal_mask, 0,
		     sizeof(call->signal_mask));
}

int64_t call_leave(struct call *call, int64_t result)
{
	int saved_errno = errno, error = result < 0 ? saved_errno : 0;
	uint64_t now_ns = process_now_ns();
	bool is_shown = call->is_shown;
	struct area *area;

	process_check(); /* raw clone may have returned twice */
	if (call->is_nested || !thread_raise_guard(call)) {
		sinks_count_nested();
		outcome_take_silently(call, result, error, now_ns);
		let_pipe_signal(call);
		errno = saved_errno;
		return result;
	}
	area = thread_area();
	if (area) {
		if (is_shown)
			decode_call(area, call, result, error, false);
		if (outcome_take(area, call, result, error, now_ns, is_shown) && is_shown)
			tell_show(area, now_ns);
	} else {
		outcome_take_silently(call, result, error, now_ns);
		sinks_count_lost();
	}
	if (config.has_record)
		quick_unmark();
	thread_lower_guard();
	let_pipe_signal(call);
	errno = saved_errno;
	return result;
}

int call_shut(const struct call *call, int result)
{
	struct conn *conn = result < 0 && errno == ENOTCONN ? conn_acquire(call->slot) : NULL;

	if (!conn)
		return result;
	if (atomic_load(&conn->flags) & CONN_ENDED)
		result = 0;
	conn_release(conn);
	return result;
}

void call_mark(const struct call *call)
{
	if (config.has_record && call->is_shown)
		quick_mark(call);
}

void call_looked_up(uint64_t start_ns)
{
	thread.looked_up_ns = process_now_ns();
	thread.lookup_ns = thread.looked_up_ns - start_ns;
}

void call_made_pipe(int fds[2])
{
	if (thread.is_unwinding)
		stack_made_pipe(fds);
}

void call_made_ring(void)
{
	static _Atomic bool is_said;
	char frame;

	if (!process_is_tracing || !process_is_itself() || atomic_exchange(&is_said, true) ||
	    !thread_raise_guard(&frame))
		return;
	sinks_say_ring(thread_area());
	thread_lower_guard();
}

void call_abandon(struct call *call)
{
	struct conn *conn = call->closing, *next;

	for (; conn; conn = next) {
		next = conn->next_closing;
		atomic_store(&conn->is_closing, false);
		conn_release(conn);
	}
	call->closing = NULL;
}

enum process_quiet call_be_quiet(enum process_quiet quiet)
{
	process_check();
	if (quiet != PROCESS_LOUD)
		quick_stop();
	if (thread_raise_guard(&quiet)) {
		sinks_be_quiet(thread_area());
		thread_lower_guard();
	}
	return process_set_quiet(quiet);
}

static void tell_left_open(struct area *area, struct conn *conn, int fd, uint64_t now_ns,
			   bool is_child)
{
	bool is_maybe_shared = conn_is_maybe_shared(conn, process_forks());

	/* Told at its first descriptor; another thread may be closing it. */
	if (atomic_load(&conn->is_silent) || (is_child && is_maybe_shared) ||
	    atomic_exchange(&conn->is_closing, true))
		return;
	area->step = (struct conn_step){
		.effect = EFFECT_EXIT,
		.fd = fd,
		.other_fd = -1,
		.now_ns = now_ns,
		.is_maybe_shared = is_maybe_shared,
	};
	/* The peer's FIN may have come while nobody read. */
	tcpinfo_sample(fd, TCPINFO_STATE, &area->step.after);
	tell(area, conn, true);
}

/* The process whose end has been told of: by exit, which ends with _exit. */
static _Atomic int ended_pid;

void call_exit(int status, bool is_at_once)
{
	bool is_child;
	struct call call;
	struct area *area;
	uint64_t now_ns;

	/* A new process that has made no watched call yet has nothing of its own to tell. */
	if (!process_is_tracing || (is_at_once && atomic_load(process_alive) == 0))
		return;
	process_check();
	is_child = is_at_once && process_is_child();
	if (!process_is_itself() || atomic_exchange(&ended_pid, process_pid()) == process_pid())
		return;
	call_start(&call, CALL_exit, -1, 0);
	if (!thread_raise_guard(&call))
		return;
	now_ns = process_now_ns();
	area = thread_area();
	if (area) {
		call_integer(&call, status);
		decode_call(area, &call, 0, 0, false);
		for (int fd = fdtable_next(0, INT_MAX); tell_has_notes() && fd >= 0;
		     fd = fdtable_next(fd + 1, INT_MAX)) {
			struct conn *conn = conn_acquire(fdtable_load(fd));

			if (!conn)
				continue;
			tell_left_open(area, conn, fd, now_ns, is_child);
			conn_release(conn);
			if (area->event.subject_count == EVENT_SUBJECTS) {
				tell_show(area, now_ns);
				area->event.subject_count = 0;
			}
		}
		if (area->event.subject_count > 0)
			tell_show(area, now_ns);
	}
	sinks_end(area, status);
	thread_lower_guard();
}
