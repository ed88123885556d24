#include "trace/step.h"

#include <errno.h>

#include "conn/evidence.h"
#include "conn/fdtable.h"
#include "conn/rehearsed.h"
#include "conn/state.h"
#include "format/facts.h"
#include "guest/process.h"

/* Returns how many bytes the call asked to read or write. 0: that is not known. A sendfile or
 * splice that moves less than it asked for may have come to the end of the file. */
static uint64_t asked_bytes(const struct call *call)
{
	switch (call_rows[call->id].kinds[1]) {
	case ARG_VECTOR:
	case ARG_MESSAGE:
	case ARG_MESSAGES:
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE_OUT:
	case ARG_MESSAGES_OUT:
		return call->asked_bytes;
	case ARG_BYTES:
	case ARG_BYTES_OUT:
		return call_argument(call, ARG_SIZE, 0);
	default:
		return call_effect(call) == EFFECT_READ ? call_argument(call, ARG_SIZE, 0) : 0;
	}
}

static bool is_no_failure(int error)
{
	return error == 0 || error == EAGAIN || error == EINTR || error == EINPROGRESS ||
	       error == EALREADY || error == EFAULT || error == EINVAL || error == ENOTCONN ||
	       error == EBADF;
}

static void step_start(struct conn_step *step, const struct call *call, uint64_t now_ns)
{
	*step = (struct conn_step){
		.effect = (uint8_t)call_effect(call),
		.fd = call->fd,
		.other_fd = -1,
		.start_ns = call->start_ns,
		.now_ns = now_ns,
	};
}

/* Returns the pending error if the program asked for it (SO_ERROR), otherwise 0. */
static int returned_error(const struct call *call)
{
	int value = 0;

	if ((int)call->arguments[1] == SOL_SOCKET && (int)call->arguments[2] == SO_ERROR &&
	    call->length_in >= sizeof(value))
		value = *(const int *)(uintptr_t)call->arguments[3];
	return value;
}

bool step_is_asked(const struct conn *conn, uint64_t now_ns, bool is_over)
{
	uint64_t blocked_ns = atomic_load_explicit(&conn->blocked_ns, memory_order_relaxed);

	return blocked_ns != 0 && now_ns - blocked_ns >= LONG_WAIT_NS &&
	       (is_over || now_ns - atomic_load(&conn->asked_ns) >= LONG_WAIT_NS);
}

int step_sample(int fd, const struct conn *conn, unsigned parts, struct tcpinfo *info)
{
	int result = tcpinfo_sample(fd, parts, info);

	if (result == 0)
		rehearsed_restore(conn, process_now_ns(), info);
	return result;
}

void step_sample_waiting(int fd, const struct conn *conn, struct tcpinfo *info)
{
	if (step_sample(fd, conn, TCPINFO_TIMERS, info) == 0 && info->state == STATE_CLOSE)
		step_sample(fd, conn, TCPINFO_TIMERS | TCPINFO_LIMIT, info);
}

/* Asks the kernel at a transition, after a long wait, and where Nagle's algorithm may have held
 * back the last write. */
static void take_sample(struct conn_step *step, const struct call *call, const struct conn *conn,
			bool is_transition, bool is_long)
{
	int sampled = 0;

	/* The descriptor may refer to another socket by now, through this process or a close that
	 * was not seen. */
	if (fdtable_load(call->fd) != call->slot)
		return;
	if (is_transition)
		sampled = step_sample(call->fd, conn, TCPINFO_TIMERS | TCPINFO_LIMIT, &step->after);
	else if (step->effect == EFFECT_READ && step->result > 0 &&
		 state_may_be_held(conn, step->now_ns) &&
		 !conn_is_maybe_shared(conn, process_forks()))
		step_sample(call->fd, conn, TCPINFO_NAGLE | (is_long ? TCPINFO_TIMERS : 0),
			    &step->before);
	else if (is_long)
		step_sample_waiting(call->fd, conn, &step->before);
	step->is_other_file = sampled == -ENOTSOCK || sampled == -EOPNOTSUPP ||
			      sampled == -ENOPROTOOPT;
}

