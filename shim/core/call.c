#include "core/call.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/annotate.h"
#include "core/config.h"
#include "core/decode.h"
#include "core/epoll_map.h"
#include "core/raw.h"
#include "core/sight.h"
#include "core/step.h"
#include "core/thread.h"
#include "format/facts.h"
#include "sink/sink_text.h"

static bool has_notes(void)
{
	return config.style.least_severity != SEVERITY_NONE;
}

/* --- Entering. --- */

static void call_start(struct call *call, enum tcpshim_call id, int fd, uint64_t slot)
{
	*call = (struct call){
		.id = (uint16_t)id,
		.fd = fd,
		.other_fd = -1,
		.slot = slot,
		.start_ns = process_now_ns(),
		.is_nested = thread.guard != 0,
	};
	/* A guard that a signal handler left up by siglongjmp is found dead here. */
	if (call->is_nested && thread_raise_guard()) {
		thread_lower_guard();
		call->is_nested = false;
	}
}

bool call_asks_what(int fd)
{
	bool is_watched;

	process_check();
	if (fdtable_is_known(fdtable_load(fd)) || !thread_raise_guard())
		return false;
	is_watched = sight_classify(fd, process_now_ns());
	thread_lower_guard();
	return is_watched;
}

void call_enter(struct call *call, enum tcpshim_call id, int fd)
{
	process_check();
	call_start(call, id, fd, fd >= 0 ? fdtable_load(fd) : 0);
}

static void detach_one(struct call *call, int fd, bool is_range)
{
	bool is_last;
	struct conn *conn = sight_detach(fd, &is_last);

	if (!conn) {
		sight_forget(fd);
		return;
	}
	/* Of a connection with several descriptors in the range, the last one tells; the others end nothing. */
	if (is_range && !is_last) {
		conn_release(conn);
		return;
	}
	call->is_closing_shared = !is_last;
	conn->closing_fd = fd;
	conn->closing_info = (struct tcpinfo){0};
	if (has_notes() && conn->kind == CONN_TCP && atomic_load(&conn->phase) == CONN_OPEN &&
	    config.is_shown[call->id]) {
		tcpinfo_sample(fd, TCPINFO_QUEUES, &conn->closing_info);
		if (conn->closing_info.state == STATE_CLOSE)
			tcpinfo_sample(fd, TCPINFO_QUEUES | TCPINFO_TIMERS | TCPINFO_LIMIT, &conn->closing_info);
	}
	conn->next_closing = call->closing;
	call->closing = conn;
}

bool call_enter_close(struct call *call, enum tcpshim_call id, unsigned first, unsigned last)
{
	uint64_t slot = first == last ? fdtable_load((int)first) : 0;
	bool was_closed = first == last && fdtable_state(slot) == FD_CLOSED;

	call->closing = NULL;
	if (!process_is_watching || (first == last && slot == 0))
		return false;
	process_check();
	if (!process_is_itself())
		return false;
	call_start(call, id, first == last ? (int)first : -1, slot);
	if (!call->is_nested)
		thread_raise_guard();
	for (int fd = fdtable_next((int)first, last); fd >= 0; fd = fdtable_next(fd + 1, last)) {
		if (fdtable_state(fdtable_load(fd)) != FD_OURS)
			detach_one(call, fd, first != last);
		if (fd == INT_MAX)
			break;
	}
	if (!call->is_nested)
		thread_lower_guard();
	return call->closing || was_closed;
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
	is_closing = to >= 0 && to != from && call_enter_close(call, id, (unsigned)to, (unsigned)to);
	if (!is_watched && !is_closing)
		return false;
	if (is_watched) {
		entering.closing = is_closing ? call->closing : NULL;
		entering.is_closing_shared = is_closing && call->is_closing_shared;
		*call = entering;
	}
	call->fd = from;
	call->slot = is_watched ? entering.slot : 0;
	return true;
}

/* --- Showing. --- */

