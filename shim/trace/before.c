#include "trace/before.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "conn/evidence.h"
#include "format/facts.h"
#include "guest/memory.h"
#include "guest/process.h"
#include "guest/thread.h"
#include "settings/config.h"
#include "sink/recording.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "trace/choice.h"
#include "trace/classify.h"
#include "trace/decode.h"
#include "trace/emit.h"
#include "trace/enforce.h"
#include "trace/input.h"
#include "trace/rehearse.h"
#include "trace/step.h"

bool before_is_announced(const struct call *call)
{
	return config.has_sleeping && call->is_shown && !call->is_nested &&
	       !restriction_is_filter();
}

static void announce_wait(struct area *area, struct call *call)
{
	uint64_t now_ns = process_now_ns();

	decode_call(area, call, 0, 0, true);
	if (emit_wait(area, call, 0, 0, now_ns, true, true))
		emit_event(area, now_ns);
}

void before_announce(struct call *call)
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

/* ROOMY_WRITES: how many writes of at most ROOMY_BYTES are assumed not to block after one that
 * found room. The smallest send buffer, 4608 bytes, has a third free when poll reports POLLOUT. */
enum { ROOMY_WRITES = 8, ROOMY_BYTES = 128 };

/* Returns how many bytes the call asks for. For vectors and messages that is not known before the
 * call, but 0 of them ask for nothing. */
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

/* Returns whether the call would block. Avoids asking the kernel if possible: a poll costs almost
 * as much as the call itself. */
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

/* Announces a call on a blocking descriptor if it would block. Asks once per call. */
static void announce_blocking(struct call *call, struct conn *conn, int events)
{
	struct area *area = thread_area();

	if (!area || !would_block(call, conn, events))
		return;
	decode_call(area, call, 0, 0, true);
	area->step = (struct conn_step){
		.effect = (uint8_t)call_effect(call),
		.is_sleeping = true,
		.is_unlimited = true,
		.is_asking_write = events == POLLOUT,
		.fd = call->fd,
		.other_fd = -1,
		.start_ns = call->start_ns,
		.now_ns = call->start_ns,
	};
	if (emit_has_notes() && conn->kind == CONN_KIND_TCP &&
	    atomic_load(&conn->phase) == CONN_PHASE_OPEN)
		step_sample_waiting(call->fd, conn, &area->step.before);
	emit_step(area, conn, true);
	emit_event(area, call->start_ns);
}

/* Returns whether something that was written is not acknowledged. */
static bool has_outstanding(const struct conn *conn, const struct tcpinfo *info)
{
	uint64_t written = atomic_load(&conn->sent_bytes) + atomic_load(&conn->sent_before_bytes);

	return written + atomic_load(&conn->acknowledged_base) > info->acknowledged_bytes;
}

/* Returns whether there is something to read beside the peer's FIN, which counts as a byte. */
static bool has_unread(const struct conn *conn, const struct tcpinfo *info)
{
	return info->received_bytes >
	       atomic_load(&conn->received_base) + atomic_load(&conn->received_bytes) + 1;
}

/* Asks the kernel, before a write after a pause, when the peer was last heard from and whether it
 * has closed meanwhile. Afterwards, the answer to this write would count. */
static void measure_pause(struct call *call, struct conn *conn)
{
	uint64_t silence_ns = call->start_ns - atomic_load(&conn->heard_ns), ack_ns, data_ns;
	struct tcpinfo info;

	if (conn->kind != CONN_KIND_TCP || atomic_load(&conn->phase) != CONN_PHASE_OPEN ||
	    call_argument(call, ARG_SIZE, 1) == 0 ||
	    call->start_ns - atomic_load(&conn->active_ns) < CONN_PAUSE_NS ||
	    step_sample(call->fd, conn, TCPINFO_STATE, &info) < 0 || info.state == STATE_SYN_RECV)
		return;
	ack_ns = info.last_ack_received_ms * UINT64_C(1000000);
	data_ns = info.last_data_ms * UINT64_C(1000000);
	silence_ns = silence_ns < ack_ns ? silence_ns : ack_ns;
	call->pause = (struct conn_pause){
		.silence_ns = silence_ns > 0 ? silence_ns : 1,
		.fin_ns = ack_ns,
		.quiet_ns = data_ns > ack_ns ? data_ns - ack_ns : 0,
		.state = info.state,
		.is_fin_bound = info.may_have_acknowledged,
		.has_outstanding = has_outstanding(conn, &info),
		.has_unread = has_unread(conn, &info),
	};
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

/* Returns whether the write will fail with EPIPE. Such a write does not block. */
static bool is_refused(const struct call *call, const struct conn *conn)
{
	if (conn->kind != CONN_KIND_TCP)
		return false;
	if (atomic_load_explicit(&conn->flags, memory_order_relaxed) &
	    (CONN_FLAG_DEAD | CONN_FLAG_SHUT_WRITE))
		return true;
	return atomic_load_explicit(&conn->fin_ns, memory_order_relaxed) != 0 &&
	       (raw_poll_events(call->fd) & POLLERR);
}

/* Blocks SIGPIPE, which ends most programs, until the line that explains it has been written. Known
 * hole: if a thread leaves such a write, which does not block, by cancellation or by siglongjmp
 * from a handler, SIGPIPE stays blocked in it. */
static void block_sigpipe(struct call *call)
{
	const uint64_t pipe = UINT64_C(1) << (SIGPIPE - 1);

	if (thread.has_blocked_signals) { /* all, until the guard is lowered */
		call->signal_mask = thread.signal_mask;
		thread.signal_mask |= pipe;
		call->is_sigpipe_blocked = true;
		return;
	}
	call->is_sigpipe_blocked = !restriction_is_inherited() &&
				   raw_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&pipe,
						(long)&call->signal_mask, sizeof(pipe)) == 0;
}

