#include "picture/ladder_line.h"

#include "format/utf8.h"

/* Reads the next character; advances the text. */
static uint32_t next_character(const char **text, size_t *size)
{
	const uint8_t *at = (const uint8_t *)*text;
	size_t taken = utf8_size(at, *size);
	uint32_t character = at[0];

	if (taken > 1) {
		character &= 0x7fU >> taken;
		for (size_t i = 1; i < taken; i++)
			character = character << 6 | (at[i] & 0x3fU);
	}
	if (taken == 0)
		taken = 1;
	*text += taken;
	*size -= taken;
	/* Latin letters, and the ellipsis, are known to take one column. */
	if ((character >= ' ' && character < 0x7f) ||
	    (taken > 1 && character > 0xa0 && character < 0x250 && character != 0xad) ||
	    (taken > 1 && character == 0x2026))
		return character;
	return '.';
}

static char ascii_of(uint32_t character)
{
	static const struct {
		uint32_t glyph;
		char ascii;
	} table[] = {
		{GLYPH_LINE, '-'},          {GLYPH_BAR, '|'},       {GLYPH_HEAVY, '#'},
		{GLYPH_OPENING, ':'},       {GLYPH_INFERRED, ':'},  {GLYPH_DOT, '.'},
		{GLYPH_CROSS, '+'},         {GLYPH_DOWN_LEFT, '.'}, {GLYPH_DOWN_RIGHT, '.'},
		{GLYPH_UP_RIGHT, '\''},     {GLYPH_UP_LEFT, '\''},  {GLYPH_UP, '\''},
		{GLYPH_RIGHT, '>'},         {GLYPH_LEFT, '<'},      {GLYPH_RIGHT_INFERRED, '>'},
		{GLYPH_LEFT_INFERRED, '<'}, {GLYPH_LOST, 'X'},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].glyph == character)
			return table[i].ascii;
	return '.';
}

static void append_character(struct strbuf *buf, uint32_t character)
{
	if (character < 0x80) {
		strbuf_char(buf, (char)character);
	} else if (character < 0x800) {
		strbuf_char(buf, (char)(0xc0 | character >> 6));
		strbuf_char(buf, (char)(0x80 | (character & 0x3f)));
	} else {
		strbuf_char(buf, (char)(0xe0 | character >> 12));
		strbuf_char(buf, (char)(0x80 | (character >> 6 & 0x3f)));
		strbuf_char(buf, (char)(0x80 | (character & 0x3f)));
	}
}

void ladder_line_clear(struct ladder_line *line)
{
	for (size_t i = 0; i < LADDER_LINE_MOST; i++)
		line->cells[i] = ' ';
	line->colour = NULL;
}

void ladder_line_put(struct ladder_line *line, size_t column, uint32_t character)
{
	if (column < LADDER_LINE_MOST)
		line->cells[column] = character;
}

size_t ladder_line_text(struct ladder_line *line, size_t column, size_t to, const char *text,
			size_t size)
{
	while (size > 0 && column < to)
		ladder_line_put(line, column++, next_character(&text, &size));
	return column;
}

size_t ladder_line_columns(const char *text, size_t size)
{
	size_t columns = 0;

	for (; size > 0; columns++)
		next_character(&text, &size);
	return columns;
}

void ladder_line_append(const struct ladder_line *line, struct strbuf *buf, bool is_ascii)
{
	size_t end = LADDER_LINE_MOST;

	while (end > 0 && line->cells[end - 1] == ' ')
		end--;
	for (size_t i = 0; i < end; i++) {
		uint32_t character = line->cells[i];

		if (line->colour && i == line->colour_from)
			strbuf_string(buf, line->colour);
		if (is_ascii && character == GLYPH_DASH)
			character = i % 2 == 0 ? '-' : ' ';
		if (is_ascii && character >= 0x80)
			character = (uint8_t)ascii_of(character);
		append_character(buf, character);
		if (line->colour && i + 1 == line->colour_to)
			strbuf_string(buf, "\x1b[0m");
	}
	strbuf_char(buf, '\n');
}
