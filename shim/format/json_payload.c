#include "format/json_payload.h"

#include "format/json.h"
#include "format/payload.h"
#include "format/utf8.h"

bool json_has_payload(const struct tcpshim_event *event, const struct truss_style *style)
{
	return payload_held(event) > 0 && style->data_bytes > 0;
}

struct cursor {
	const struct iovec *piece;
	size_t position;
	uint64_t rest;
};

static struct cursor cursor_of(const struct tcpshim_event *event, const struct truss_style *style)
{
	uint64_t stored = payload_held(event);

	return (struct cursor){
		.piece = event->data,
		.rest = stored < style->data_bytes ? stored : style->data_bytes,
	};
}

static bool cursor_next(struct cursor *cursor, uint8_t *byte)
{
	if (cursor->rest == 0)
		return false;
	while (cursor->position == cursor->piece->iov_len) {
		cursor->piece++;
		cursor->position = 0;
	}
	cursor->rest--;
	*byte = ((const uint8_t *)cursor->piece->iov_base)[cursor->position++];
	return true;
}

/* Well-formed to its end: nothing cut. */
static bool is_utf8(struct cursor cursor)
{
	struct utf8_sequence sequence = {0};
	uint8_t byte;

	while (cursor_next(&cursor, &byte)) {
		if (sequence.more == 0) {
			if (!utf8_begin(&sequence, byte))
				return false;
			continue;
		}
		if (byte < sequence.least || byte > sequence.most)
			return false;
		sequence = (struct utf8_sequence){sequence.more - 1, 0x80, 0xbf};
	}
	return sequence.more == 0;
}

static void append_base64(struct strbuf *buf, struct cursor cursor)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[3];

	while (cursor.rest > 0) {
		unsigned count = 0;

		bytes[1] = bytes[2] = 0;
		while (count < 3 && cursor_next(&cursor, &bytes[count]))
			count++;
		strbuf_char(buf, digits[bytes[0] >> 2]);
		strbuf_char(buf, digits[(bytes[0] & 3) << 4 | bytes[1] >> 4]);
		strbuf_char(buf, count > 1 ? digits[(bytes[1] & 15) << 2 | bytes[2] >> 6] : '=');
		strbuf_char(buf, count > 2 ? digits[bytes[2] & 63] : '=');
	}
}

void json_payload(struct strbuf *buf, const struct tcpshim_event *event,
		  const struct truss_style *style)
{
	struct cursor cursor = cursor_of(event, style);
	uint8_t byte;

	if (!json_has_payload(event, style))
		return;
	json_name(buf, "data");
	strbuf_char(buf, '"');
	if (is_utf8(cursor)) {
		while (cursor_next(&cursor, &byte))
			json_escaped(buf, byte);
		strbuf_char(buf, '"');
	} else {
		append_base64(buf, cursor);
		strbuf_char(buf, '"');
		json_text(buf, "data.encoding", "base64");
	}
}
