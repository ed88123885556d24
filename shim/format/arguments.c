#include "format/arguments.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/payload.h"

void arguments_events(struct strbuf *buf, unsigned call, uint32_t events)
{
	switch (call) {
	case CALL_select:
	case CALL_pselect:
		names_select_events(buf, events);
		break;
	case CALL_epoll_wait:
	case CALL_epoll_pwait:
	case CALL_epoll_pwait2:
		names_epoll_events(buf, events);
		break;
	default:
		names_poll_events(buf, events);
	}
}

void arguments_watches(struct strbuf *buf, unsigned call, const struct tcpshim_watch *watches,
		       uint64_t total)
{
	uint64_t shown = total < EVENT_WATCHES ? total : EVENT_WATCHES;

	strbuf_char(buf, '[');
	for (uint64_t i = 0; i < shown; i++) {
		if (i > 0)
			strbuf_char(buf, ' ');
		if (watches[i].fd == -1 && watches[i].data != 0)
			strbuf_pointer(buf, watches[i].data);
		else
			strbuf_integer(buf, watches[i].fd);
		strbuf_char(buf, ':');
		arguments_events(buf, call, watches[i].events);
	}
	if (total > shown) {
		strbuf_string(buf, " … +");
		strbuf_unsigned(buf, total - shown);
	}
	strbuf_char(buf, ']');
}

/* One of select's three sets: the descriptors alone. */
static void append_select_set(struct strbuf *buf, const struct tcpshim_event *event, unsigned set,
			      uint64_t pointer)
{
	uint64_t shown = event->asked_total < EVENT_WATCHES ? event->asked_total : EVENT_WATCHES;
	const char *separator = "";

	if (pointer == 0 || !event->has_asked) {
		strbuf_pointer(buf, pointer);
		return;
	}
	strbuf_char(buf, '[');
	for (uint64_t i = 0; i < shown; i++) {
		if (!(event->asked[i].events & set))
			continue;
		strbuf_string(buf, separator);
		strbuf_integer(buf, event->asked[i].fd);
		separator = " ";
	}
	if (event->asked_total > shown) {
		strbuf_string(buf, separator);
		strbuf_string(buf, "…");
	}
	strbuf_char(buf, ']');
}

static void append_time(struct strbuf *buf, const struct tcpshim_event *event, uint64_t pointer,
			bool is_timeval)
{
	int64_t parts[2];

	if (event->value_size < sizeof(parts) || !event->value) {
		strbuf_pointer(buf, pointer);
		return;
	}
	memcpy(parts, event->value, sizeof(parts));
	strbuf_char(buf, '{');
	strbuf_integer(buf, parts[0]);
	strbuf_char(buf, '.');
	strbuf_padded(buf, (uint64_t)parts[1], is_timeval ? 6 : 9);
	strbuf_char(buf, '}');
}

