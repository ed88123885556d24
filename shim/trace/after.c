#include "trace/after.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conn/epoll_map.h"
#include "conn/evidence.h"
#include "conn/state.h"
#include "format/facts.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "sink/recording.h"
#include "sink/sinks.h"
#include "sys/raw.h"
#include "trace/before.h"
#include "trace/choice.h"
#include "trace/classify.h"
#include "trace/closing.h"
#include "trace/decode.h"
#include "trace/descriptor.h"
#include "trace/emit.h"
#include "trace/enforce.h"
#include "trace/opening.h"
#include "trace/rehearse.h"
#include "trace/step.h"

/* Forgets the call's descriptor: it was closed in a way that is not seen, and its number refers to
 * another file. */
static void drop_stale(const struct call *call)
{
	if (process_is_itself() && fdtable_load(call->fd) == call->slot)
		descriptor_replace(call->fd, FD_UNKNOWN);
}

/* Notes whether the program made the descriptor non-blocking. */
static void note_blocking(const struct call *call, struct conn *conn)
{
	const struct call_row *row = &call_rows[call->id];

	if (row->kinds[1] == ARG_FCNTL_COMMAND && (int)call->arguments[1] == F_SETFL)
		atomic_store(&conn->is_nonblocking, (call->arguments[2] & O_NONBLOCK) != 0);
	else if (row->kinds[1] == ARG_IOCTL_REQUEST && call->arguments[1] == FIONBIO &&
		 call->value_size >= sizeof(int))
		atomic_store(&conn->is_nonblocking, (int)call->value[0] != 0);
}

/* Reads the connection's addresses, and decides about a connection whose TCPSHIM_MATCH result was
 * not known before. */
static void find_ends(const struct call *call, struct conn *conn)
{
	bool is_in_doubt = atomic_load(&conn->match) == MATCH_UNKNOWN && process_is_itself();

	if (is_in_doubt || !atomic_load(&conn->is_untraced)) {
		if (call->address_size > 0)
			facts_read_sockaddr(&conn->peer, call->address, call->address_size);
		classify_read_addresses(call->fd, conn);
	}
	if (is_in_doubt) {
		classify_match(call->fd, conn, ROLE_CLIENT);
		enforce_options(call->fd, conn);
	}
}

/* Takes the duration of a name lookup that this thread made just before. */
static uint64_t take_lookup(const struct call *call)
{
	uint64_t lookup_ns = thread.lookup_ns;

	thread.lookup_ns = 0;
	return call->start_ns - thread.looked_up_ns < LONG_WAIT_NS ? lookup_ns : 0;
}

/* Advances the connection that the call is on. Returns false if it is untraced. */
static bool leave_on_connection(struct area *area, struct call *call, int64_t result, int error,
				uint64_t now_ns, bool is_shown)
{
	struct conn *conn = conn_acquire(call->slot);

	if (!conn)
		return true;
	emit_pin(conn);
	if (call_effect(call) == EFFECT_CONNECT && conn->kind == CONN_KIND_TCP &&
	    (error != 0 || !call_is_disconnect(call)))
		find_ends(call, conn);
	if (call_effect(call) == EFFECT_LISTEN && conn->kind == CONN_KIND_TCP && error == 0 &&
	    is_shown)
		classify_read_addresses(call->fd, conn);
	if (error == 0)
		note_blocking(call, conn);
	is_shown = is_shown && !atomic_load(&conn->is_untraced);
	step_fill(&area->step, call, conn, result, error, now_ns, is_shown && emit_has_notes());
	area->step.is_disconnect = area->step.effect == EFFECT_CONNECT && error == 0 &&
				   call_is_disconnect(call);
	if (area->step.is_other_file) {
		area->step = (struct conn_step){.effect = EFFECT_CREATE,
						.fd = call->fd,
						.other_fd = call->fd,
						.now_ns = now_ns};
		emit_step(area, conn, is_shown);
		drop_stale(call);
		emit_unpin(conn);
		return is_shown;
	}
	if (area->step.effect == EFFECT_WRITE && atomic_load(&conn->phase) == CONN_PHASE_NEW)
		find_ends(call, conn); /* MSG_FASTOPEN connects */
	if (area->step.effect == EFFECT_SET_OPTION && error == 0)
		enforce_note_option(call->fd, conn, (int)call->arguments[1],
				    (int)call->arguments[2]);
	if (area->step.effect == EFFECT_CONNECT)
		area->step.lookup_ns = take_lookup(call);
	area->step.policy_end = enforce_end(call->fd, call->slot, conn, &area->step);
	emit_step(area, conn, is_shown);
	emit_unpin(conn);
	return is_shown;
}

static void leave_epoll_ctl(const struct call *call)
{
	int fd = (int)call->arguments[2];
	uint64_t slot = fdtable_load(call->fd);
	struct conn *conn;
	bool is_shown;

	conn = conn_acquire(fdtable_load(fd));
	is_shown = conn && !atomic_load(&conn->is_untraced);
	if ((int)call->arguments[1] != EPOLL_CTL_DEL) {
		struct epoll_event event;

		if (call->value_size < sizeof(event)) {
			if (conn)
				conn_release(conn);
			return;
		}
		memcpy(&event, call->value, sizeof(event));
		epoll_map_store(call->fd, event.data.u64, fd);
		if (is_shown)
			atomic_store(&conn->epoll, descriptor_mark_epoll(call->fd));
	} else if (conn && fdtable_state(slot) == FD_EPOLL && atomic_load(&conn->epoll) == slot) {
		atomic_store(&conn->epoll, 0);
	}
	if (conn)
		conn_release(conn);
}