static void begin_on_connection(struct call *call, struct conn *conn)
{
	switch (call_effect(call)) {
	case EFFECT_WRITE:
		if (emit_has_notes())
			measure_pause(call, conn);
		if (is_refused(call, conn))
			block_sigpipe(call);
		break;
	case EFFECT_SHUTDOWN:
		conn->closing_info = (struct tcpinfo){0};
		if (emit_has_notes() && conn->kind == CONN_KIND_TCP)
			step_sample(call->fd, conn, TCPINFO_STATE, &conn->closing_info);
		break;
	default:
		break;
	}
}

/* Stores the address that connect was given as the peer, before the kernel has checked it. */
static void read_destination(const struct call *call, struct conn *conn)
{
	if (call->address_size > 0 && call->address_size == call->arguments[2])
		facts_read_sockaddr(&conn->peer, call->address, call->address_size);
}

/* Decides, before a socket connects or listens, whether TCPSHIM_MATCH selects it, and sets the
 * options of the policies. */
static void apply_policies(struct call *call, struct conn *conn, enum tcpshim_effect effect)
{
	bool is_listening = effect == EFFECT_LISTEN;

	if ((!policy_is_any(&config.policy) && config.match.count == 0) ||
	    restriction_is_filter() || atomic_load(&conn->phase) != CONN_PHASE_NEW ||
	    !process_is_itself())
		return;
	if (config.match.count != 0) {
		if (effect == EFFECT_CONNECT)
			read_destination(call, conn);
		else
			classify_read_addresses(call->fd, conn);
	}
	classify_match(call->fd, conn, is_listening ? ROLE_LISTENER : ROLE_CLIENT);
	enforce_options(call->fd, conn);
	call->slot = conn_slot(conn);
	call->is_shown = config.is_shown[call->id] && !atomic_load(&conn->is_untraced);
}

static bool is_opening(const struct call *call, enum tcpshim_effect effect)
{
	return effect == EFFECT_CONNECT || effect == EFFECT_LISTEN ||
	       (effect == EFFECT_WRITE &&
		(call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_FASTOPEN));
}

bool before_is_left_out(struct call *call)
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

/* Marks the call in the recording as the one that this thread is in. */
static void mark(const struct call *call)
{
	const struct conn *conn = conn_peek(call->slot);
	struct record_current current = {
		.start_ns = call->start_ns,
		.serial = conn ? conn->serial : 0,
		.fd = call->fd,
		.call = (uint16_t)(call->id + 1),
		.argument_count = call->argument_count,
	};

	memcpy(current.arguments, call->arguments, sizeof(current.arguments));
	recording_mark(&current);
}

void before_wait(const struct call *call)
{
	bool is_raised;

	if (!config.has_record || !call->is_shown)
		return;
	is_raised = thread.guard == 0 && thread_raise_guard(call);
	if (!call->is_nested)
		mark(call);
	if (is_raised)
		thread_lower_guard();
}

void before_call(struct call *call)
{
	enum tcpshim_effect effect = call_effect(call);
	struct conn *conn = NULL;

	input_copy_all(call);
	if (is_opening(call, effect) && (conn = conn_acquire(call->slot))) {
		apply_policies(call, conn, effect);
		conn_release(conn);
	}
	/* What these calls show about a connection is needed later, even if they are not shown
	 * themselves. */
	if ((!call->is_shown && effect != EFFECT_GET_OPTION && effect != EFFECT_SHUTDOWN &&
	     !choice_is_on()) ||
	    call->is_nested || !thread_raise_guard(call))
		return;
	read_length(call);
	conn = conn_acquire(call->slot);
	if (conn) {
		emit_pin(conn);
		if (choice_is_on() && thread_area())
			rehearse_before(thread_area(), call, conn);
		begin_on_connection(call, conn);
		if (!before_is_announced(call))
			;
		else if (effect == EFFECT_READ || effect == EFFECT_ACCEPT)
			announce_blocking(call, conn, POLLIN);
		else if (effect == EFFECT_WRITE)
			announce_blocking(call, conn, POLLOUT);
		emit_unpin(conn);
	}
	if (config.has_record && call->is_shown)
		mark(call);
	thread_lower_guard();
}
