#include "format/arguments.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/option_name.h"
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
		option_name_kind((int)event->arguments[1], (int)event->arguments[2]);
	int number = 0;

	if (!event->value || kind == OPTION_KIND_OPAQUE) {
		strbuf_pointer(buf, pointer);
		return;
	}
	if (event->value_size >= sizeof(number))
		memcpy(&number, event->value, sizeof(number));
	else
		number = *(const uint8_t *)event->value;
	if (kind == OPTION_KIND_LINGER && event->value_size >= sizeof(struct linger)) {
		struct linger linger;

		memcpy(&linger, event->value, sizeof(linger));
		strbuf_string(buf, linger.l_onoff ? "{on, " : "{off, ");
		strbuf_integer(buf, linger.l_linger);
		strbuf_string(buf, " s}");
	} else if (kind == OPTION_KIND_TIMEVAL && event->value_size >= 2 * sizeof(int64_t)) {
		append_time(buf, event, pointer, true);
	} else if (kind == OPTION_KIND_STRING) {
		const char *text = event->value;

		strbuf_char(buf, '"');
		strbuf_printable(buf, text, strnlen(text, event->value_size));
		strbuf_char(buf, '"');
	} else if (event->value_size == sizeof(number) || event->value_size == 1) {
		strbuf_char(buf, '[');
		if (kind == OPTION_KIND_ERROR && number != 0)
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

/* One argument of an event. */
struct argument {
	const struct tcpshim_event *event;
	uint64_t data_bytes, value;
};

static void print_unsigned(struct strbuf *buf, const struct argument *argument)
{
	strbuf_unsigned(buf, (unsigned)argument->value);
}

static void print_size(struct strbuf *buf, const struct argument *argument)
{
	strbuf_unsigned(buf, argument->value);
}

static void print_position(struct strbuf *buf, const struct argument *argument)
{
	strbuf_integer(buf, (int64_t)argument->value);
}

static void print_length(struct strbuf *buf, const struct argument *argument)
{
	if (!argument->event->has_length_out) {
		strbuf_pointer(buf, argument->value);
		return;
	}
	strbuf_char(buf, '[');
	strbuf_unsigned(buf, argument->event->length_out);
	strbuf_char(buf, ']');
}

static void print_protocol(struct strbuf *buf, const struct argument *argument)
{
	names_protocol(buf, (int)argument->event->arguments[0], (int)argument->value);
}

static void print_address(struct strbuf *buf, const struct argument *argument)
{
	append_address(buf, argument->event, argument->value);
}

static void print_close_range_flags(struct strbuf *buf, const struct argument *argument)
{
	names_close_range_flags(buf, (unsigned)argument->value);
}

static void print_splice_flags(struct strbuf *buf, const struct argument *argument)
{
	names_splice_flags(buf, (unsigned)argument->value);
}

static void print_fcntl_value(struct strbuf *buf, const struct argument *argument)
{
	append_fcntl_value(buf, (int)argument->event->arguments[1], argument->value);
}

static void print_ioctl_request(struct strbuf *buf, const struct argument *argument)
{
	names_ioctl_request(buf, (unsigned long)argument->value);
}

static void print_ioctl_value(struct strbuf *buf, const struct argument *argument)
{
	append_ioctl_value(buf, argument->event, argument->value);
}

static void print_option_name(struct strbuf *buf, const struct argument *argument)
{
	option_name(buf, (int)argument->event->arguments[1], (int)argument->value);
}

static void print_option(struct strbuf *buf, const struct argument *argument)
{
	append_option(buf, argument->event, argument->value);
}

static void print_payload(struct strbuf *buf, const struct argument *argument)
{
	payload_preview(buf, argument->event, argument->data_bytes, argument->value);
}

static void print_pair(struct strbuf *buf, const struct argument *argument)
{
	append_pair(buf, argument->event, argument->value);
}

static void print_poll_set(struct strbuf *buf, const struct argument *argument)
{
	const struct tcpshim_event *event = argument->event;

	if (event->has_asked)
		arguments_watches(buf, event->call, event->asked, event->asked_total);
	else
		strbuf_pointer(buf, argument->value);
}

static void print_read_set(struct strbuf *buf, const struct argument *argument)
{
	append_select_set(buf, argument->event, SELECT_READ, argument->value);
}

static void print_write_set(struct strbuf *buf, const struct argument *argument)
{
	append_select_set(buf, argument->event, SELECT_WRITE, argument->value);
}

static void print_except_set(struct strbuf *buf, const struct argument *argument)
{
	append_select_set(buf, argument->event, SELECT_EXCEPT, argument->value);
}

static void print_epoll_event(struct strbuf *buf, const struct argument *argument)
{
	append_epoll_event(buf, argument->event, argument->value);
}

static void print_timespec(struct strbuf *buf, const struct argument *argument)
{
	append_time(buf, argument->event, argument->value, false);
}

static void print_timeval(struct strbuf *buf, const struct argument *argument)
{
	append_time(buf, argument->event, argument->value, true);
}

static void print_int(struct strbuf *buf, int value)
{
	strbuf_integer(buf, value);
}

/* Kinds that are printed from their own value, an int. */
static void (*const int_printers[])(struct strbuf *buf, int value) = {
	[ARG_FD] = print_int,
	[ARG_INTEGER] = print_int,
	[ARG_MILLISECONDS] = print_int,
	[ARG_DOMAIN] = names_domain,
	[ARG_SOCKET_TYPE] = names_socket_type,
	[ARG_SOCKET_FLAGS] = names_socket_flags,
	[ARG_SHUTDOWN_HOW] = names_shutdown_how,
	[ARG_OPEN_FLAGS] = names_open_flags,
	[ARG_FCNTL_COMMAND] = names_fcntl_command,
	[ARG_OPTION_LEVEL] = option_name_level,
	[ARG_RW_FLAGS] = names_rw_flags,
	[ARG_MESSAGE_FLAGS] = names_message_flags,
	[ARG_EPOLL_FLAGS] = names_epoll_flags,
	[ARG_EPOLL_OPERATION] = names_epoll_operation,
	[ARG_SCENARIO] = names_scenario,
};

/* The others; a kind that is in neither table is a pointer. */
static void (*const printers[])(struct strbuf *buf, const struct argument *argument) = {
	[ARG_UNSIGNED] = print_unsigned,
	[ARG_LENGTH] = print_unsigned,
	[ARG_SIZE] = print_size,
	[ARG_LENGTH_OUT] = print_length,
	[ARG_PROTOCOL] = print_protocol,
	[ARG_ADDRESS] = print_address,
	[ARG_ADDRESS_OUT] = print_address,
	[ARG_CLOSE_RANGE_FLAGS] = print_close_range_flags,
	[ARG_FCNTL_VALUE] = print_fcntl_value,
	[ARG_IOCTL_REQUEST] = print_ioctl_request,
	[ARG_IOCTL_VALUE] = print_ioctl_value,
	[ARG_OPTION_NAME] = print_option_name,
	[ARG_OPTION] = print_option,
	[ARG_OPTION_OUT] = print_option,
	[ARG_BYTES] = print_payload,
	[ARG_BYTES_OUT] = print_payload,
	[ARG_VECTOR] = print_payload,
	[ARG_VECTOR_OUT] = print_payload,
	[ARG_MESSAGE] = print_payload,
	[ARG_MESSAGE_OUT] = print_payload,
	[ARG_MESSAGES] = print_payload,
	[ARG_MESSAGES_OUT] = print_payload,
	[ARG_POSITION] = print_position,
	[ARG_PAIR_OUT] = print_pair,
	[ARG_SPLICE_FLAGS] = print_splice_flags,
	[ARG_POLL_SET] = print_poll_set,
	[ARG_READ_SET] = print_read_set,
	[ARG_WRITE_SET] = print_write_set,
	[ARG_EXCEPT_SET] = print_except_set,
	[ARG_EPOLL_EVENT] = print_epoll_event,
	[ARG_TIMESPEC] = print_timespec,
	[ARG_TIMEVAL] = print_timeval,
};

void arguments_one(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		   unsigned index)
{
	const unsigned kind = call_rows[event->call].kinds[index];
	const struct argument argument = {event, data_bytes, event->arguments[index]};

	if (kind < sizeof(int_printers) / sizeof(int_printers[0]) && int_printers[kind])
		int_printers[kind](buf, (int)argument.value);
	else if (kind < sizeof(printers) / sizeof(printers[0]) && printers[kind])
		printers[kind](buf, &argument);
	else
		strbuf_pointer(buf, argument.value);
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
	/* musl does not tell with which status the program ends. */
	if (row->effect == EFFECT_EXIT && event->argument_count == 0)
		strbuf_char(buf, '?');
	for (unsigned i = 0; i < arguments_count(event); i++) {
		if (i > 0)
			strbuf_string(buf, ", ");
		arguments_one(buf, event, data_bytes, i);
	}
	strbuf_char(buf, ')');
}
