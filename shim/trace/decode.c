#include "trace/decode.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "conn/epoll_map.h"
#include "conn/fdtable.h"
#include "format/facts.h"
#include "format/option_name.h"
#include "guest/process.h"
#include "trace/input.h"

enum { OPTION_STRING_BYTES = 16 }; /* TCP_CA_NAME_MAX, IFNAMSIZ */

/* Returns an argument as a pointer into the program. */
static void *pointer_at(const struct call *call, unsigned index)
{
	return (void *)(uintptr_t)call->arguments[index];
}

static uint32_t at_most(uint32_t size, uint32_t most)
{
	return size < most ? size : most;
}

static void decode_address(struct area *area, const void *from, uint32_t size)
{
	size = at_most(size, AREA_ADDRESS_BYTES);
	if (size > 0) {
		memcpy(area->address, from, size);
		area->event.address = area->address;
		area->event.address_size = size;
	}
}

static void decode_value(struct area *area, const void *from, uint32_t size)
{
	size = at_most(size, AREA_VALUE_BYTES);
	if (size > 0) {
		memcpy(area->value, from, size);
		area->event.value = area->value;
		area->event.value_size = size;
	}
}

/* Decodes what the kernel wrote: as much as the returned length, and no more than there was room
 * for. */
static void decode_output(struct area *area, const struct call *call, unsigned index,
			  bool is_address)
{
	const uint32_t *length = pointer_at(call, index + 1);
	void *from = pointer_at(call, index);

	if (!from || !length || !call->has_length_in)
		return;
	if (is_address)
		decode_address(area, from, at_most(*length, call->length_in));
	else
		decode_value(area, from, at_most(*length, call->length_in));
}

/* Decodes an option that the program sets. The kernel reads as much of a longer value as the option
 * has, one byte of a value shorter than an int (net/ipv4/ip_sockglue.c), and a string up to its
 * end. */
static void decode_option(struct area *area, const struct call *call)
{
	uint32_t size = (uint32_t)call->arguments[4];

	switch (option_name_kind((int)call->arguments[1], (int)call->arguments[2])) {
	case OPTION_KIND_INTEGER:
	case OPTION_KIND_ERROR:
		size = size >= sizeof(int) ? sizeof(int) : at_most(size, 1);
		break;
	case OPTION_KIND_LINGER:
		size = at_most(size, sizeof(struct linger));
		break;
	case OPTION_KIND_TIMEVAL:
		size = at_most(size, 2 * sizeof(int64_t));
		break;
	case OPTION_KIND_STRING:
		size = at_most(size, OPTION_STRING_BYTES);
		break;
	case OPTION_KIND_OPAQUE:
		return;
	}
	if (size <= call->value_size ||
	    option_name_kind((int)call->arguments[1], (int)call->arguments[2]) ==
		    OPTION_KIND_STRING)
		decode_value(area, call->value, at_most(size, call->value_size));
}

/* Makes two 64-bit words, as an event has them, of the value of SO_RCVTIMEO or SO_SNDTIMEO: on a
 * 32-bit machine their old numbers have a struct timeval of two longs. */
static void widen_timeval(struct area *area, const struct call *call)
{
#if __SIZEOF_LONG__ == 4
	int name = (int)call->arguments[2];
	long longs[2];

	if ((int)call->arguments[1] != SOL_SOCKET || (name != SO_RCVTIMEO && name != SO_SNDTIMEO) ||
	    area->event.value_size < sizeof(longs))
		return;
	memcpy(longs, area->value, sizeof(longs));
	decode_value(area, (const int64_t[2]){longs[0], longs[1]}, 2 * sizeof(int64_t));
#else
	(void)area;
	(void)call;
#endif
}

static void set_data(struct tcpshim_event *event, const struct iovec *data, uint64_t count,
		     uint64_t total)
{
	event->data = data;
	event->data_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	event->data_total = total;
}

/* Returns whether the data was discarded: with MSG_TRUNC, TCP's recv returns how much it discarded
 * without writing to the buffer (tcp(7)). */
