/*
 * strbuf: text is appended to memory of a fixed size; what does not fit is cut and remembered.
 *
 * Owns nothing: the caller's memory. Never ends in a NUL.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef FORMAT_STRBUF_H
#define FORMAT_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct strbuf {
	char *text;
	size_t size, capacity;
	bool is_cut;
};

static inline void strbuf_init(struct strbuf *buf, char *text, size_t capacity)
{
	*buf = (struct strbuf){.text = text, .capacity = capacity};
}

static inline void strbuf_char(struct strbuf *buf, char c)
{
	if (buf->size < buf->capacity)
		buf->text[buf->size++] = c;
	else
		buf->is_cut = true;
}

/* Both or, where only one fits, the first. */
static inline void strbuf_two(struct strbuf *buf, char first, char second)
{
	if (buf->capacity - buf->size < 2) {
		strbuf_char(buf, first);
		strbuf_char(buf, second);
		return;
	}
	buf->text[buf->size] = first;
	buf->text[buf->size + 1] = second;
	buf->size += 2;
}

void strbuf_bytes(struct strbuf *buf, const char *bytes, size_t size);

/* Appends printable ASCII as it is, and '?' for every other byte: for text that somebody else
 * chose. */
void strbuf_printable(struct strbuf *buf, const char *bytes, size_t size);

/* text: NUL-terminated. Inline, so that the length of a literal is known when it is compiled. */
static inline void strbuf_string(struct strbuf *buf, const char *text)
{
	strbuf_bytes(buf, text, strlen(text));
}

void strbuf_integer(struct strbuf *buf, int64_t value);
/* Zero-filled to at least width digits. */
void strbuf_padded(struct strbuf *buf, uint64_t value, unsigned width);

/* Most are a single digit: descriptors, results, whole seconds. */
static inline void strbuf_unsigned(struct strbuf *buf, uint64_t value)
{
	if (value < 10)
		strbuf_char(buf, (char)('0' + value));
	else
		strbuf_padded(buf, value, 1);
}

/* Upper-case, without 0x, at least width digits. */
void strbuf_hex(struct strbuf *buf, uint64_t value, unsigned width);
/* As truss prints a pointer: 0x%08X, as long as needed. */
void strbuf_lower_hex(struct strbuf *buf, uint64_t value);
void strbuf_pointer(struct strbuf *buf, uint64_t value);
/* ns as seconds with four decimals, rounded to 0.1 ms, at least two columns before the point. */
void strbuf_stamp(struct strbuf *buf, uint64_t ns);
/* A duration for people: "0.2 ms", "3.4 s", "12 min 5 s", "3 h 20 min". */
void strbuf_duration(struct strbuf *buf, uint64_t ns);
/* "1 byte", "22 bytes". */
void strbuf_count(struct strbuf *buf, uint64_t count, const char *noun);

#endif
