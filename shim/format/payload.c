#include "format/payload.h"

enum { PREVIEW_BYTES = 12, ROW_BYTES = 32 };

/* One byte in two columns. Nothing of the payload reaches a terminal raw. */
static void append_payload_byte(struct strbuf *buf, uint8_t byte)
{
	const char *escape = NULL;

	if (byte >= ' ' && byte < 0x7f) {
		strbuf_two(buf, ' ', (char)byte);
		return;
	}
	switch (byte) {
	case '\0':
		escape = "\\0";
		break;
	case '\b':
		escape = "\\b";
		break;
	case '\t':
		escape = "\\t";
		break;
	case '\n':
		escape = "\\n";
		break;
	case '\v':
		escape = "\\v";
		break;
	case '\f':
		escape = "\\f";
		break;
	case '\r':
		escape = "\\r";
		break;
	default:
		break;
	}
	if (escape)
		strbuf_string(buf, escape);
	else
		strbuf_hex(buf, byte, 2);
}

/* Appends the bytes [from, to) of the event's payload; row_bytes: 0, or a new row begins after so
 * many. */
static void append_payload(struct strbuf *buf, const struct tcpshim_event *event, uint64_t from,
			   uint64_t to, unsigned row_bytes)
{
	uint64_t position = 0;

	for (uint32_t i = 0; i < event->data_count && position < to; i++) {
		const uint8_t *bytes = event->data[i].iov_base;
		uint64_t size = event->data[i].iov_len;

		if (size > to - position)
			size = to - position;
		for (uint64_t j = from > position ? from - position : 0; j < size; j++) {
			if (row_bytes != 0 && (position + j - from) % row_bytes == 0)
				strbuf_string(buf, position + j == from ? "  " : "\n  ");
			append_payload_byte(buf, bytes[j]);
		}
		position += size;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t payload_held(const struct tcpshim_event *event)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < event->data_count && held < event->data_total; i++)
		held += event->data[i].iov_len;
	return least(held, event->data_total);
}

void payload_preview(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes,
		     uint64_t pointer)
{
	uint64_t shown = least(payload_held(event), least(data_bytes, PREVIEW_BYTES));

	if (shown == 0) {
		strbuf_pointer(buf, pointer);
		return;
	}
	strbuf_char(buf, '"');
	append_payload(buf, event, 0, shown, 0);
	strbuf_char(buf, '"');
	if (event->data_total > shown)
		strbuf_string(buf, "..");
}

void payload_rows(struct strbuf *buf, const struct tcpshim_event *event, uint64_t data_bytes)
{
	uint64_t shown = least(payload_held(event), data_bytes);

	if (shown <= PREVIEW_BYTES)
		return;
	append_payload(buf, event, PREVIEW_BYTES, shown, ROW_BYTES);
	if (event->data_total > shown)
		strbuf_string(buf, "..");
	strbuf_char(buf, '\n');
}

size_t payload_bound(const struct tcpshim_event *event, uint64_t data_bytes)
{
	uint64_t shown = least(payload_held(event), data_bytes);

	return (size_t)(PREVIEW_BYTES * 2 + 8 + 2 * shown + (shown / ROW_BYTES + 1) * 4);
}
