/* A call before and while it blocks: what has to be asked first, and "(sleeping...)". */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/annotate.h"
#include "core/call.h"
#include "core/config.h"
#include "core/decode.h"
#include "core/enforce.h"
#include "core/input.h"
#include "core/memory.h"
#include "core/quick.h"
#include "core/raw.h"
#include "core/sight.h"
#include "core/step.h"
#include "core/tell.h"
#include "core/thread.h"
#include "format/facts.h"

bool call_is_announced(const struct call *call)
{
	return config.has_sleeping && call->is_shown && !call->is_nested && !process_is_quiet();
}

static void announce_wait(struct area *area, struct call *call)
{
	uint64_t now_ns = process_now_ns();

	decode_call(area, call, 0, 0, true);
	if (tell_wait(area, call, 0, 0, now_ns, true, true))
		tell_show(area, now_ns);
}

void call_announce(struct call *call)
{
	struct area *area;

	if (!thread_raise_guard(call))
		return;
	process_check();
	area = thread_area();
	if (area)
		announce_wait(area, call);
	thread_lower_guard();
}

/* Small writes that are let through after one that found room. The smallest send buffer, 4608
 * bytes, has a third of it free when poll says POLLOUT. */
enum { ROOMY_WRITES = 8, ROOMY_BYTES = 128 };

/* Bytes asked for; of vectors and messages it is not known before the call, but 0 of them ask for
 * nothing. */
static uint64_t asked_size(const struct call *call)
{
	switch (call_rows[call->id].kinds[1]) {
	case ARG_VECTOR:
	case ARG_VECTOR_OUT:
	case ARG_MESSAGES:
	case ARG_MESSAGES_OUT:
		return (int)call->arguments[2] <= 0 ? 0 : ROOMY_BYTES + 1;
	default:
		return call_argument(call, ARG_SIZE, ROOMY_BYTES + 1);
	}
}

/* Whether the call would block. What is known spares asking: a poll costs almost as much as the
 * call itself. */
static bool would_block(struct call *call, struct conn *conn, int events)
{
	uint64_t size = asked_size(call);
	bool is_small = events == POLLOUT && size <= ROOMY_BYTES;
	uint8_t roomy = atomic_load_explicit(&conn->roomy_writes, memory_order_relaxed);
	long flags;

	if (size == 0 || atomic_load_explicit(&conn->is_nonblocking, memory_order_relaxed) ||
	    (call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_DONTWAIT) ||
	    (call_argument(call, ARG_RW_FLAGS, 0) & RWF_NOWAIT) ||
	    (int64_t)call_argument(call, ARG_POSITION, UINT64_MAX) >= 0 /* refused on a socket */)
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
	if (flags >= 0 && (flags & O_NONBLOCK))
		atomic_store(&conn->is_nonblocking, true);
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
	if (tell_has_notes() && conn->kind == CONN_TCP && atomic_load(&conn->phase) == CONN_OPEN)
		step_sample_waiting(call->fd, &area->step.before);
	tell(area, conn, true);
	tell_show(area, call->start_ns);
}

/* A write after long silence: when was the peer last heard, before its answer to this write comes
 * in. */
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

		if (call_rows[call->id].kinds[i] == ARG_LENGTH_OUT && length)
			call->has_length_in =
				memory_copy_all(&call->length_in, length, sizeof(call->length_in),
						call->start_ns);
	}
}

void call_timeout(struct call *call, const void *timeout)
{
	call->is_unlimited = !timeout;
	if (timeout && call->is_shown)
		call->has_time =
			memory_copy_all(call->time, timeout, sizeof(call->time), call->start_ns);
}

bool call_select_sets(struct call *call, struct call_sets *sets)
{
	int count = (int)call->arguments[0];
	size_t size = ((size_t)count + 63) / 64 * 8;

	if (count < 0 || size > sizeof(sets->words[0]) || !call->is_shown)
		return false;
	memset(sets, 0, sizeof(*sets));
	for (unsigned set = 0; set < 3; set++) {
		const void *from = (const void *)(uintptr_t)call->arguments[set + 1];

		if (from && !memory_copy_all(sets->words[set], from, size, call->start_ns))
			return false;
	}
	call->sets = sets;
	return true;
}

/* Whether the write is going to fail with EPIPE. It does not block then. */
static bool is_refused(const struct call *call, const struct conn *conn)
{
	if (conn->kind != CONN_TCP)
		return false;
	if (atomic_load_explicit(&conn->flags, memory_order_relaxed) &
	    (CONN_DEAD | CONN_SHUT_WRITE))
		return true;
	return atomic_load_explicit(&conn->fin_ns, memory_order_relaxed) != 0 &&
	       (raw_poll_events(call->fd) & POLLERR);
}

/* SIGPIPE ends most programs: it is let in when the line that explains it is written. A known hole:
 * a thread that leaves such a write, which does not block, by cancellation or by siglongjmp out of
 * a handler, goes on with SIGPIPE blocked. */
static void hold_pipe_signal(struct call *call)
{
	const uint64_t pipe = UINT64_C(1) << (SIGPIPE - 1);

	call->is_pipe_held = !process_is_filtered() &&
			     raw_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&pipe,
					  (long)&call->signal_mask, sizeof(pipe)) == 0;
}