/* Adds what the step meant to the event, and takes the step. */
static void tell(struct area *area, struct conn *conn, bool is_shown)
{
	struct tcpshim_event *event = &area->event;
	struct tcpshim_subject *subject;
	uint64_t notes;

	if (!is_shown || !has_notes() || !annotate_is_worth_asking(conn, &area->step)) {
		conn_advance(conn, &area->step);
		return;
	}
	conn_read(conn, &area->before);
	conn_advance(conn, &area->step);
	conn_read(conn, &area->after);
	if (event->subject_count == EVENT_SUBJECTS) {
		event->subjects_left_out++;
		return;
	}
	subject = &event->subjects[event->subject_count];
	notes = annotate(&area->before, &area->after, &area->step, &subject->facts);
	conn_said(conn, notes & annotate_once, annotate_again(&area->after, &area->step));
	if (notes != 0) {
		subject->notes = notes;
		event->subject_count++;
	}
}

static void hold(struct conn *conn)
{
	thread.held = conn;
}

static void let_go(struct conn *conn)
{
	thread.held = NULL;
	conn_release(conn);
}

static void show(struct area *area, uint64_t now_ns)
{
	area->event.time_ns = now_ns;
	sink_text_event(&area->event, area->text, sizeof(area->text));
	if (!(area->event.flags & EVENT_SLEEPING))
		thread.previous_ns = now_ns;
}

/* --- Waits. --- */

static void tell_wait_entry(struct area *area, const struct call *call, const struct decode_entry *entry,
			    uint64_t now_ns, bool is_sleeping, bool is_shown)
{
	struct conn *conn = conn_acquire(fdtable_load(entry->fd));

	if (!conn)
		return;
	hold(conn);
	step_fill_wait(&area->step, call, conn, entry, now_ns, is_sleeping, is_shown && has_notes());
	tell(area, conn, is_shown);
	let_go(conn);
}

/* epoll_wait does not say what it waits for: the connections that were last added to this instance. */
static void tell_epoll_members(struct area *area, const struct call *call, uint64_t now_ns, bool is_sleeping)
{
	for (uint32_t i = 0; i < conn_slab_size() && area->event.subject_count < EVENT_SUBJECTS; i++) {
		struct conn *conn = conn_acquire_at(i);
		struct decode_entry entry = {0};

		if (!conn)
			continue;
		if (atomic_load(&conn->epoll_fd) == call->fd && atomic_load(&conn->phase) == CONN_OPEN) {
			entry.fd = sight_find_other(conn, -1);
			step_fill_wait(&area->step, call, conn, &entry, now_ns, is_sleeping, true);
			tell(area, conn, true);
		}
		conn_release(conn);
	}
}

/* True if one of the call's descriptors is watched. */
static bool tell_wait(struct area *area, const struct call *call, int64_t result, int error, uint64_t now_ns,
		      bool is_sleeping, bool is_shown)
{
	bool is_epoll = call_rows[call->id].kinds[1] == ARG_EPOLL_SET, is_watched = is_epoll;
	bool is_long = is_sleeping || now_ns - call->start_ns >= LONG_WAIT_NS;
	struct decode_wait wait;
	struct decode_entry entry;

	decode_wait_start(&wait, call, result, error, is_sleeping);
	while (decode_wait_next(&wait, &entry)) {
		uint64_t slot = fdtable_load(entry.fd);

		if (entry.fd < 0)
			continue;
		if (!fdtable_is_known(slot) && sight_classify(entry.fd, now_ns))
			slot = fdtable_load(entry.fd);
		if (fdtable_state(slot) != FD_WATCHED)
			continue;
		is_watched = true;
		if (entry.revents != 0 || is_long)
			tell_wait_entry(area, call, &entry, now_ns, is_sleeping, is_shown);
	}
	if (is_epoll && is_shown && has_notes() && is_long && result <= 0)
		tell_epoll_members(area, call, now_ns, is_sleeping);
	return is_watched;
}