static bool is_discarded(const struct call *call)
{
	const struct call_row *row = &call_rows[call->id];

	for (unsigned i = 0; i < call->argument_count; i++)
		if (row->kinds[i] == ARG_MESSAGE_FLAGS &&
		    (call->arguments[i] & (MSG_TRUNC | MSG_ERRQUEUE)))
			return true;
	return false;
}

static void decode_bytes(struct area *area, void *bytes, int64_t size)
{
	area->vector[0] = (struct iovec){bytes, (size_t)size};
	set_data(&area->event, area->vector, 1, (uint64_t)size);
}

/* Sets the payload to the vectors of the messages that a recvmmsg received, each as far as it was
 * filled. */
static void decode_messages(struct area *area, const struct iovec *vectors, uint32_t count,
			    const struct mmsghdr *messages, int64_t received)
{
	uint64_t total = 0, rest = received > 0 ? messages[0].msg_len : 0;
	int64_t message = 0;
	uint32_t used = 0;

	for (int64_t i = 0; i < received; i++)
		total += messages[i].msg_len;
	for (uint32_t i = 0; i < count && message < received; i++) {
		size_t size = vectors[i].iov_len < rest ? vectors[i].iov_len : (size_t)rest;

		if (input_is_mark(&vectors[i])) {
			if (++message < received)
				rest = messages[message].msg_len;
			continue;
		}
		area->vector[used++] = (struct iovec){vectors[i].iov_base, size};
		rest -= size;
	}
	set_data(&area->event, area->vector, used, total);
}

static void decode_payload(struct area *area, const struct call *call, unsigned kind,
			   unsigned index, int64_t result)
{
	const void *input = input_find(call, area);
	uint32_t vectors = input ? call->vector_count : 0;

	if (result <= 0 || is_discarded(call))
		return;
	switch (kind) {
	case ARG_BYTES_OUT:
		decode_bytes(area, pointer_at(call, index), result);
		break;
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE_OUT:
		set_data(&area->event, input, vectors, (uint64_t)result);
		break;
	case ARG_MESSAGES_OUT:
		decode_messages(area, input, vectors, pointer_at(call, index), result);
		break;
	default:
		area->vector[0] =
			(struct iovec){(void *)(uintptr_t)input, input ? call->input_size : 0};
		set_data(&area->event, area->vector, 1, (uint64_t)call_bytes(call, result));
	}
}

static void decode_ioctl(struct area *area, const struct call *call)
{
	switch (call->arguments[1]) {
	case FIONBIO:
	case FIOASYNC:
		decode_value(area, call->value, call->value_size);
		break;
	case FIONREAD:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK:
		decode_value(area, pointer_at(call, 2), sizeof(int));
		break;
	default:
		break;
	}
}

/* Decodes one argument. has_succeeded: the kernel has read the call's input and written its
 * output. */
static void decode_argument(struct area *area, const struct call *call, unsigned index,
			    int64_t result, bool has_succeeded)
{
	enum tcpshim_argument_kind kind =
		(enum tcpshim_argument_kind)call_rows[call->id].kinds[index];

	switch (kind) {
	case ARG_ADDRESS:
		if (call->address_size == (uint32_t)call->arguments[index + 1] ||
		    call->address_size == sizeof(call->address))
			decode_address(area, call->address, call->address_size);
		break;
	case ARG_OPTION:
		decode_option(area, call);
		widen_timeval(area, call);
		break;
	case ARG_ADDRESS_OUT:
	case ARG_OPTION_OUT:
		if (has_succeeded)
			decode_output(area, call, index, kind == ARG_ADDRESS_OUT);
		if (kind == ARG_OPTION_OUT)
			widen_timeval(area, call);
		break;
	case ARG_LENGTH_OUT:
		/* Without an address to fill, the kernel does not read the length. */
		if (has_succeeded && pointer_at(call, index) &&
		    (pointer_at(call, index - 1) ||
		     call_rows[call->id].kinds[index - 1] != ARG_ADDRESS_OUT)) {
			memcpy(&area->event.length_out, pointer_at(call, index), sizeof(uint32_t));
			area->event.has_length_out = true;
		}
		break;
	case ARG_BYTES:
	case ARG_BYTES_OUT:
	case ARG_VECTOR:
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE:
	case ARG_MESSAGE_OUT:
	case ARG_MESSAGES:
	case ARG_MESSAGES_OUT:
		if (has_succeeded)
			decode_payload(area, call, kind, index, result);
		break;
	case ARG_PAIR_OUT:
		if (has_succeeded)
			decode_value(area, pointer_at(call, index), 2 * sizeof(int));
		break;
	case ARG_IOCTL_VALUE:
		if (has_succeeded)
			decode_ioctl(area, call);
		break;
	case ARG_TIMESPEC:
	case ARG_TIMEVAL:
		if (call->has_time)
			decode_value(area, call->time, sizeof(call->time));
		break;
	case ARG_EPOLL_EVENT:
		decode_value(area, call->value, at_most(call->value_size, sizeof(uint32_t)));
		break;
	default:
		break;
	}
}