static void begin_on_connection(struct call *call, struct conn *conn)
{
	switch (step_effect(call)) {
	case EFFECT_WRITE:
		if (tell_has_notes())
			measure_silence(call, conn);
		if (is_refused(call, conn))
			hold_pipe_signal(call);
		break;
	case EFFECT_SHUTDOWN:
		conn->closing_info = (struct tcpinfo){0};
		if (tell_has_notes() && conn->kind == CONN_TCP)
			tcpinfo_sample(call->fd, TCPINFO_STATE, &conn->closing_info);
		break;
	default:
		break;
	}
}

/* The other end that connect is told of, before the kernel has looked at it. */
static void read_destination(const struct call *call, struct conn *conn)
{
	if (call->address_size > 0 && call->address_size == call->arguments[2])
		facts_read_sockaddr(&conn->peer, call->address, call->address_size);
}

/* Before a socket connects or listens: the policies' options, and whether it is selected at all. */
static void police(struct call *call, struct conn *conn, enum tcpshim_effect effect)
{
	bool is_listening = effect == EFFECT_LISTEN;

	if ((!policy_is_any(&config.policy) && config.match.count == 0) || process_is_quiet() ||
	    atomic_load(&conn->phase) != CONN_NEW || !process_is_itself())
		return;
	if (config.match.count != 0) {
		if (effect == EFFECT_CONNECT)
			read_destination(call, conn);
		else
			sight_read_addresses(call->fd, conn);
	}
	sight_judge(call->fd, conn, is_listening ? ROLE_LISTENER : ROLE_CLIENT);
	enforce_options(call->fd, conn);
	call->slot = conn_slot(conn);
	call->is_shown = config.is_shown[call->id] && !atomic_load(&conn->is_silent);
}

static bool is_opening(const struct call *call, enum tcpshim_effect effect)
{
	return effect == EFFECT_CONNECT || effect == EFFECT_LISTEN ||
	       (effect == EFFECT_WRITE &&
		(call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_FASTOPEN));
}

bool call_is_left_out(struct call *call)
{
	struct conn *conn =
		config.policy.is_forced && process_is_itself() ? conn_acquire(call->slot) : NULL;
	bool is_left_out =
		conn && enforce_leaves_out(conn, (int)call->arguments[1], (int)call->arguments[2],
					   (const void *)(uintptr_t)call->arguments[3],
					   (uint32_t)call->arguments[4]);

	if (conn)
		conn_release(conn);
	return is_left_out;
}

/* Copies an argument of at most most bytes; returns how many were readable. */
static uint8_t copy_argument(const struct call *call, void *to, unsigned index, uint64_t size,
			     uint64_t most)
{
	const void *from = (const void *)(uintptr_t)call->arguments[index];

	return (uint8_t)memory_copy(to, from, size < most ? size : most, call->start_ns);
}

/* The input arguments other than the payload. */
static void copy_small_input(struct call *call)
{
	const struct call_row *row = &call_rows[call->id];

	for (unsigned i = 0; i < call->argument_count; i++) {
		switch (row->kinds[i]) {
		case ARG_ADDRESS:
			call->address_size = copy_argument(call, call->address, i,
							   (uint32_t)call->arguments[i + 1],
							   sizeof(call->address));
			break;
		case ARG_OPTION:
			call->value_size = copy_argument(call, call->value, i,
							 (uint32_t)call->arguments[i + 1],
							 sizeof(call->value));
			break;
		case ARG_EPOLL_EVENT:
			if (call->arguments[1] != EPOLL_CTL_DEL)
				call->value_size = copy_argument(call, call->value, i,
								 sizeof(struct epoll_event),
								 sizeof(call->value));
			break;
		case ARG_IOCTL_VALUE:
			if (call->arguments[1] == FIONBIO || call->arguments[1] == FIOASYNC)
				call->value_size = copy_argument(call, call->value, i, sizeof(int),
								 sizeof(call->value));
			break;
		default:
			break;
		}
	}
}

void call_copy_input(struct call *call)
{
	copy_small_input(call);
	input_copy(call);
}

void call_begin(struct call *call)
{
	enum tcpshim_effect effect = step_effect(call);
	struct conn *conn = NULL;

	call_copy_input(call);
	if (is_opening(call, effect) && (conn = conn_acquire(call->slot))) {
		police(call, conn, effect);
		conn_release(conn);
	}
	/* What these tell of a connection is needed later, whether they are shown or not. */
	if ((!call->is_shown && effect != EFFECT_GET_OPTION && effect != EFFECT_SHUTDOWN) ||
	    call->is_nested || !thread_raise_guard(call))
		return;
	read_length(call);
	conn = conn_acquire(call->slot);
	if (conn) {
		tell_hold(conn);
		begin_on_connection(call, conn);
		if (!call_is_announced(call))
			;
		else if (effect == EFFECT_READ || effect == EFFECT_ACCEPT)
			announce_blocking(call, conn, POLLIN);
		else if (effect == EFFECT_WRITE)
			announce_blocking(call, conn, POLLOUT);
		tell_let_go(conn);
	}
	if (config.has_record && call->is_shown)
		quick_mark(call);
	thread_lower_guard();
}
