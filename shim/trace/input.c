#include "trace/input.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "format/facts.h"
#include "guest/memory.h"
#include "settings/config.h"
#include "sys/message.h"
#include "sys/raw.h"
#include "sys/restriction.h"

enum { LEAST_STORE_BYTES = 64 << 10, MOST_MESSAGES = 1024 /* UIO_MAXIOV */ };

/* Iterates over the pieces of memory that a call's vectors name. */
struct pieces {
	uint64_t now_ns;
	const struct iovec *vector;
	uint64_t count;
	const struct mmsghdr *messages;
	uint64_t message_count;
	bool is_new_message; /* the last piece begins a message */
};

static void take_message(struct pieces *pieces, const struct msghdr *message)
{
	size_t count = message_size(message->msg_iovlen);

	pieces->vector = message->msg_iov;
	pieces->count = count < MOST_MESSAGES ? count : MOST_MESSAGES;
}

static bool next_message(struct pieces *pieces)
{
	struct msghdr message;

	if (pieces->message_count == 0 ||
	    !memory_copy_all(&message, &pieces->messages->msg_hdr, sizeof(message), pieces->now_ns))
		return false;
	take_message(pieces, &message);
	pieces->messages++;
	pieces->message_count--;
	pieces->is_new_message = true;
	return true;
}

static bool next_piece(struct pieces *pieces, struct iovec *piece)
{
	pieces->is_new_message = false;
	while (pieces->count == 0)
		if (!next_message(pieces))
			return false;
	pieces->count--;
	return memory_copy_all(piece, pieces->vector++, sizeof(*piece), pieces->now_ns);
}

static struct pieces pieces_of(const struct call *call)
{
	void *from = (void *)(uintptr_t)call->arguments[1];
	struct pieces pieces = {.now_ns = call->start_ns};
	int64_t count = (int)call->arguments[2];
	struct msghdr message;

	count = count < 0 ? 0 : count < MOST_MESSAGES ? count : MOST_MESSAGES;
	switch (call_rows[call->id].kinds[1]) {
	case ARG_VECTOR:
	case ARG_VECTOR_OUT:
		pieces.vector = from;
		pieces.count = (uint64_t)count;
		break;
	case ARG_MESSAGE:
	case ARG_MESSAGE_OUT:
		if (memory_copy_all(&message, from, sizeof(message), call->start_ns))
			take_message(&pieces, &message);
		break;
	default:
		pieces.messages = from;
		pieces.message_count = (uint64_t)count;
	}
	return pieces;
}

/* Takes size bytes of the thread's ring buffer, which overwrites the oldest bytes in it. */
static uint8_t *take_store(struct call *call, size_t size)
{
	struct area *area = thread_area();
	size_t bytes = LEAST_STORE_BYTES;

	if (!area)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (!area->store || size > area->store_bytes) {
		while (bytes < 2 * size)
			bytes *= 2;
		if (area->store)
			raw_unmap(area->store, area->store_bytes);
		area->store_head += area->store_bytes + bytes;
		area->store_head -= area->store_head % bytes;
		area->store = restriction_is_strict() ? NULL : raw_map(bytes);
		area->store_bytes = area->store ? bytes : 0;
		if (!area->store)
			return NULL;
	}
	if (area->store_head % area->store_bytes + size > area->store_bytes)
		area->store_head += area->store_bytes - area->store_head % area->store_bytes;
	call->input_position = area->store_head;
	area->store_head += size;
	return area->store + call->input_position % area->store_bytes;
}

/* Returns where to copy size bytes of the call's input to. NULL: nowhere. */
static uint8_t *take(struct call *call, size_t size)
{
	bool is_raised;
	uint8_t *room;

	if (size <= CALL_INPUT_BYTES)
		return call->input_bytes;
	is_raised = thread_raise_guard(call);
	room = is_raised ? take_store(call, size) : NULL;
	if (is_raised)
		thread_lower_guard();
	return room;
}

const void *input_find(const struct call *call, const struct area *area)
{
	if (call->input_position == 0)
		return call->input_bytes;
	return area->store && area->store_head - call->input_position <= area->store_bytes
		       ? area->store + call->input_position % area->store_bytes
		       : NULL;
}

/* Returns how much of a payload of size bytes will be shown at most. */
static size_t shown_bytes(uint64_t size)
{
	if (size > config.style.data_bytes)
		size = config.style.data_bytes;
	return size < INPUT_MOST_BYTES ? (size_t)size : INPUT_MOST_BYTES;
}

static void copy_payload(struct call *call)
{
	size_t size = shown_bytes(call->arguments[2]);
	uint8_t *to = take(call, size);

	if (to)
		call->input_size =
			(uint32_t)memory_copy(to, (const void *)(uintptr_t)call->arguments[1], size,
					      call->start_ns);
}