/* Applies what the call did. Puts notes into area->event if is_shown. Returns whether the call is
 * to be shown. */
static bool apply(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		  bool is_shown)
{
	switch ((enum tcpshim_effect)call_rows[call->id].effect) {
	case EFFECT_CREATE:
		return opening_socket(area, call, result, error, now_ns, is_shown);
	case EFFECT_PAIR:
		return opening_pair(area, call, error, now_ns, is_shown);
	case EFFECT_ADOPT:
		return opening_adopt(area, call, result, error, now_ns, is_shown);
	case EFFECT_ACCEPT:
		return opening_accept(area, call, result, error, now_ns, is_shown);
	case EFFECT_CLOSE:
		closing_leave(area, call, error, now_ns, is_shown);
		/* A failed close of a descriptor that had referred to a connection is shown. */
		return fdtable_state(call->slot) != FD_CLOSED || error == EBADF;
	case EFFECT_WAIT:
		return emit_wait(area, call, result, error, now_ns, false, is_shown);
	case EFFECT_EPOLL:
		if (call_rows[call->id].kinds[1] != ARG_EPOLL_OPERATION)
			return descriptor_watched_count() > 0;
		if (error == 0 && process_is_itself())
			leave_epoll_ctl(call);
		return fdtable_state(fdtable_load((int)call->arguments[2])) == FD_WATCHED;
	default:
		is_shown = leave_on_connection(area, call, result, error, now_ns, is_shown);
		if (call_is_copy(call)) {
			if (call->closing)
				closing_leave(area, call, error, now_ns, is_shown);
			if (error == 0 && (int)result != call->fd)
				descriptor_copy(call->fd, (int)result);
		}
		return is_shown;
	}
}

/* Applies what a call did that interrupted the library's own code: updates the table and the
 * counters, and shows nothing. */
static void apply_unshown(struct call *call, int64_t result, int error, uint64_t now_ns)
{
	struct conn *conn = conn_acquire(call->slot);
	struct conn_step step;

	if (conn) {
		step_fill(&step, call, conn, result, error, now_ns, false);
		step.policy_end = enforce_end(call->fd, call->slot, conn, &step);
		if (step.effect == EFFECT_READ || step.effect == EFFECT_WRITE ||
		    step.effect == EFFECT_CONNECT)
			state_advance(conn, &step);
		conn_release(conn);
	}
	closing_abandon(call);
	if (error != 0 || !process_is_itself())
		return;
	opening_unshown(call, result, now_ns);
	if (call_is_copy(call) && (int)result != call->fd)
		descriptor_copy(call->fd, (int)result);
}

/* Unblocks SIGPIPE as the last action of the call: a pending one is delivered here. */
static void release_sigpipe(const struct call *call)
{
	if (!call->is_sigpipe_blocked)
		return;
	errno = call->errno_before;
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&call->signal_mask, 0,
		     sizeof(call->signal_mask));
}

int64_t after_call(struct call *call, int64_t result)
{
	int saved_errno = errno, error = result < 0 ? saved_errno : 0;
	uint64_t now_ns = process_now_ns();
	bool is_shown = call->is_shown;
	struct area *area;

	process_check(); /* raw clone may have returned twice */
	if (call->is_nested || !thread_raise_guard(call)) {
		sinks_count_nested();
		apply_unshown(call, result, error, now_ns);
		release_sigpipe(call);
		errno = saved_errno;
		return result;
	}
	if (choice_is_on()) {
		rehearse_await();
		if (error != 0)
			saved_errno = error = rehearse_error(call, error);
	}
	area = thread_area();
	if (area) {
		if (is_shown)
			decode_call(area, call, result, error, false);
		if (apply(area, call, result, error, now_ns, is_shown) && is_shown)
			emit_event(area, now_ns);
		if (choice_is_on())
			rehearse_after(area, call, result);
	} else {
		apply_unshown(call, result, error, now_ns);
		sinks_count_lost();
	}
	if (config.has_record)
		recording_unmark();
	thread_lower_guard();
	release_sigpipe(call);
	errno = saved_errno;
	return result;
}

/* Copies the input, the vectors that show how much was asked for, after the real call. */
__attribute__((noinline, cold)) int64_t after_untraced_read(struct call *call, int64_t result)
{
	struct call entered;

	call_start(&entered, (enum tcpshim_call)call->id, call->fd, call->slot);
	memcpy(entered.arguments, call->arguments, sizeof(entered.arguments));
	entered.argument_count = call->argument_count;
	entered.is_stdio = call->is_stdio;
	before_call(&entered);
	return after_call(&entered, result);
}

int after_shutdown(const struct call *call, int result)
{
	struct conn *conn = result < 0 && errno == ENOTCONN ? conn_acquire(call->slot) : NULL;

	if (!conn)
		return result;
	if (atomic_load(&conn->flags) & CONN_FLAG_POLICY_ENDED)
		result = 0;
	conn_release(conn);
	return result;
}

void after_lookup(uint64_t start_ns)
{
	thread.looked_up_ns = process_now_ns();
	thread.lookup_ns = thread.looked_up_ns - start_ns;
}

void after_ring(void)
{
	static _Atomic bool is_reported;
	char frame;

	if (!process_is_tracing || !process_is_itself() || atomic_exchange(&is_reported, true) ||
	    !thread_raise_guard(&frame))
		return;
	sinks_report_ring(thread_area());
	thread_lower_guard();
}
