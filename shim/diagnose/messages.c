#include "diagnose/messages.h"

#include <sys/socket.h>

#include "format/connection_row.h"
#include "format/facts.h"

static void add(struct message_list *list, const struct tcpshim_event *event, uint64_t bytes)
{
	struct message *to = list->count < MESSAGES_KEPT
				     ? &list->first[list->count]
				     : &list->latest[list->count % MESSAGES_KEPT];

	*to = (struct message){event->start_ns, event->time_ns, list->bytes, list->bytes + bytes};
	list->bytes += bytes;
	list->count++;
}

/* Returns whether the payload looks like one TLS record that holds an alert: by its type, or by the
 * size that an encrypted one has in TLS 1.3 (RFC 8446, 5.2). True also of a payload of such a size
 * that was not recorded. */
static bool may_be_alert(const struct tcpshim_event *event)
{
	enum { HEADER = 5, ALERT = 21, DATA = 23, SEALED_ALERT_BYTES = 24, MOST = 64 };
	const uint8_t *header = event->data_count > 0 ? event->data[0].iov_base : NULL;
	uint64_t bytes = connection_row_bytes(event);

	if (bytes > MOST)
		return false;
	if (!header || event->data[0].iov_len < HEADER)
		return bytes >= HEADER; /* not recorded: it may be one */
	return header[1] == 3 && (uint64_t)header[3] * 256 + header[4] + HEADER == bytes &&
	       (header[0] == ALERT || (header[0] == DATA && bytes == SEALED_ALERT_BYTES));
}

static bool is_urgent(const struct tcpshim_event *event)
{
	const uint8_t *kinds = call_rows[event->call].kinds;

	for (unsigned i = 0; i < event->argument_count; i++)
		if (kinds[i] == ARG_MESSAGE_FLAGS && (event->arguments[i] & MSG_OOB))
			return true;
	return false;
}

void messages_take(struct messages *messages, const struct tcpshim_event *event)
{
	uint64_t bytes = connection_row_is_peek(event) ? 0 : connection_row_bytes(event);

	if (bytes == 0)
		return;
	messages->has_splice |= call_rows[event->call].effect == EFFECT_SPLICE;
	if (call_rows[event->call].effect == EFFECT_WRITE) {
		add(&messages->written, event, bytes);
		messages->has_urgent |= is_urgent(event);
		messages->is_alert_last = may_be_alert(event);
	} else if (call_rows[event->call].effect == EFFECT_READ) {
		add(&messages->read, event, bytes);
	}
}

size_t messages_kept(const struct message_list *list)
{
	return list->count < 2 * MESSAGES_KEPT ? list->count : 2 * MESSAGES_KEPT;
}

const struct message *messages_at(const struct message_list *list, size_t number)
{
	return number < MESSAGES_KEPT ? &list->first[number]
				      : &list->latest[number % MESSAGES_KEPT];
}

const struct message *messages_find(const struct message_list *list, uint64_t byte)
{
	for (size_t i = 0; i < messages_kept(list); i++) {
		const struct message *message = messages_at(list, i);

		if (message->from <= byte && byte < message->to)
			return message;
	}
	return NULL;
}