/* Copies the payload of all vectors, one after the other. */
static void gather_payload(struct call *call)
{
	struct pieces pieces = pieces_of(call), counting = pieces;
	size_t size = CALL_INPUT_BYTES, done = 0;
	struct iovec piece;
	uint64_t total = 0;
	uint8_t *to;

	if (config.style.data_bytes > CALL_INPUT_BYTES)
		while (total < INPUT_MOST_BYTES && next_piece(&counting, &piece))
			total += piece.iov_len < INPUT_MOST_BYTES ? piece.iov_len
								  : INPUT_MOST_BYTES;
	size = shown_bytes(total > CALL_INPUT_BYTES ? total : CALL_INPUT_BYTES);
	to = take(call, size);
	while (to && done < size && next_piece(&pieces, &piece)) {
		size_t part = piece.iov_len < size - done ? piece.iov_len : size - done;
		size_t copied = memory_copy(to + done, piece.iov_base, part, call->start_ns);

		done += copied;
		if (copied < part)
			break;
	}
	call->input_size = (uint32_t)done;
}

/* How many vectors the call itself has room for; more are kept in the thread's store. */
enum { CALL_VECTORS = CALL_INPUT_BYTES / sizeof(struct iovec) };

/* Copies the vectors that a read is to fill, at most most of them, as many as are needed for what
 * will be shown. Returns whether that was enough. */
static bool copy_vectors(struct call *call, struct iovec *to, uint32_t most)
{
	struct pieces pieces = pieces_of(call);
	size_t shown = call->is_shown ? shown_bytes(SIZE_MAX) : 0, room = 0;
	struct iovec piece;
	uint32_t count = 0;

	call->asked_bytes = 0;
	while ((call->asked_bytes == 0 || room < shown) && next_piece(&pieces, &piece)) {
		call->asked_bytes += piece.iov_len;
		room = piece.iov_len < SIZE_MAX - room ? room + piece.iov_len : SIZE_MAX;
		if (count + 2 > most)
			return false;
		if (pieces.is_new_message && count > 0)
			to[count++] = (struct iovec){NULL, SIZE_MAX};
		if (piece.iov_len > 0)
			to[count++] = piece;
		call->vector_count = count;
	}
	return true;
}

static void copy_all_vectors(struct call *call)
{
	struct iovec *to;

	if (copy_vectors(call, call->vectors, CALL_VECTORS) || !call->is_shown)
		return;
	to = (struct iovec *)take(call, AREA_VECTORS * sizeof(*to));
	if (to)
		copy_vectors(call, to, AREA_VECTORS);
}

void input_copy(struct call *call)
{
	bool is_shown = call->is_shown && config.style.data_bytes > 0;

	switch (call_rows[call->id].kinds[1]) {
	case ARG_BYTES:
		if (is_shown)
			copy_payload(call);
		break;
	case ARG_VECTOR:
	case ARG_MESSAGE:
	case ARG_MESSAGES:
		if (is_shown)
			gather_payload(call);
		break;
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE_OUT:
	case ARG_MESSAGES_OUT:
		copy_all_vectors(call);
		break;
	default:
		break;
	}
}

/* Copies an argument, at most most bytes. Returns how many were readable. */
static uint8_t copy_argument(const struct call *call, void *to, unsigned index, uint64_t size,
			     uint64_t most)
{
	const void *from = (const void *)(uintptr_t)call->arguments[index];

	return (uint8_t)memory_copy(to, from, (size_t)(size < most ? size : most), call->start_ns);
}

/* Copies the input arguments other than the payload. */
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

/* Counts what a write of several vectors asks for, and copies the first bytes. */
static void count_asked(struct call *call, uint8_t head[TLS_HEADER_BYTES])
{
	struct pieces pieces = pieces_of(call);
	struct iovec piece;
	bool has_head = false;

	call->asked_bytes = 0;
	while (next_piece(&pieces, &piece)) {
		if (!has_head && piece.iov_len >= TLS_HEADER_BYTES)
			has_head = memory_copy_all(head, piece.iov_base, TLS_HEADER_BYTES,
						   call->start_ns);
		call->asked_bytes += piece.iov_len;
	}
}

enum conn_alert input_find_alert(const uint8_t *head, uint64_t size)
{
	enum { ALERT = 21, APPLICATION_DATA = 23, SEALED_ALERT_BYTES = 2 + 1 + 16 };
	uint64_t record_bytes = (uint64_t)head[3] << 8 | head[4];

	if (head[1] != 3 || size != TLS_HEADER_BYTES + record_bytes)
		return CONN_ALERT_NONE;
	if (head[0] == ALERT)
		return CONN_ALERT_YES;
	return head[0] == APPLICATION_DATA && record_bytes == SEALED_ALERT_BYTES ? CONN_ALERT_MAYBE
										 : CONN_ALERT_NONE;
}

/* Finds out what a write is: how much, and whether it is a TLS alert. */
static void inspect_write(struct call *call)
{
	uint8_t head[TLS_HEADER_BYTES] = {0};
	uint64_t size;

	switch (call_rows[call->id].kinds[1]) {
	case ARG_BYTES:
		size = call->arguments[2];
		if (size >= INPUT_LEAST_ALERT && size <= INPUT_MOST_ALERT)
			memory_copy(head, (const void *)(uintptr_t)call->arguments[1], sizeof(head),
				    call->start_ns);
		break;
	case ARG_VECTOR:
	case ARG_MESSAGE:
	case ARG_MESSAGES:
		count_asked(call, head);
		size = call->asked_bytes;
		break;
	default:
		return;
	}
	call->alert = (uint8_t)input_find_alert(head, size);
}

void input_copy_all(struct call *call)
{
	if (call_effect(call) == EFFECT_WRITE)
		inspect_write(call);
	copy_small_input(call);
	input_copy(call);
}
