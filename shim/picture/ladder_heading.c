#include "picture/ladder_heading.h"

#include "format/connection_number.h"
#include "format/facts.h"
#include "reader/printable.h"

enum { HEAD_BYTES = 512, LINE_BYTES = 1024 };

/* Returns whether the two ends were recorded on different machines. */
static bool has_two_clocks(const struct picture *picture)
{
	return picture->theirs && strcmp(picture->ours->boot, picture->theirs->boot) != 0;
}

/* --- What became of it. --- */

static void append_number(struct strbuf *buf, const struct known_number *number, bool is_duration)
{
	if (number->known == KNOWN_NOT) {
		strbuf_char(buf, '-');
		return;
	}
	if (number->known == KNOWN_AT_LEAST)
		strbuf_string(buf, "at least ");
	if (is_duration)
		strbuf_duration(buf, number->value);
	else
		strbuf_count(buf, number->value, "byte");
}

static void append_end(struct strbuf *buf, const struct picture_end *end)
{
	const struct connection_row *row = &end->row;
	struct known_number lived = connection_number_lived_ns(row);
	struct known_number sent = connection_number_sent(row);
	struct known_number received = connection_number_received(row);

	strbuf_string(buf, "Connection ");
	strbuf_unsigned(buf, row->serial);
	strbuf_string(buf, " of ");
	printable_append(buf, end->program, strlen(end->program));
	strbuf_char(buf, '[');
	strbuf_integer(buf, row->pid);
	strbuf_string(buf, "]: ");
	append_number(buf, &lived, true);
	strbuf_string(buf, ", sent ");
	append_number(buf, &sent, false);
	strbuf_string(buf, ", received ");
	append_number(buf, &received, false);
	if (row->ended < NOTE_COUNT) {
		strbuf_string(buf, ", ");
		strbuf_string(buf, note_rows[row->ended].id);
	}
	strbuf_char(buf, '.');
}

static void append_clock(struct strbuf *buf, const struct picture *picture)
{
	bool is_ahead = picture->offset_ns < 0;

	if (!picture->is_offset_known) {
		strbuf_string(buf, "How far the two clocks differ is not known: the times on the "
				   "right are as its clock had them.");
		return;
	}
	strbuf_string(buf, "The clock on the right is ");
	strbuf_duration(buf, (uint64_t)(is_ahead ? -picture->offset_ns : picture->offset_ns));
	strbuf_string(buf, is_ahead ? " ahead of" : " behind");
	strbuf_string(buf, " that on the left, to within ");
	strbuf_duration(buf, picture->offset_error_ns);
	strbuf_string(buf, "; its times are converted.");
}

/* --- Who they are, above their lifelines. --- */

/* has_host: the ends are on different machines. */
static void name_end(struct strbuf *buf, const struct picture_end *end, bool has_host)
{
	if (!end) {
		strbuf_string(buf, "peer, not recorded");
		return;
	}
	printable_append(buf, end->program, strlen(end->program));
	if (has_host && end->host[0] != '\0') {
		strbuf_string(buf, " on ");
		printable_append(buf, end->host, strlen(end->host));
	}
	if (end->row.role == ROLE_CLIENT || end->row.role == ROLE_SERVER) {
		strbuf_string(buf, ", ");
		strbuf_string(buf, connection_row_role(&end->row));
	}
}

/* Writes two texts in one line, each in the middle of its lifeline as far as there is room; in two
 * lines, if they do not fit. */
static void write_pair(struct ladder_frame *frame, const struct strbuf texts[LADDER_SIDES])
{
	size_t after = 0;

	ladder_line_clear(&frame->line);
	for (unsigned side = 0; side < LADDER_SIDES; side++) {
		size_t columns = ladder_line_columns(texts[side].text, texts[side].size);
		size_t from = frame->column[side] > columns / 2 ? frame->column[side] - columns / 2
								: 0;

		if (from + columns > frame->width)
			from = frame->width > columns ? frame->width - columns : 0;
		if (from < after) {
			ladder_frame_end(frame);
			ladder_line_clear(&frame->line);
		}
		after = 1 + ladder_line_text(&frame->line, from, frame->width, texts[side].text,
					     texts[side].size);
	}
	ladder_frame_end(frame);
}

static void draw_heads(struct ladder_frame *frame)
{
	const struct picture *picture = frame->picture;
	char text[LADDER_SIDES][HEAD_BYTES];
	struct strbuf texts[LADDER_SIDES];

	for (unsigned side = 0; side < LADDER_SIDES; side++)
		strbuf_init(&texts[side], text[side], HEAD_BYTES);
	name_end(&texts[LADDER_OURS], picture->ours, has_two_clocks(picture));
	name_end(&texts[LADDER_THEIRS], picture->theirs, has_two_clocks(picture));
	write_pair(frame, texts);
	for (unsigned side = 0; side < LADDER_SIDES; side++)
		texts[side].size = 0;
	facts_address(&texts[LADDER_OURS], &picture->ours->row.local);
	facts_address(&texts[LADDER_THEIRS], &picture->ours->row.peer);
	write_pair(frame, texts);
}

void ladder_heading_draw(struct ladder_frame *frame)
{
	const struct picture *picture = frame->picture;
	char text[LINE_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	append_end(&buf, picture->ours);
	ladder_frame_heading(frame, buf.text, buf.size);
	if (picture->theirs) {
		buf.size = 0;
		append_end(&buf, picture->theirs);
		ladder_frame_heading(frame, buf.text, buf.size);
	}
	if (has_two_clocks(picture)) {
		buf.size = 0;
		append_clock(&buf, picture);
		ladder_frame_heading(frame, buf.text, buf.size);
	}
	frame->style->line("\n", 1, frame->style->data);
	draw_heads(frame);
}

void ladder_heading_legend(const struct ladder_style *style)
{
	struct ladder_line line;
	char text[LADDER_LINE_BYTES];
	struct strbuf buf;
	size_t at = 0;
	static const struct {
		uint32_t glyph;
		uint8_t count;
		const char *meaning;
	} parts[] = {
		{GLYPH_LINE, 4, " seen by a call    "},
		{GLYPH_DASH, 4, " inferred    "},
		{GLYPH_HEAVY, 1, " CLOSE_WAIT    "},
		{GLYPH_LOST, 1, " lost"},
	};

	ladder_line_clear(&line);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (uint8_t j = 0; j < parts[i].count; j++)
			ladder_line_put(&line, at++, parts[i].glyph);
		at = ladder_line_text(&line, at, LADDER_LINE_MOST, parts[i].meaning,
				      strlen(parts[i].meaning));
	}
	strbuf_init(&buf, text, sizeof(text));
	ladder_line_append(&line, &buf, style->is_ascii);
	style->line(text, buf.size, style->data);
}
