#include "format/json.h"

#include <string.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/stamp.h"
#include "format/utf8.h"
#include "tcpshim/record.h"

void json_escaped(struct strbuf *buf, uint8_t byte)
{
	static const char short_names[] = "btn_fr"; /* of 8 to 13 */

	if (byte == '"' || byte == '\\') {
		strbuf_char(buf, '\\');
		strbuf_char(buf, (char)byte);
	} else if (byte >= 8 && byte <= 13 && byte != 11) {
		strbuf_char(buf, '\\');
		strbuf_char(buf, short_names[byte - 8]);
	} else if (byte < ' ' || byte == 0x7f) {
		strbuf_string(buf, "\\u00");
		strbuf_hex(buf, byte, 2);
	} else {
		strbuf_char(buf, (char)byte);
	}
}

void json_string(struct strbuf *buf, const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	strbuf_char(buf, '"');
	for (size_t i = 0; i < size;) {
		size_t taken = utf8_size(bytes + i, size - i);

		if (taken == 0)
			strbuf_string(buf, "\xef\xbf\xbd");
		for (size_t j = 0; j < taken; j++)
			json_escaped(buf, bytes[i + j]);
		i += taken > 0 ? taken : 1;
	}
	strbuf_char(buf, '"');
}

void json_name(struct strbuf *buf, const char *name)
{
	if (buf->size == 0 || (buf->text[buf->size - 1] != '{' && buf->text[buf->size - 1] != '['))
		strbuf_char(buf, ',');
	strbuf_char(buf, '"');
	strbuf_string(buf, name);
	strbuf_string(buf, "\":");
}

void json_text(struct strbuf *buf, const char *name, const char *text)
{
	json_name(buf, name);
	json_string(buf, text, strlen(text));
}

void json_integer(struct strbuf *buf, const char *name, int64_t value)
{
	json_name(buf, name);
	strbuf_integer(buf, value);
}

void json_unsigned(struct strbuf *buf, const char *name, uint64_t value)
{
	json_name(buf, name);
	strbuf_unsigned(buf, value);
}

void json_error(struct strbuf *buf, const char *name, int error)
{
	json_name(buf, name);
	strbuf_char(buf, '"');
	names_error(buf, error);
	strbuf_char(buf, '"');
}

void json_endpoint(struct strbuf *buf, const char *which, const struct tcpshim_address *address)
{
	if (address->family == 0)
		return;
	strbuf_string(buf, ",\"network.");
	strbuf_string(buf, which);
	strbuf_string(buf, ".address\":\"");
	facts_ip(buf, address);
	strbuf_string(buf, "\",\"network.");
	strbuf_string(buf, which);
	strbuf_string(buf, ".port\":");
	strbuf_unsigned(buf, address->port);
}

void json_time(struct strbuf *buf, const char *name, int64_t realtime_ns)
{
	json_name(buf, name);
	strbuf_char(buf, '"');
	stamp_utc_ns(buf, realtime_ns);
	strbuf_char(buf, '"');
}

void json_program(struct strbuf *buf, const char *program)
{
	json_name(buf, "process.executable.name");
	json_string(buf, program, strnlen(program, RECORD_PROGRAM_BYTES - 1));
}
