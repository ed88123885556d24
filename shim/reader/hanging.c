#include "reader/hanging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/note_set.h"

#define LONG_WAIT_NS UINT64_C(1000000000)

/* --- What calls that returned show. --- */

/* Returns whether an option's value has any bit. */
static bool is_on(const struct tcpshim_event *event)
{
	const uint8_t *bytes = event->value;

	for (uint32_t i = 0; bytes && i < event->value_size; i++)
		if (bytes[i] != 0)
			return true;
	return false;
}

static void learn_option(struct hanging *hanging, const struct tcpshim_event *event)
{
	if (event->error != 0 || (int)event->arguments[1] != SOL_SOCKET)
		return;
	switch ((int)event->arguments[2]) {
	case SO_KEEPALIVE:
		hanging->has_keepalive = is_on(event);
		break;
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		hanging->has_timeout = is_on(event);
		break;
	default:
		break;
	}
}

/* Learns from fcntl and ioctl. */
static void learn_control(struct hanging *hanging, const struct tcpshim_event *event)
{
	if (event->error != 0)
		return;
	switch (event->call) {
	case CALL_fcntl:
	case CALL_fcntl64:
		if ((int)event->arguments[1] == F_SETFL)
			hanging->is_nonblocking = (event->arguments[2] & O_NONBLOCK) != 0;
		break;
	case CALL_ioctl:
		if (event->arguments[1] == FIONBIO)
			hanging->is_nonblocking = is_on(event);
		break;
	default:
		break;
	}
}

/* Learns from a call that made the connection's descriptor. */
static void learn_making(struct hanging *hanging, const struct hanging_listeners *listeners,
			 const struct tcpshim_event *event)
{
	bool is_accept = call_rows[event->call].effect == EFFECT_ACCEPT;

	if (event->error != 0 || (is_accept && event->connection.role != ROLE_SERVER))
		return;
	hanging->is_made = !is_accept || (listeners->is_any_made && !listeners->has_any_option);
	hanging->fd = (int32_t)event->result;
	if (event->call == CALL_accept4)
		hanging->is_nonblocking = (event->arguments[3] & SOCK_NONBLOCK) != 0;
	else if (!is_accept)
		hanging->is_nonblocking = (event->arguments[1] & SOCK_NONBLOCK) != 0;
}

/* Learns what a policy has set. */
static void learn_policies(struct hanging *hanging, const struct tcpshim_event *event)
{
	for (uint32_t i = 0; i < event->subject_count; i++)
		if (event->subjects[i].facts.serial == event->connection.serial &&
		    note_set_has(&event->subjects[i].notes, NOTE_policy_keepalive))
			hanging->has_keepalive = true;
}

void hanging_learn(struct hanging *hanging, struct hanging_listeners *listeners,
		   const struct tcpshim_event *event)
{
	switch (call_rows[event->call].effect) {
	case EFFECT_CREATE:
	case EFFECT_ACCEPT:
		learn_making(hanging, listeners, event);
		hanging->moved_ns = event->time_ns;
		break;
	case EFFECT_CONNECT:
		hanging->moved_ns = event->time_ns;
		break;
	case EFFECT_READ:
	case EFFECT_WRITE:
		hanging->fd = (int32_t)event->arguments[0];
		if (event->result > 0) {
			hanging->moved_ns = event->time_ns;
			hanging->has_moved = true;
		}
		break;
	case EFFECT_CLOSE:
		if ((int32_t)event->arguments[0] == hanging->fd)
			hanging->fd = -1;
		break;
	case EFFECT_LISTEN:
		listeners->is_any_made |= hanging->is_made;
		break;
	case EFFECT_SET_OPTION:
		learn_option(hanging, event);
		break;
	case EFFECT_NONE:
		learn_control(hanging, event);
		break;
	default:
		break;
	}
	learn_policies(hanging, event);
	if (event->connection.role == ROLE_LISTENER)
		listeners->has_any_option |= hanging->has_keepalive || hanging->has_timeout;
}

/* --- A call that has not returned. --- */

bool hanging_is_unlimited(const struct tcpshim_event *event)
{
	const struct call_row *row = &call_rows[event->call];

	if (row->effect != EFFECT_READ && row->effect != EFFECT_WAIT)
		return false;
	for (uint32_t i = 0; i < event->argument_count; i++) {
		uint64_t value = event->arguments[i];

		switch (row->kinds[i]) {
		case ARG_MILLISECONDS:
			if ((int32_t)value >= 0)
				return false;
			break;
		case ARG_TIMESPEC:
		case ARG_TIMEVAL:
			if (value != 0) /* a pointer; what is there is not recorded */
				return false;
			break;
		case ARG_MESSAGE_FLAGS:
			if (value & MSG_DONTWAIT)
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

/* Returns whether keepalive is known to be off. */
static bool is_without_keepalive(const struct hanging_case *seen)
{
	if (seen->socket)
		return !seen->socket->has_keepalive;
	return seen->is_complete && seen->hanging->is_made && !seen->hanging->has_keepalive;
}

/* Returns whether a read is known to wait as long as it takes. */
static bool is_read_unlimited(const struct hanging_case *seen)
{
	return call_rows[seen->event->call].effect != EFFECT_READ ||
	       (seen->is_complete && seen->hanging->is_made && !seen->hanging->has_timeout &&
		!seen->hanging->is_nonblocking);
}

static bool is_established(const struct hanging_case *seen)
{
	/* Keepalive's timer is not reported while another one runs. */
	if (seen->socket)
		return seen->socket->state == STATE_ESTABLISHED &&
		       seen->socket->send_queue_bytes == 0;
	return seen->state == STATE_ESTABLISHED ||
	       (seen->state == STATE_SYN_SENT && seen->hanging->has_moved);
}

static bool is_long(const struct hanging_case *seen, uint64_t since_ns)
{
	return !seen->is_end_known ||
	       (seen->end_ns > since_ns && seen->end_ns - since_ns >= LONG_WAIT_NS);
}

bool hanging_find(const struct hanging_case *seen, struct tcpshim_subject *subject)
{
	const struct hanging *hanging = seen->hanging;
	bool is_read = call_rows[seen->event->call].effect == EFFECT_READ;

	if (!hanging_is_unlimited(seen->event) || !is_long(seen, seen->start_ns) ||
	    !is_long(seen, hanging->moved_ns) || !is_established(seen) ||
	    !is_without_keepalive(seen) || !is_read_unlimited(seen))
		return false;
	*subject = (struct tcpshim_subject){
		.facts =
			{
				.fd = is_read ? (int32_t)seen->event->arguments[0] : hanging->fd,
				.other_fd = -1,
				.serial = seen->serial,
				.role = seen->role,
				.before = STATE_ESTABLISHED,
				.now = STATE_ESTABLISHED,
				.local = seen->local,
				.peer = seen->peer,
			},
	};
	note_set_add(&subject->notes, NOTE_no_failure_detection);
	return true;
}
