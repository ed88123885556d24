#include "reader/printable.h"

#include <string.h>

/* Every byte of a word. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* How many bytes at the start are ASCII that can be printed: a word at a time, as nearly all are.
 */
static size_t count_plain(const uint8_t *text, size_t size)
{
	size_t at = 0;
	uint64_t word;

	while (size - at >= sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		/* The high bit of a byte: it is not ASCII, DEL, or below the blank. */
		if ((word | (word + EACH(1)) | (word - EACH(' '))) & EACH(0x80))
			break;
		at += sizeof(word);
	}
	while (at < size && text[at] >= ' ' && text[at] < 0x7f)
		at++;
	return at;
}

/* Reads one character of UTF-8, as RFC 3629 has it. Returns its size in bytes, 0 if it is none. */
static size_t read_character(const uint8_t *text, size_t size, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t count;

	*character = text[0];
	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	count = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (count > size)
		return 0;
	*character &= 0x7fU >> count;
	for (size_t i = 1; i < count; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text[i] & 0x3fU);
	}
	return *character < least[count] || *character > 0x10ffff ||
			       (*character >= 0xd800 && *character <= 0xdfff)
		       ? 0
		       : count;
}

/* Returns whether a terminal would obey the character, or show other text in its place. */
static bool is_obeyed(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0, 0x1f},          /* C0 */
		{0x7f, 0x9f},       /* DEL, C1 */
		{0xad, 0xad},       /* soft hyphen */
		{0x61c, 0x61c},     /* Arabic letter mark */
		{0x180e, 0x180e},   /* Mongolian vowel separator */
		{0x200b, 0x200f},   /* zero width, and marks of direction */
		{0x2028, 0x202e},   /* line separators, embeddings and overrides of direction */
		{0x2060, 0x206f},   /* invisible operators, isolates of direction */
		{0xfeff, 0xfeff},   /* zero-width no-break space */
		{0xfff9, 0xfffb},   /* interlinear annotations */
		{0xe0000, 0xe0fff}, /* tags */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (character <= ranges[i].last)
			return character >= ranges[i].first;
	return false;
}

/* Returns the size of the sequence that sets a colour, 0 if the text does not begin with one. */
static size_t colour_size(const uint8_t *text, size_t size)
{
	size_t at = 2;

	if (size < 3 || text[0] != 0x1b || text[1] != '[')
		return 0;
	while (at < size && at < 10 && ((text[at] >= '0' && text[at] <= '9') || text[at] == ';'))
		at++;
	return at < size && text[at] == 'm' ? at + 1 : 0;
}

/* A part of the text: bytes that stay, and behind them one character that is replaced. */
struct part {
	size_t kept, replaced; /* in bytes; replaced 0: the text is at its end */
	bool is_character;     /* what is replaced is UTF-8 */
	uint32_t character;
};

static struct part next_part(const uint8_t *text, size_t size, enum printable_as as)
{
	struct part part = {0};

	for (;;) {
		size_t taken;

		part.kept += count_plain(text + part.kept, size - part.kept);
		if (part.kept == size)
			return part;
		taken = read_character(text + part.kept, size - part.kept, &part.character);
		part.is_character = taken > 0;
		if (taken == 0) {
			taken = 1;
		} else if (!is_obeyed(part.character) ||
			   (part.character == '\n' && as != PRINTABLE_LINE) ||
			   (part.character == '\t' &&
			    (as == PRINTABLE_TEXT || as == PRINTABLE_COLOURED))) {
			part.kept += taken;
			continue;
		} else if (as == PRINTABLE_COLOURED &&
			   colour_size(text + part.kept, size - part.kept) > 0) {
			part.kept += colour_size(text + part.kept, size - part.kept);
			continue;
		}
		part.replaced = taken;
		return part;
	}
}

/* Writes the character as JSON escapes it: above U+FFFF as a pair of surrogates. */
static void write_escape(FILE *to, uint32_t character)
{
	if (character > 0xffff)
		fprintf(to, "\\u%04x\\u%04x", 0xd800 + ((character - 0x10000) >> 10),
			0xdc00 + (character & 0x3ff));
	else
		fprintf(to, "\\u%04x", character);
}

enum printable_as printable_of(const struct format *format, bool has_colour)
{
	if (format->has_escapes)
		return PRINTABLE_JSON;
	return format->has_colour && has_colour ? PRINTABLE_COLOURED : PRINTABLE_TEXT;
}

void printable_write(FILE *to, const char *text, size_t size, enum printable_as as)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + size;

	while (at < end) {
		struct part part = next_part(at, (size_t)(end - at), as);

		fwrite_unlocked(at, 1, part.kept, to);
		if (part.replaced > 0 && as == PRINTABLE_JSON && part.is_character)
			write_escape(to, part.character);
		else if (part.replaced > 0)
			putc_unlocked('?', to);
		at += part.kept + part.replaced;
	}
}

static void append_as(struct strbuf *buf, const char *text, size_t size, enum printable_as as)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + size;

	while (at < end) {
		struct part part = next_part(at, (size_t)(end - at), as);

		strbuf_bytes(buf, (const char *)at, part.kept);
		if (part.replaced > 0)
			strbuf_char(buf, '?');
		at += part.kept + part.replaced;
	}
}

void printable_append(struct strbuf *buf, const char *text, size_t size)
{
	append_as(buf, text, size, PRINTABLE_LINE);
}

void printable_append_text(struct strbuf *buf, const char *text, size_t size)
{
	append_as(buf, text, size, PRINTABLE_TEXT);
}