void step_fill(struct conn_step *step, const struct call *call, const struct conn *conn,
	       int64_t result, int error, uint64_t now_ns, bool has_samples)
{
	uint8_t phase = atomic_load(&conn->phase);
	bool is_transition = !is_no_failure(error),
	     is_long = now_ns - call->start_ns >= LONG_WAIT_NS;

	step_start(step, call, now_ns);
	step->error = error;
	step->result = call_bytes(call, result);
	switch (step->effect) {
	case EFFECT_READ:
		step->is_peek = call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_PEEK;
		step->is_unlimited = true;
		if (step->result == 0)
			step->asked_bytes = asked_bytes(call);
		is_transition |= step->result == 0 && step->asked_bytes > 0;
		break;
	case EFFECT_WRITE:
		step->pause = call->pause;
		step->alert = call->alert;
		step->has_more = call_argument(call, ARG_MESSAGE_FLAGS, 0) & MSG_MORE;
		step->asked_bytes = asked_bytes(call);
		is_long = is_long ? error == 0 : step_is_asked(conn, now_ns, step->result > 0);
		break;
	case EFFECT_CONNECT:
		if (error == EADDRNOTAVAIL && has_samples)
			tcpinfo_count_ports(&step->ports);
		is_transition = error == 0 || error == EISCONN;
		is_long = false;
		break;
	case EFFECT_ACCEPT:
		is_transition = error == 0;
		is_long = false;
		break;
	case EFFECT_SHUTDOWN:
		step->how = (int)call->arguments[1];
		step->before = conn->closing_info;
		is_transition = is_long = false;
		break;
	case EFFECT_GET_OPTION:
		if (error == 0)
			step->error = returned_error(call);
		is_transition = step->error != 0 && error == 0;
		is_long = false;
		break;
	default:
		is_transition = is_long = false;
		break;
	}
	is_transition |= phase == CONN_PHASE_CONNECTING && step->effect != EFFECT_NONE &&
			 step->effect != EFFECT_CONNECT;
	if (has_samples && conn->kind == CONN_KIND_TCP)
		take_sample(step, call, conn, is_transition, is_long && phase == CONN_PHASE_OPEN);
}

void step_fill_wait(struct conn_step *step, const struct call *call, const struct conn *conn,
		    const struct decode_entry *entry, uint64_t now_ns, bool is_sleeping,
		    bool has_samples)
{
	uint8_t phase = atomic_load(&conn->phase);
	bool is_long = is_sleeping || now_ns - call->start_ns >= LONG_WAIT_NS ||
		       step_is_asked(conn, now_ns, (entry->revents & POLLOUT) != 0);

	step_start(step, call, now_ns);
	step->effect = EFFECT_WAIT;
	step->fd = entry->fd;
	step->revents = rehearsed_events(conn, entry->revents);
	step->result = entry->revents != 0;
	step->is_sleeping = is_sleeping;
	step->is_unlimited = call->is_unlimited;
	step->is_asking_write = entry->events & POLLOUT;
	if (!has_samples || conn->kind != CONN_KIND_TCP)
		return;
	if ((entry->revents & (POLLERR | POLLHUP)) ||
	    (phase == CONN_PHASE_CONNECTING && entry->revents != 0))
		step_sample(entry->fd, conn, TCPINFO_TIMERS | TCPINFO_LIMIT, &step->after);
	else if (is_long && phase == CONN_PHASE_OPEN)
		step_sample_waiting(entry->fd, conn, &step->before);
	/* Another thread may have closed the descriptor, and opened another with its number. */
	if (fdtable_load(entry->fd) != conn_slot(conn)) {
		step->before.state = STATE_UNKNOWN;
		step->after.state = STATE_UNKNOWN;
	}
}