bool call_is_announced(const struct call *call)
{
	return config.has_sleeping && config.is_shown[call->id] && !call->is_nested && !process_is_quiet();
}

static void announce_wait(struct area *area, struct call *call)
{
	uint64_t now_ns = process_now_ns();

	decode_call(area, call, 0, 0, true);
	if (tell_wait(area, call, 0, 0, now_ns, true, true))
		show(area, now_ns);
}

void call_announce(struct call *call)
{
	struct area *area;

	if (!thread_raise_guard())
		return;
	process_check();
	area = thread_area();
	if (area)
		announce_wait(area, call);
	thread_lower_guard();
}

/* --- Before the real call. --- */

/* Small writes that are let through after one that found room. The smallest send buffer, 4608 bytes, has a third
 * of it free when poll says POLLOUT. */
enum { ROOMY_WRITES = 8, ROOMY_BYTES = 128 };

static uint64_t argument_of(const struct call *call, enum tcpshim_argument_kind kind, uint64_t otherwise)
{
	for (unsigned i = 0; i < call->argument_count; i++)
		if (call_rows[call->id].kinds[i] == kind)
			return call->arguments[i];
	return otherwise;
}

/* Whether the call would block. What is known spares asking: a poll costs almost as much as the call itself. */
static bool would_block(struct call *call, struct conn *conn, int events)
{
	bool is_small = events == POLLOUT && argument_of(call, ARG_SIZE, ROOMY_BYTES + 1) <= ROOMY_BYTES;
	uint8_t roomy = atomic_load_explicit(&conn->roomy_writes, memory_order_relaxed);
	long flags;

	if (atomic_load_explicit(&conn->is_nonblocking, memory_order_relaxed) ||
	    (argument_of(call, ARG_MESSAGE_FLAGS, 0) & MSG_DONTWAIT))
		return false;
	if (events == POLLIN && atomic_load_explicit(&conn->is_ready, memory_order_relaxed))
		return false;
	if (is_small && roomy > 0) {
		atomic_store_explicit(&conn->roomy_writes, roomy - 1, memory_order_relaxed);
		return false;
	}
	if (raw_is_ready(call->fd, events)) {
		atomic_store_explicit(&conn->roomy_writes, events == POLLOUT ? ROOMY_WRITES : roomy,
				      memory_order_relaxed);
		return false;
	}
	flags = raw_syscall3(SYS_fcntl, call->fd, F_GETFL, 0);
	return flags >= 0 && !(flags & O_NONBLOCK);
}

/* A blocking call is asked once whether it would block, and announced if so. */
static void announce_blocking(struct call *call, struct conn *conn, int events)
{
	struct area *area = thread_area();

	if (!area || !would_block(call, conn, events))
		return;
	decode_call(area, call, 0, 0, true);
	area->step = (struct conn_step){
		.effect = (uint8_t)step_effect(call),
		.is_sleeping = true,
		.is_unlimited = true,
		.is_asking_write = events == POLLOUT,
		.fd = call->fd,
		.other_fd = -1,
		.start_ns = call->start_ns,
		.now_ns = call->start_ns,
	};
	if (has_notes() && conn->kind == CONN_TCP && atomic_load(&conn->phase) == CONN_OPEN)
		tcpinfo_sample(call->fd, TCPINFO_TIMERS, &area->step.before);
	tell(area, conn, true);
	show(area, call->start_ns);
}

/* A write after long silence: when was the peer last heard, before its answer to this write comes in. */
static void measure_silence(struct call *call, struct conn *conn)
{
	uint64_t silence_ns = call->start_ns - atomic_load(&conn->heard_ns), ack_ns;
	struct tcpinfo info;

	if (conn->kind != CONN_TCP || atomic_load(&conn->phase) != CONN_OPEN ||
	    call->start_ns - atomic_load(&conn->active_ns) < SILENCE_NS ||
	    tcpinfo_sample(call->fd, TCPINFO_STATE, &info) < 0)
		return;
	ack_ns = info.last_ack_received_ms * UINT64_C(1000000);
	call->silence_ns = silence_ns < ack_ns ? silence_ns : ack_ns;
}