static void append_watch(struct tcpshim_watch *watches, uint64_t *total, int fd, uint32_t events,
			 uint64_t data)
{
	if (*total < EVENT_WATCHES)
		watches[*total] = (struct tcpshim_watch){.fd = fd, .events = events, .data = data};
	++*total;
}

static void decode_watches(struct area *area, const struct call *call, int64_t result, int error,
			   bool is_sleeping)
{
	struct tcpshim_event *event = &area->event;
	struct decode_wait wait;
	struct decode_entry entry;
	bool is_epoll = call_rows[call->id].kinds[1] == ARG_EPOLL_SET;

	decode_wait_start(&wait, call, result, error, is_sleeping);
	event->has_asked = wait.has_entries && !is_epoll;
	while (decode_wait_next(&wait, &entry)) {
		if (!is_epoll && entry.shown_events != UINT32_MAX)
			append_watch(event->asked, &event->asked_total, entry.fd,
				     entry.shown_events, 0);
		if (entry.shown_revents != 0)
			append_watch(event->ready, &event->ready_total, entry.fd,
				     entry.shown_revents, entry.data);
	}
}

void decode_call(struct area *area, const struct call *call, int64_t result, int error,
		 bool is_sleeping)
{
	struct tcpshim_event *event = &area->event;
	bool has_succeeded = !is_sleeping && error == 0;

	/* Not the subjects, which are large: they are filled one by one. */
	memset(event, 0, offsetof(struct tcpshim_event, subjects));
	area->is_of_several = false;
	event->call = call->id;
	event->flags =
		(uint16_t)((is_sleeping ? EVENT_SLEEPING : 0) | (call->is_stdio ? EVENT_STDIO : 0));
	event->pid = process_pid();
	event->tid = thread.tid;
	event->thread_number = thread.number;
	event->start_ns = call->start_ns;
	event->previous_ns = thread.previous_ns != 0 ? thread.previous_ns : process_base_ns();
	event->result = result;
	event->error = error;
	event->argument_count = call->argument_count;
	memcpy(event->arguments, call->arguments, sizeof(event->arguments));
	for (unsigned i = 0; i < call->argument_count; i++)
		decode_argument(area, call, i, result, has_succeeded);
	if (call_rows[call->id].effect == EFFECT_WAIT)
		decode_watches(area, call, result, error, is_sleeping);
}

/* --- Iterating over the entries of poll, select and epoll_wait. --- */

void decode_wait_start(struct decode_wait *wait, const struct call *call, int64_t result, int error,
		       bool is_sleeping)
{
	/* The entries are readable if the kernel has read them: the first part of an announced
	 * wait, a result, or an interrupted wait. */
	bool is_vouched = is_sleeping || error == 0 || error == EINTR;

	*wait = (struct decode_wait){.call = call,
				     .result = is_sleeping || error != 0 ? 0 : result};
	switch (call_rows[call->id].kinds[1]) {
	case ARG_EPOLL_SET:
		wait->end = (uint64_t)wait->result;
		wait->has_entries = true;
		break;
	case ARG_READ_SET:
		wait->has_entries = call->sets != NULL;
		/* If the sets are too large to be kept, only watched descriptors are visited. They
		 * are open, so the kernel has read the sets that far; it reads no further than its
		 * table of descriptors goes. */
		wait->is_sparse = !wait->has_entries;
		if (wait->has_entries || wait->result > 0)
			wait->end = (uint64_t)(int)call->arguments[0];
		break;
	default:
		wait->has_entries = is_vouched;
		wait->end = is_vouched ? (unsigned)call->arguments[1] : 0;
	}
}

