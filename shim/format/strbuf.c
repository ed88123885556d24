#include "format/strbuf.h"

#include <string.h>

void strbuf_bytes(struct strbuf *buf, const char *bytes, size_t size)
{
	size_t room = buf->capacity - buf->size;

	if (size > room) {
		size = room;
		buf->is_cut = true;
	}
	memcpy(buf->text + buf->size, bytes, size);
	buf->size += size;
}

void strbuf_printable(struct strbuf *buf, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		strbuf_char(buf, bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '?');
}

enum { MOST_DIGITS = 20 }; /* of 64 bits, decimal */

/* Two digits for each division. */
void strbuf_padded(struct strbuf *buf, uint64_t value, unsigned width)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[MOST_DIGITS], *end = digits + sizeof(digits), *first = end;

	for (; value >= 10; value /= 100) {
		first -= 2;
		memcpy(first, pairs + value % 100 * 2, 2);
	}
	if (value != 0 || first == end)
		*--first = (char)('0' + value);
	while (first > digits && (size_t)(end - first) < width)
		*--first = '0';
	strbuf_bytes(buf, first, (size_t)(end - first));
}

void strbuf_integer(struct strbuf *buf, int64_t value)
{
	if (value < 0) {
		strbuf_char(buf, '-');
		strbuf_unsigned(buf, -(uint64_t)value);
	} else {
		strbuf_unsigned(buf, (uint64_t)value);
	}
}

static void append_hex(struct strbuf *buf, uint64_t value, unsigned width, const char *names)
{
	char digits[MOST_DIGITS - 4], *first = digits + sizeof(digits);

	do {
		*--first = names[value & 0xf];
		value >>= 4;
	} while (first > digits &&
		 (value != 0 || (size_t)(digits + sizeof(digits) - first) < width));
	strbuf_bytes(buf, first, (size_t)(digits + sizeof(digits) - first));
}

void strbuf_hex(struct strbuf *buf, uint64_t value, unsigned width)
{
	append_hex(buf, value, width, "0123456789ABCDEF");
}

void strbuf_lower_hex(struct strbuf *buf, uint64_t value)
{
	append_hex(buf, value, 1, "0123456789abcdef");
}

void strbuf_pointer(struct strbuf *buf, uint64_t value)
{
	strbuf_string(buf, "0x");
	strbuf_hex(buf, value, 8);
}

void strbuf_stamp(struct strbuf *buf, uint64_t ns)
{
	uint64_t tenths_ms = (ns + 50000) / 100000;
	uint64_t seconds = tenths_ms / 10000;

	if (seconds < 10)
		strbuf_char(buf, ' ');
	strbuf_unsigned(buf, seconds);
	strbuf_char(buf, '.');
	strbuf_padded(buf, tenths_ms % 10000, 4);
}

static void append_tenths(struct strbuf *buf, uint64_t tenths, const char *unit)
{
	strbuf_unsigned(buf, tenths / 10);
	strbuf_char(buf, '.');
	strbuf_unsigned(buf, tenths % 10);
	strbuf_string(buf, unit);
}

static void append_two(struct strbuf *buf, uint64_t big, const char *unit, uint64_t small,
		       const char *small_unit)
{
	strbuf_unsigned(buf, big);
	strbuf_string(buf, unit);
	if (small != 0) {
		strbuf_char(buf, ' ');
		strbuf_unsigned(buf, small);
		strbuf_string(buf, small_unit);
	}
}

void strbuf_duration(struct strbuf *buf, uint64_t ns)
{
	uint64_t seconds = (ns + 500000000) / 1000000000;

	if (ns < 999950000)
		append_tenths(buf, (ns + 50000) / 100000, " ms");
	else if (seconds < 120)
		append_tenths(buf, (ns + 50000000) / 100000000, " s");
	else if (seconds < 7200)
		append_two(buf, seconds / 60, " min", seconds % 60, " s");
	else
		append_two(buf, seconds / 3600, " h", seconds % 3600 / 60, " min");
}

void strbuf_count(struct strbuf *buf, uint64_t count, const char *noun)
{
	strbuf_unsigned(buf, count);
	strbuf_char(buf, ' ');
	strbuf_string(buf, noun);
	if (count != 1)
		strbuf_char(buf, 's');
}