static void read_length(struct call *call)
{
	for (unsigned i = 0; i < call->argument_count; i++) {
		const void *length = (const void *)(uintptr_t)call->arguments[i];

		if (call_rows[call->id].kinds[i] == ARG_LENGTH_OUT && length && !process_is_quiet())
			call->has_length_in =
				raw_copy_from_program(&call->length_in, length, sizeof(call->length_in)) == 0;
	}
}

void call_timeout(struct call *call, const void *timeout)
{
	call->is_unlimited = !timeout;
	if (timeout && !process_is_quiet())
		call->has_time = raw_copy_from_program(call->time, timeout, sizeof(call->time)) == 0;
}

bool call_select_sets(struct call *call, struct call_sets *sets)
{
	int count = (int)call->arguments[0];
	size_t size = ((size_t)count + 63) / 64 * 8;

	if (count < 0 || size > sizeof(sets->words[0]) || process_is_quiet())
		return false;
	memset(sets, 0, sizeof(*sets));
	for (unsigned set = 0; set < 3; set++) {
		const void *from = (const void *)(uintptr_t)call->arguments[set + 1];

		if (from && raw_copy_from_program(sets->words[set], from, size) < 0)
			return false;
	}
	call->sets = sets;
	return true;
}

static void begin_on_connection(struct call *call, struct conn *conn)
{
	switch (step_effect(call)) {
	case EFFECT_WRITE:
		if (has_notes())
			measure_silence(call, conn);
		break;
	case EFFECT_SHUTDOWN:
		conn->closing_info = (struct tcpinfo){0};
		if (has_notes() && conn->kind == CONN_TCP)
			tcpinfo_sample(call->fd, TCPINFO_STATE, &conn->closing_info);
		break;
	default:
		break;
	}
}

void call_begin(struct call *call)
{
	enum tcpshim_effect effect = step_effect(call);
	struct conn *conn;

	if (!config.is_shown[call->id] || call->is_nested || !thread_raise_guard())
		return;
	read_length(call);
	conn = conn_acquire(call->slot);
	if (conn) {
		hold(conn);
		begin_on_connection(call, conn);
		if (!call_is_announced(call))
			;
		else if (effect == EFFECT_READ || effect == EFFECT_ACCEPT)
			announce_blocking(call, conn, POLLIN);
		else if (effect == EFFECT_WRITE)
			announce_blocking(call, conn, POLLOUT);
		let_go(conn);
	}
	thread_lower_guard();
}

/* --- After the real call. --- */

/* A descriptor that the call made: as what it is to be known from now on. Returns its connection with a
 * reference of the caller's, and in *old_fd the number if a close of it was never seen. */
static struct conn *attach_new(int fd, enum conn_kind kind, uint64_t now_ns, int *old_fd)
{
	struct conn *conn = conn_create(kind, CONN_NEW, process_forks(), now_ns), *old;
	uint64_t slot;

	if (!conn)
		return NULL;
	slot = conn_slot(conn);
	old = sight_attach(fd, conn);
	if (old) {
		*old_fd = fd;
		conn_release(old);
	}
	return conn_acquire(slot);
}

static void mark_unwatched(int fd)
{
	bool is_stored;

	fdtable_exchange(fd, fdtable_slot(FD_UNWATCHED, 0, 0), &is_stored);
}

