#include "picture/ladder.h"

#include "format/facts.h"
#include "format/names.h"
#include "picture/ladder_arrow.h"
#include "picture/ladder_heading.h"
#include "picture/ladder_rows.h"
#include "picture/ladder_text.h"

#define STAMP_NS UINT64_C(100000) /* what a time is rounded to */

enum { NOTE_BYTES = 2048, DRAWN_NOTES = 16 };

/* --- Below a row. --- */

static const struct picture_end *end_of(const struct ladder_frame *frame, unsigned side)
{
	return side == LADDER_OURS ? frame->picture->ours : frame->picture->theirs;
}

static void draw_state(struct ladder_frame *frame, const struct ladder_row *row)
{
	const char *name = names_tcp_state(row->state);

	frame->state[row->side] = row->state;
	ladder_frame_begin(frame);
	ladder_frame_beside(frame, row->side, name, strlen(name));
	ladder_frame_end(frame);
}

/* Returns whether the end that has not read the bytes never will. */
static bool is_over(const struct ladder_frame *frame, const struct ladder_row *row)
{
	const struct picture_end *reader = end_of(frame, !row->side);

	return !reader || reader->row.closed_ns != 0 ||
	       end_of(frame, row->side)->story.lost_bytes > 0 || reader->row.state == STATE_CLOSE;
}