static void append_option(struct strbuf *buf, const struct tcpshim_event *event, uint64_t pointer)
{
	enum option_kind kind =
		names_option_kind((int)event->arguments[1], (int)event->arguments[2]);
	int number = 0;

	if (!event->value || kind == OPTION_OPAQUE) {
		strbuf_pointer(buf, pointer);
		return;
	}
	if (event->value_size >= sizeof(number))
		memcpy(&number, event->value, sizeof(number));
	else
		number = *(const uint8_t *)event->value;
	if (kind == OPTION_LINGER && event->value_size >= sizeof(struct linger)) {
		struct linger linger;

		memcpy(&linger, event->value, sizeof(linger));
		strbuf_string(buf, linger.l_onoff ? "{on, " : "{off, ");
		strbuf_integer(buf, linger.l_linger);
		strbuf_string(buf, " s}");
	} else if (kind == OPTION_TIMEVAL && event->value_size >= 2 * sizeof(int64_t)) {
		append_time(buf, event, pointer, true);
	} else if (kind == OPTION_STRING) {
		const char *text = event->value;

		strbuf_char(buf, '"');
		for (uint32_t i = 0; i < event->value_size && text[i]; i++)
			strbuf_char(buf, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
		strbuf_char(buf, '"');
	} else if (event->value_size == sizeof(number) || event->value_size == 1) {
		strbuf_char(buf, '[');
		if (kind == OPTION_ERROR && number != 0)
			names_error(buf, number);
		else
			strbuf_integer(buf, number);
		strbuf_char(buf, ']');
	} else {
		strbuf_pointer(buf, pointer);
	}
}

static bool is_with_value(int command)
{
	return command != F_GETFD && command != F_GETFL && command != F_GETOWN &&
	       command != F_GETSIG && command != F_GETPIPE_SZ;
}

static void append_fcntl_value(struct strbuf *buf, int command, uint64_t value)
{
	switch (command) {
	case F_SETFL:
		names_open_flags(buf, (int)value);
		break;
	case F_SETFD:
		if (value == FD_CLOEXEC)
			strbuf_string(buf, "FD_CLOEXEC");
		else
			strbuf_integer(buf, (int)value);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		strbuf_pointer(buf, value);
		break;
	default:
		strbuf_integer(buf, (int)value);
	}
}

static void append_ioctl_value(struct strbuf *buf, const struct tcpshim_event *event,
			       uint64_t value)
{
	int number;

	if (event->value && event->value_size == sizeof(number)) {
		memcpy(&number, event->value, sizeof(number));
		strbuf_char(buf, '[');
		strbuf_integer(buf, number);
		strbuf_char(buf, ']');
	} else {
		strbuf_pointer(buf, value);
	}
}

static void append_address(struct strbuf *buf, const struct tcpshim_event *event, uint64_t pointer)
{
	if (pointer == 0 || !event->address ||
	    !facts_sockaddr(buf, event->address, event->address_size))
		strbuf_pointer(buf, pointer);
}

static void append_epoll_event(struct strbuf *buf, const struct tcpshim_event *event,
			       uint64_t pointer)
{
	if (event->value_size == sizeof(uint32_t)) {
		uint32_t events;

		memcpy(&events, event->value, sizeof(events));
		strbuf_char(buf, '{');
		names_epoll_events(buf, events);
		strbuf_char(buf, '}');
	} else {
		strbuf_pointer(buf, pointer);
	}
}

static void append_pair(struct strbuf *buf, const struct tcpshim_event *event, uint64_t pointer)
{
	int pair[2];

	if (event->value_size < sizeof(pair)) {
		strbuf_pointer(buf, pointer);
		return;
	}
	memcpy(pair, event->value, sizeof(pair));
	strbuf_char(buf, '[');
	strbuf_integer(buf, pair[0]);
	strbuf_char(buf, ' ');
	strbuf_integer(buf, pair[1]);
	strbuf_char(buf, ']');
}

void arguments_one(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		   unsigned index)
{
	const struct call_row *row = &call_rows[event->call];
	uint64_t value = event->arguments[index];

	switch ((enum tcpshim_argument_kind)row->kinds[index]) {
	case ARG_NONE:
	case ARG_POINTER:
	case ARG_OFFSET:
		strbuf_pointer(buf, value);
		break;
	case ARG_FD:
	case ARG_INTEGER:
	case ARG_MILLISECONDS:
		strbuf_integer(buf, (int)value);
		break;
	case ARG_UNSIGNED:
	case ARG_LENGTH:
		strbuf_unsigned(buf, (unsigned)value);
		break;
	case ARG_SIZE:
		strbuf_unsigned(buf, value);
		break;
	case ARG_LENGTH_OUT:
		if (event->has_length_out) {
			strbuf_char(buf, '[');
			strbuf_unsigned(buf, event->length_out);
			strbuf_char(buf, ']');
		} else {
			strbuf_pointer(buf, value);
		}
		break;
	case ARG_DOMAIN:
		names_domain(buf, (int)value);
		break;
	case ARG_SOCKET_TYPE:
		names_socket_type(buf, (int)value);
		break;
	case ARG_PROTOCOL:
		names_protocol(buf, (int)event->arguments[0], (int)value);
		break;
	case ARG_SOCKET_FLAGS:
		names_socket_flags(buf, (int)value);
		break;
	case ARG_ADDRESS:
	case ARG_ADDRESS_OUT:
		append_address(buf, event, value);
		break;
	case ARG_SHUTDOWN_HOW:
		names_shutdown_how(buf, (int)value);
		break;
	case ARG_CLOSE_RANGE_FLAGS:
		names_close_range_flags(buf, (unsigned)value);
		break;
	case ARG_OPEN_FLAGS:
		names_open_flags(buf, (int)value);
		break;
	case ARG_FCNTL_COMMAND:
		names_fcntl_command(buf, (int)value);
		break;
	case ARG_FCNTL_VALUE:
		append_fcntl_value(buf, (int)event->arguments[1], value);
		break;
	case ARG_IOCTL_REQUEST:
		names_ioctl_request(buf, value);
		break;
	case ARG_IOCTL_VALUE:
		append_ioctl_value(buf, event, value);
		break;
	case ARG_OPTION_LEVEL:
		names_option_level(buf, (int)value);
		break;
	case ARG_OPTION_NAME:
		names_option(buf, (int)event->arguments[1], (int)value);
		break;
	case ARG_OPTION:
	case ARG_OPTION_OUT:
		append_option(buf, event, value);
		break;
	case ARG_BYTES:
	case ARG_BYTES_OUT:
	case ARG_VECTOR:
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE:
	case ARG_MESSAGE_OUT:
	case ARG_MESSAGES:
	case ARG_MESSAGES_OUT:
		payload_preview(buf, event, data_bytes, value);
		break;
	case ARG_POSITION:
		strbuf_integer(buf, (int64_t)value);
		break;
	case ARG_RW_FLAGS:
		names_rw_flags(buf, (int)value);
		break;
	case ARG_PAIR_OUT:
		append_pair(buf, event, value);
		break;
	case ARG_MESSAGE_FLAGS:
		names_message_flags(buf, (int)value);
		break;
	case ARG_SPLICE_FLAGS:
		names_splice_flags(buf, (unsigned)value);
		break;
	case ARG_POLL_SET:
		if (event->has_asked)
			arguments_watches(buf, event->call, event->asked, event->asked_total);
		else
			strbuf_pointer(buf, value);
		break;
	case ARG_READ_SET:
		append_select_set(buf, event, SELECT_READ, value);
		break;
	case ARG_WRITE_SET:
		append_select_set(buf, event, SELECT_WRITE, value);
		break;
	case ARG_EXCEPT_SET:
		append_select_set(buf, event, SELECT_EXCEPT, value);
		break;
	case ARG_EPOLL_SET:
		strbuf_pointer(buf, value);
		break;
	case ARG_EPOLL_FLAGS:
		names_epoll_flags(buf, (int)value);
		break;
	case ARG_EPOLL_OPERATION:
		names_epoll_operation(buf, (int)value);
		break;
	case ARG_EPOLL_EVENT:
		append_epoll_event(buf, event, value);
		break;
	case ARG_TIMESPEC:
		append_time(buf, event, value, false);
		break;
	case ARG_TIMEVAL:
		append_time(buf, event, value, true);
		break;
	}
}

unsigned arguments_count(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;
	unsigned count = event->argument_count;

	return count == 3 && kinds[2] == ARG_FCNTL_VALUE && !is_with_value((int)event->arguments[1])
		       ? 2
		       : count;
}

void arguments_call(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes)
{
	const struct call_row *row = &call_rows[event->call];

	strbuf_string(buf, row->shown);
	strbuf_char(buf, '(');
	for (unsigned i = 0; i < arguments_count(event); i++) {
		if (i > 0)
			strbuf_string(buf, ", ");
		arguments_one(buf, event, data_bytes, i);
	}
	strbuf_char(buf, ')');
}