static bool leave_socket(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
			 bool is_shown)
{
	enum conn_kind kind;
	struct conn *conn;
	int old_fd = -1;

	if (!sight_is_watched_socket((int)call->arguments[0], (int)call->arguments[1], (int)call->arguments[2],
				     &kind)) {
		if (error == 0)
			mark_unwatched((int)result);
		return false;
	}
	if (error != 0)
		return true;
	conn = attach_new((int)result, kind, now_ns, &old_fd);
	if (!conn)
		return true;
	atomic_store(&conn->is_nonblocking, (call->arguments[1] & SOCK_NONBLOCK) != 0);
	area->step = (struct conn_step){.effect = EFFECT_CREATE, .fd = (int)result, .other_fd = old_fd, .now_ns = now_ns};
	tell(area, conn, is_shown);
	conn_release(conn);
	return true;
}

static void leave_accept(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
			 bool is_shown)
{
	struct conn *listener = conn_acquire(call->slot), *conn;
	enum conn_kind kind = listener ? (enum conn_kind)listener->kind : CONN_TCP;
	int old_fd = -1;

	if (listener)
		conn_release(listener);
	if (error != 0)
		return;
	conn = attach_new((int)result, kind, now_ns, &old_fd);
	if (!conn)
		return;
	hold(conn);
	atomic_store(&conn->is_nonblocking, call->id == CALL_accept4 && (call->arguments[3] & SOCK_NONBLOCK));
	if (kind == CONN_TCP)
		sight_read_addresses((int)result, conn);
	area->step = (struct conn_step){
		.effect = EFFECT_ACCEPT,
		.fd = (int)result,
		.other_fd = old_fd,
		.start_ns = call->start_ns,
		.now_ns = now_ns,
	};
	if (is_shown && has_notes() && kind == CONN_TCP)
		tcpinfo_sample((int)result, TCPINFO_STATE, &area->step.after);
	tell(area, conn, is_shown);
	let_go(conn);
}

static void leave_close(struct area *area, struct call *call, int error, uint64_t now_ns, bool is_shown)
{
	struct conn *conn = call->closing, *next;

	call->closing = NULL;
	for (; conn; conn = next) {
		next = conn->next_closing;
		hold(conn);
		area->step = (struct conn_step){
			.effect = EFFECT_CLOSE,
			.fd = conn->closing_fd,
			.other_fd = call->is_closing_shared ? sight_find_other(conn, conn->closing_fd) : -1,
			.is_shared_here = call->is_closing_shared,
			.is_maybe_shared = conn_is_maybe_shared(conn, process_forks()),
			.start_ns = call->start_ns,
			.now_ns = now_ns,
			.before = conn->closing_info,
		};
		if (error == 0 || error == EINTR || error == EIO || error == ENOSPC || error == EDQUOT) {
			tell(area, conn, is_shown);
			let_go(conn);
		} else if (error == EBADF) { /* another thread was faster by a way that is not seen */
			let_go(conn);
		} else { /* it stays open: back into the table */
			thread.held = NULL;
			sight_attach(conn->closing_fd, conn);
		}
	}
}

static void copy_slot(int from, int to)
{
	uint64_t slot = fdtable_load(from);
	struct conn *conn = conn_acquire(slot);
	bool is_stored;

	if (conn) {
		struct conn *old = sight_attach(to, conn);

		if (old)
			conn_release(old);
	} else if (fdtable_state(slot) == FD_UNWATCHED || fdtable_state(slot) == FD_EPOLL) {
		fdtable_exchange(to, slot, &is_stored);
	} else {
		fdtable_exchange(to, fdtable_slot(FD_UNKNOWN, 0, 0), &is_stored);
	}
}

void call_copied(int from, int to)
{
	if (process_is_watching && process_is_itself())
		copy_slot(from, to);
}

static bool is_copying(const struct call *call)
{
	if (call_rows[call->id].effect == EFFECT_DUP)
		return true;
	return call_rows[call->id].kinds[1] == ARG_FCNTL_COMMAND &&
	       ((int)call->arguments[1] == F_DUPFD || (int)call->arguments[1] == F_DUPFD_CLOEXEC);
}

