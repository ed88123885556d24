#include "picture/page_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "reader/complain.h"
#include "reader/printable.h"

/* Returns the size of U+2028 or U+2029 at this place, 0 if there is neither. */
static size_t separator_size(const char *text, size_t size)
{
	return size >= 3 && text[0] == '\xe2' && text[1] == '\x80' &&
			       (text[2] == '\xa8' || text[2] == '\xa9')
		       ? 3
		       : 0;
}

static size_t put_character(FILE *to, const char *text, size_t size)
{
	unsigned char byte = (unsigned char)text[0];
	size_t separator = separator_size(text, size);

	if (separator > 0) {
		fprintf(to, "\\u20%02x", (unsigned char)text[2] - 0x80U);
		return separator;
	}
	if (byte == '\n')
		fputs("\\n", to);
	else if (byte == '\t')
		fputs("\\t", to);
	else if (byte == '"' || byte == '\\')
		fprintf(to, "\\%c", byte);
	else if (byte < ' ' || byte == '<' || byte == 0x7f)
		fprintf(to, "\\u%04x", byte);
	else
		putc_unlocked(byte, to);
	return 1;
}

void page_text(FILE *to, const char *text, size_t size)
{
	putc_unlocked('"', to);
	for (size_t i = 0; i < size;)
		i += put_character(to, text + i, size - i);
	putc_unlocked('"', to);
}

void page_raw(FILE *to, const char *text)
{
	size_t size = strlen(text), capacity = 4 * size + 1;
	struct strbuf buf;

	strbuf_init(&buf, allocate(capacity), capacity);
	printable_append(&buf, text, size);
	page_text(to, buf.text, buf.size);
	free(buf.text);
}

void page_address(FILE *to, const struct tcpshim_address *address)
{
	char text[80];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	facts_address(&buf, address);
	page_text(to, text, buf.size);
}

void page_time(FILE *to, uint64_t time_ns, uint64_t base_ns)
{
	int64_t tenths = (int64_t)(time_ns - base_ns) / 100;

	if (tenths % 10 == 0)
		fprintf(to, "%" PRId64, tenths / 10);
	else
		fprintf(to, "%s%" PRId64 ".%d", tenths < 0 ? "-" : "",
			tenths < 0 ? -(tenths / 10) : tenths / 10, abs((int)(tenths % 10)));
}