static void read_pollfd(const struct decode_wait *wait, uint64_t position,
			struct decode_entry *entry)
{
	const struct pollfd *fds = pointer_at(wait->call, 0);
	uint16_t revents = wait->result > 0 ? (uint16_t)fds[position].revents : 0;

	*entry = (struct decode_entry){
		.fd = fds[position].fd,
		.events = (uint16_t)fds[position].events,
		.revents = revents,
		.shown_events = (uint16_t)fds[position].events,
		.shown_revents = revents,
	};
}

/* EPOLLIN and the others have the values of POLLIN and the others
 * (include/uapi/linux/eventpoll.h). */
static void read_epoll(const struct decode_wait *wait, uint64_t position,
		       struct decode_entry *entry)
{
	const struct epoll_event *events = pointer_at(wait->call, 1);
	struct epoll_event event;

	memcpy(&event, &events[position], sizeof(event));
	*entry = (struct decode_entry){
		.fd = epoll_map_find(wait->call->fd, event.data.u64),
		.revents = event.events,
		.shown_events = UINT32_MAX,
		.shown_revents = event.events,
		.data = event.data.u64,
	};
}

static bool is_in_set(const void *set, uint64_t fd)
{
	const unsigned long *words = set;
	unsigned long word;

	if (!words)
		return false;
	memcpy(&word, &words[fd / CALL_LONG_BITS], sizeof(word));
	return word >> (fd % CALL_LONG_BITS) & 1;
}

/* Uses bit operations of its own: FD_ISSET aborts above 1023 under fortification. */
static bool read_select(const struct decode_wait *wait, uint64_t fd, struct decode_entry *entry)
{
	static const uint32_t poll_bits[3] = {POLLIN, POLLOUT, POLLPRI};

	*entry = (struct decode_entry){.fd = (int)fd};
	for (unsigned set = 0; set < 3; set++) {
		if (wait->call->sets && is_in_set(wait->call->sets->words[set], fd)) {
			entry->events |= poll_bits[set];
			entry->shown_events |= 1U << set;
		}
		if (wait->result > 0 && is_in_set(pointer_at(wait->call, set + 1), fd)) {
			entry->revents |= poll_bits[set];
			entry->shown_revents |= 1U << set;
		}
	}
	if (entry->shown_events == 0 && entry->shown_revents == 0)
		return false;
	if (!wait->call->sets)
		entry->shown_events = UINT32_MAX;
	return true;
}

/* Returns the next watched descriptor below end, or end. */
static uint64_t next_watched(uint64_t position, uint64_t end)
{
	int fd = fdtable_next((int)position, (unsigned)end - 1);

	while (fd >= 0 && fdtable_state(fdtable_load(fd)) != FD_WATCHED)
		fd = fdtable_next(fd + 1, (unsigned)end - 1);
	return fd < 0 || (uint64_t)fd > end ? end : (uint64_t)fd;
}

bool decode_wait_next(struct decode_wait *wait, struct decode_entry *entry)
{
	while (wait->position < wait->end) {
		uint64_t position;

		if (wait->is_sparse)
			wait->position = next_watched(wait->position, wait->end);
		if (wait->position >= wait->end)
			return false;
		position = wait->position++;

		switch (call_rows[wait->call->id].kinds[1]) {
		case ARG_EPOLL_SET:
			read_epoll(wait, position, entry);
			return true;
		case ARG_READ_SET:
			if (!read_select(wait, position, entry))
				continue;
			return true;
		default:
			read_pollfd(wait, position, entry);
			return true;
		}
	}
	return false;
}