/* The program made the descriptor blocking or not. */
static void note_blocking(const struct call *call, struct conn *conn)
{
	const struct call_row *row = &call_rows[call->id];

	if (row->kinds[1] == ARG_FCNTL_COMMAND && (int)call->arguments[1] == F_SETFL)
		atomic_store(&conn->is_nonblocking, (call->arguments[2] & O_NONBLOCK) != 0);
	else if (row->kinds[1] == ARG_IOCTL_REQUEST && call->arguments[1] == FIONBIO)
		atomic_store(&conn->is_nonblocking, *(const int *)(uintptr_t)call->arguments[2] != 0);
}

static void leave_on_connection(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
				bool is_shown)
{
	struct conn *conn = conn_acquire(call->slot);

	if (!conn)
		return;
	hold(conn);
	if (step_effect(call) == EFFECT_CONNECT && conn->kind == CONN_TCP) {
		if (area->event.address)
			facts_read_sockaddr(&conn->peer, area->event.address, area->event.address_size);
		sight_read_addresses(call->fd, conn);
	}
	if (error == 0)
		note_blocking(call, conn);
	step_fill(&area->step, call, conn, result, error, now_ns, is_shown && has_notes());
	tell(area, conn, is_shown);
	let_go(conn);
}

static void leave_epoll_ctl(const struct area *area, const struct call *call)
{
	int fd = (int)call->arguments[2];
	uint64_t slot = fdtable_load(call->fd);
	struct conn *conn;

	(void)area;
	conn = conn_acquire(fdtable_load(fd));
	if ((int)call->arguments[1] != EPOLL_CTL_DEL) {
		struct epoll_event event;

		memcpy(&event, (const void *)(uintptr_t)call->arguments[3], sizeof(event));
		epoll_map_store(call->fd, event.data.u64, fd);
		if (conn && fdtable_state(slot) != FD_EPOLL)
			fdtable_replace(call->fd, slot, fdtable_slot(FD_EPOLL, 0, 0));
		if (conn)
			atomic_store(&conn->epoll_fd, call->fd);
	} else if (conn && atomic_load(&conn->epoll_fd) == call->fd) {
		atomic_store(&conn->epoll_fd, -1);
	}
	if (conn)
		conn_release(conn);
}

/* What the call did is noted; true if it is one to be shown. */
static bool take_in(struct area *area, struct call *call, int64_t result, int error, uint64_t now_ns,
		    bool is_shown)
{
	switch ((enum tcpshim_effect)call_rows[call->id].effect) {
	case EFFECT_CREATE:
		return leave_socket(area, call, result, error, now_ns, is_shown);
	case EFFECT_ACCEPT:
		leave_accept(area, call, result, error, now_ns, is_shown);
		return true;
	case EFFECT_CLOSE:
		leave_close(area, call, error, now_ns, is_shown);
		/* A close of what is no longer open is shown where it was a connection's before. */
		return fdtable_state(call->slot) != FD_CLOSED || error == EBADF;
	case EFFECT_WAIT:
		return tell_wait(area, call, result, error, now_ns, false, is_shown);
	case EFFECT_EPOLL:
		if (call_rows[call->id].kinds[1] != ARG_EPOLL_OPERATION)
			return sight_count() > 0;
		if (error == 0)
			leave_epoll_ctl(area, call);
		return fdtable_state(fdtable_load((int)call->arguments[2])) == FD_WATCHED;
	default:
		leave_on_connection(area, call, result, error, now_ns, is_shown);
		if (is_copying(call)) {
			if (call->closing)
				leave_close(area, call, error, now_ns, is_shown);
			if (error == 0 && (int)result != call->fd)
				copy_slot(call->fd, (int)result);
		}
		return true;
	}
}

/* The library was interrupted at its own work by a signal handler: the table and the counts are kept right, the
 * call itself is not shown. */