static void draw_lost(struct ladder_frame *frame, const struct ladder_row *row)
{
	uint64_t last = row->position + row->bytes - 1, first = last + 1 - row->lost_bytes;
	unsigned severity = is_over(frame, row) ? SEVERITY_ERROR : SEVERITY_INFO;
	char text[LADDER_TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_count(&buf, row->lost_bytes, "byte");
	strbuf_string(&buf, severity == SEVERITY_ERROR ? " lost: byte" : " not read: byte");
	if (first < last) {
		strbuf_string(&buf, "s ");
		strbuf_unsigned(&buf, first);
		strbuf_string(&buf, " to");
	}
	strbuf_char(&buf, ' ');
	strbuf_unsigned(&buf, last);
	strbuf_char(&buf, '.');
	ladder_frame_paragraph(frame, row->side, severity_rows[severity].mark, text, buf.size,
			       severity_rows[severity].colour);
}

/* Notes that were drawn, the latest ones. */
struct drawn {
	struct ladder_note list[DRAWN_NOTES];
	size_t next;
};

/* Returns whether a note with the same words was drawn; if not, keeps it as one that is. */
static bool has_drawn(struct drawn *drawn, const struct ladder_note *note)
{
	for (size_t i = 0; i < DRAWN_NOTES; i++)
		if (drawn->list[i].size == note->size &&
		    memcmp(drawn->list[i].text, note->text, note->size) == 0)
			return true;
	drawn->list[drawn->next++ % DRAWN_NOTES] = *note;
	return false;
}

static void draw_notes(struct ladder_frame *frame, const struct ladder_row *row,
		       struct drawn *drawn)
{
	struct ladder_note note;
	const char *at = NULL;

	while (ladder_text_next_note(&note, &at, row->moment, end_of(frame, row->side))) {
		char text[NOTE_BYTES];
		struct strbuf buf;

		if (note.severity < frame->style->least_severity)
			continue;
		strbuf_init(&buf, text, sizeof(text));
		if (has_drawn(drawn, &note))
			strbuf_string(&buf, "as above. ");
		else
			strbuf_bytes(&buf, note.text, note.size);
		strbuf_bytes(&buf, note.id, note.id_size);
		ladder_frame_paragraph(frame, row->side, severity_rows[note.severity].mark, text,
				       buf.size, severity_rows[note.severity].colour);
	}
}

/* --- Rows. --- */

/* Returns whether several processes made the calls of the end. */
static bool has_processes(const struct picture_end *end)
{
	const struct chronicle *chronicle = &end->chronicle;

	for (size_t i = 1; i < chronicle->count; i++)
		if (chronicle->list[i].pid != chronicle->list[0].pid)
			return true;
	return false;
}

static void append_call(struct strbuf *buf, const struct ladder_row *row, bool has_pid)
{
	const char *name = call_rows[row->moment->call].shown;

	if (has_pid) {
		strbuf_integer(buf, row->moment->pid);
		strbuf_string(buf, ": ");
	}
	if (row->is_options) {
		strbuf_count(buf, row->count, "option call");
	} else if (row->kind == LADDER_BEGIN) {
		strbuf_string(buf, name);
		strbuf_string(buf, "...");
	} else if (row->count > 1 && row->bytes > 0) {
		strbuf_string(buf, name);
	} else {
		ladder_text_call(buf, row->moment);
	}
	if (row->count > 1 && !row->is_options) {
		strbuf_string(buf, " x ");
		strbuf_unsigned(buf, row->count);
	}
}

static void put_call(struct ladder_frame *frame, const struct ladder_row *row)
{
	char text[LADDER_TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	append_call(&buf, row, frame->has_pid[row->side]);
	ladder_frame_beside(frame, row->side, text, buf.size);
}

static void draw_below(struct ladder_frame *frame, const struct ladder_row *row,
		       struct drawn *drawn)
{
	if (row->has_state)
		draw_state(frame, row);
	if (row->lost_bytes > 0)
		draw_lost(frame, row);
	if (row->has_notes)
		draw_notes(frame, row, drawn);
}

/* Returns whether the arrow of a row arrives in the next one, which a report shows at the same
 * time: both are one line. */
static bool is_with_next(const struct ladder_frame *frame, const struct ladder_rows *rows,
			 size_t index)
{
	const struct ladder_row *row = &rows->list[index], *next = row + 1;
	uint64_t base_ns = frame->style->base_ns;

	return row->arrives == index + 1 && next->kind == LADDER_CALL && next->side != row->side &&
	       next->arrow == LADDER_NO_ARROW &&
	       (row->time_ns - base_ns + STAMP_NS / 2) / STAMP_NS ==
		       (next->time_ns - base_ns + STAMP_NS / 2) / STAMP_NS;
}

/* Draws a row, and the next one if they are one line. Returns how many. */
static size_t draw_event(struct ladder_frame *frame, const struct ladder_rows *rows, size_t index,
			 struct drawn *drawn)
{
	const struct ladder_row *row = &rows->list[index];
	struct ladder_row straight = *row;
	bool is_two = is_with_next(frame, rows, index);

	ladder_frame_begin(frame);
	ladder_frame_stamp(frame, row->time_ns);
	if (row->kind == LADDER_WIRE && row->is_bound)
		ladder_frame_beside(frame, row->side, "(or earlier)", 12);
	if (row->kind != LADDER_WIRE)
		put_call(frame, row);
	if (is_two) {
		put_call(frame, row + 1);
		straight.arrives = LADDER_NOWHERE;
	}
	ladder_arrow_draw(frame, &straight, (uint32_t)index, (uint32_t)(index + is_two));
	ladder_frame_end(frame);
	draw_below(frame, row, drawn);
	if (is_two)
		draw_below(frame, row + 1, drawn);
	return is_two ? 2 : 1;
}

static void draw_across(struct ladder_frame *frame, const struct ladder_row *row)
{
	char text[LADDER_TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	if (row->kind == LADDER_SILENCE) {
		strbuf_duration(&buf, row->number);
		strbuf_string(&buf, " nothing");
	} else {
		strbuf_count(&buf, row->number, "call");
		if (frame->picture->theirs)
			strbuf_string(&buf,
				      row->side == LADDER_OURS ? " on the left" : " on the right");
		strbuf_string(&buf, " not kept");
	}
	ladder_frame_across(frame, '~', text, buf.size);
}

static void draw_repeat(struct ladder_frame *frame, const struct ladder_row *row)
{
	uint64_t base_ns = frame->style->base_ns;
	char text[LADDER_TEXT_BYTES], until[LADDER_TEXT_BYTES];
	struct strbuf buf, stamp;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_string(&buf, "These ");
	strbuf_count(&buf, row->number, "call");
	strbuf_string(&buf, " again, ");
	strbuf_count(&buf, row->count, "time");
	strbuf_string(&buf, ", until ");
	strbuf_init(&stamp, until, sizeof(until));
	strbuf_stamp(&stamp, row->last_ns > base_ns ? row->last_ns - base_ns : 0);
	for (size_t i = 0; i < stamp.size; i++)
		if (until[i] != ' ')
			strbuf_char(&buf, until[i]);
	strbuf_string(&buf, ": left to right ");
	strbuf_count(&buf,
		     row->sent[LADDER_OURS] ? row->sent[LADDER_OURS] : row->received[LADDER_THEIRS],
		     "byte");
	strbuf_string(&buf, ", right to left ");
	strbuf_count(&buf,
		     row->sent[LADDER_THEIRS] ? row->sent[LADDER_THEIRS]
					      : row->received[LADDER_OURS],
		     "byte");
	strbuf_char(&buf, '.');
	ladder_frame_paragraph(frame, LADDER_OURS, "...", text, buf.size, NULL);
}

static void draw_end(struct ladder_frame *frame, const struct ladder_row *row)
{
	static const char text[] = "recording ends";

	ladder_frame_begin(frame);
	ladder_frame_stamp(frame, row->time_ns);
	ladder_frame_beside(frame, row->side, text, sizeof(text) - 1);
	ladder_frame_end(frame);
	frame->is_over[row->side] = true;
}

/* Draws a row, or more. Returns how many. */
static size_t draw_row(struct ladder_frame *frame, const struct ladder_rows *rows, size_t index,
		       struct drawn *drawn)
{
	const struct ladder_row *row = &rows->list[index];

	switch (row->kind) {
	case LADDER_SILENCE:
	case LADDER_LEFT_OUT:
		draw_across(frame, row);
		return 1;
	case LADDER_REPEAT:
		draw_repeat(frame, row);
		return 1;
	case LADDER_END:
		draw_end(frame, row);
		return 1;
	default:
		return draw_event(frame, rows, index, drawn);
	}
}

void ladder_draw(const struct picture *picture, const struct ladder_style *style)
{
	struct ladder_rows rows;
	struct ladder_frame frame;
	struct drawn drawn = {0};

	ladder_rows_make(&rows, picture);
	ladder_frame_start(&frame, picture, style,
			   rows.count > 0 ? rows.list[rows.count - 1].last_ns : 0);
	frame.has_pid[LADDER_OURS] = has_processes(picture->ours);
	frame.has_pid[LADDER_THEIRS] = picture->theirs && has_processes(picture->theirs);
	ladder_heading_draw(&frame);
	for (size_t i = 0; i < rows.count;)
		i += draw_row(&frame, &rows, i, &drawn);
	ladder_rows_free(&rows);
}