static void leave_nested(struct call *call, int64_t result, int error, uint64_t now_ns)
{
	struct conn *conn = conn_acquire(call->slot), *next;
	struct conn_step step;
	int old_fd = -1;
	enum conn_kind kind;

	sink_text_count_passed();
	if (conn) {
		step_fill(&step, call, conn, result, error, now_ns, false);
		if (step.effect == EFFECT_READ || step.effect == EFFECT_WRITE || step.effect == EFFECT_CONNECT)
			conn_advance(conn, &step);
		conn_release(conn);
	}
	for (conn = call->closing; conn; conn = next) {
		next = conn->next_closing;
		conn_release(conn);
	}
	call->closing = NULL;
	if (error != 0)
		return;
	if (call_rows[call->id].effect == EFFECT_CREATE &&
	    sight_is_watched_socket((int)call->arguments[0], (int)call->arguments[1], (int)call->arguments[2], &kind))
		conn = attach_new((int)result, kind, now_ns, &old_fd);
	else if (call_rows[call->id].effect == EFFECT_ACCEPT)
		conn = attach_new((int)result, CONN_TCP, now_ns, &old_fd);
	if (conn)
		conn_release(conn);
	if (is_copying(call) && (int)result != call->fd)
		copy_slot(call->fd, (int)result);
}

int64_t call_leave(struct call *call, int64_t result)
{
	int saved_errno = errno, error = result < 0 ? saved_errno : 0;
	uint64_t now_ns = process_now_ns();
	bool is_shown = config.is_shown[call->id];
	struct area *area;

	process_check(); /* raw clone may have returned twice */
	if (call->is_nested || !thread_raise_guard()) {
		leave_nested(call, result, error, now_ns);
		errno = saved_errno;
		return result;
	}
	area = thread_area();
	if (area) {
		if (is_shown)
			decode_call(area, call, result, error, false);
		if (take_in(area, call, result, error, now_ns, is_shown) && is_shown)
			show(area, now_ns);
	} else {
		leave_nested(call, result, error, now_ns);
		sink_text_count_lost();
	}
	thread_lower_guard();
	errno = saved_errno;
	return result;
}

void call_abandon(struct call *call)
{
	struct conn *conn = call->closing, *next;

	for (; conn; conn = next) {
		next = conn->next_closing;
		conn_release(conn);
	}
	call->closing = NULL;
}

/* --- What other processes are given, and the end. --- */

void call_passed_descriptors(const struct msghdr *message, bool is_received)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);

	for (; header; header = CMSG_NXTHDR((struct msghdr *)message, (struct cmsghdr *)header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			struct conn *conn;
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			if (is_received) {
				sight_forget(fd);
				continue;
			}
			conn = conn_acquire(fdtable_load(fd));
			if (conn) {
				atomic_fetch_or(&conn->flags, CONN_PASSED);
				conn_release(conn);
			}
		}
	}
}

void call_exit(int status)
{
	struct call call;
	struct area *area;
	uint64_t now_ns;

	if (!process_is_watching)
		return;
	process_check();
	if (!process_is_itself() || !thread_raise_guard())
		return;
	now_ns = process_now_ns();
	area = config.is_any_shown ? thread_area() : NULL;
	if (area) {
		call_start(&call, CALL_exit, -1, 0);
		call_integer(&call, status);
		decode_call(area, &call, 0, 0, false);
		for (uint32_t i = 0; has_notes() && i < conn_slab_size(); i++) {
			struct conn *conn = conn_acquire_at(i);

			if (!conn)
				continue;
			area->step = (struct conn_step){
				.effect = EFFECT_EXIT,
				.fd = sight_find_other(conn, -1),
				.other_fd = -1,
				.now_ns = now_ns,
				.is_maybe_shared = conn_is_maybe_shared(conn, process_forks()),
			};
			tell(area, conn, true);
			conn_release(conn);
			if (area->event.subject_count == EVENT_SUBJECTS) {
				show(area, now_ns);
				area->event.subject_count = 0;
			}
		}
		if (area->event.subject_count > 0)
			show(area, now_ns);
	}
	sink_text_end();
	thread_lower_guard();
}
