#include "picture/svg.h"

#include <stdlib.h>
#include <string.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/stamp.h"
#include "picture/states.h"
#include "picture/wire.h"
#include "reader/complain.h"
#include "reader/printable.h"

enum {
	HEAD = 96,
	LEFT = 372, /* the lifelines */
	RIGHT = 608,
	GAP = 14,        /* from a lifeline to the text of its calls */
	CALL_WIDTH = 37, /* characters */
	RESULT_WIDTH = 22,
	MOST_STATES = 32,
	TEXT_BYTES = 1024,
};

static const char style[] =
	"svg{background:#fff;color:#1c2733;font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,"
	"monospace}\n"
	"text{fill:currentColor}.big{font-size:15px;font-weight:bold}.dim{opacity:.62}"
	".mid{text-anchor:middle}.end{text-anchor:end}\n"
	".life{stroke:#9aa7b4;stroke-width:1}.unseen{stroke-dasharray:3 4}"
	".grid{stroke:#9aa7b4;stroke-opacity:.35}\n"
	".data,.syn{stroke:#1668c7;fill:none;stroke-width:1.4}"
	".fin{stroke:#8a5a00;fill:none;stroke-width:1.4}"
	".rst,.lost{stroke:#cf222e;fill:none;stroke-width:1.6}.inferred{stroke-dasharray:5 4}\n"
	".warn{fill:#9a6700}.error,.lost-text{fill:#cf222e}.info{opacity:.62}"
	".hole{fill:#cf222e;fill-opacity:.18}\n"
	".written{stroke:#1668c7;fill:none;stroke-width:1.6}"
	".arrived{stroke:#0f8a6d;fill:none;stroke-width:1.6}"
	".read{stroke:#b0569e;fill:none;stroke-width:1.6}"
	".sent-there{stroke:#b0569e;fill:none;stroke-width:1.2;stroke-dasharray:4 3}\n"
	".s0,.s7,.s10{fill:#aab4be}.s1{fill:#2da44e}.s2,.s3{fill:#d4a72c}.s4,.s5,.s11{fill:#7aa7d9}"
	".s6{fill:#c3ccd6}.s8,.s9{fill:#e0823d}.dead{fill:#cf222e}\n"
	"@media(prefers-color-scheme:dark){svg{background:#11161c;color:#d6dde5}"
	".data,.syn,.written{stroke:#6cb2ff}.fin{stroke:#e3b341}.rst,.lost{stroke:#ff7b72}"
	".warn{fill:#e3b341}.error,.lost-text{fill:#ff7b72}.arrived{stroke:#3fc79f}"
	".read,.sent-there{stroke:#d993cb}}\n";

/* U+FFFE and U+FFFF are the only characters left that XML does not have. */
static bool is_no_character(const char *text, size_t size)
{
	return size >= 3 && memcmp(text, "\xef\xbf", 2) == 0 &&
	       (text[2] == '\xbe' || text[2] == '\xbf');
}

void svg_text(FILE *to, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (is_no_character(text + i, size - i)) {
			putc('?', to);
			i += 2;
		} else if (text[i] == '<' || text[i] == '>' || text[i] == '&' || text[i] == '"') {
			fprintf(to, "&#%d;", text[i]);
		} else {
			putc(text[i] == '\t' || text[i] == '\n' ? ' ' : text[i], to);
		}
	}
}

static void put_line(FILE *to, const char *class, int x1, int y1, int x2, int y2)
{
	fprintf(to, "<line class=\"%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", class, x1, y1,
		x2, y2);
}

/* Writes a text element; class may hold several. */
static void put_text(FILE *to, const char *class, int x, int y, const struct strbuf *text)
{
	fprintf(to, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
	svg_text(to, text->text, text->size);
	fputs("</text>\n", to);
}

/* --- The head. --- */

/* Appends "curl (pid 12, conn 3) on host". */
static void append_end(struct strbuf *buf, const struct picture_end *end)
{
	printable_append(buf, end->program, strlen(end->program));
	strbuf_string(buf, " (pid ");
	strbuf_integer(buf, end->row.pid);
	strbuf_string(buf, ", connection ");
	strbuf_unsigned(buf, end->row.serial);
	strbuf_string(buf, ")");
	if (end->host[0] == '\0')
		return;
	strbuf_string(buf, " on ");
	printable_append(buf, end->host, strlen(end->host));
}

static void append_title(struct strbuf *buf, const struct picture *picture)
{
	printable_append(buf, picture->ours->program, strlen(picture->ours->program));
	strbuf_string(buf, " ");
	facts_address(buf, &picture->ours->row.local);
	strbuf_string(buf, picture->ours->row.role == ROLE_SERVER ? " < " : " > ");
	facts_address(buf, &picture->ours->row.peer);
	strbuf_string(buf, ": ");
	strbuf_string(buf, connection_row_ended(&picture->ours->row));
}

static void put_head(FILE *to, const struct picture *picture, int64_t realtime_offset_ns)
{
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	append_title(&buf, picture);
	put_text(to, "big", 14, 26, &buf);
	buf.size = 0;
	stamp_utc(&buf, (int64_t)(picture->ours->row.first_ns + (uint64_t)realtime_offset_ns));
	put_text(to, "dim", 14, 44, &buf);
	buf.size = 0;
	append_end(&buf, picture->ours);
	put_text(to, "end", LEFT + 4, HEAD - 26, &buf);
	buf.size = 0;
	facts_address(&buf, &picture->ours->row.local);
	put_text(to, "end dim", LEFT + 4, HEAD - 12, &buf);
	buf.size = 0;
	if (picture->theirs)
		append_end(&buf, picture->theirs);
	else
		strbuf_string(&buf, "the peer (not recorded)");
	put_text(to, "", RIGHT - 4, HEAD - 26, &buf);
	buf.size = 0;
	facts_address(&buf, &picture->ours->row.peer);
	put_text(to, "dim", RIGHT - 4, HEAD - 12, &buf);
}

/* --- The ladder. --- */

/* Draws the states of a side as a band on its lifeline, each with its name. */
static void put_states(FILE *to, const struct drawing *drawing, unsigned side)
{
	const struct picture_end *end = drawing_end(drawing->picture, side);
	struct state_run runs[MOST_STATES];
	size_t count = end ? states_of(end, runs, MOST_STATES) : 0;
	int x = side == 0 ? LEFT : RIGHT, last_y = -DRAWING_ROW;
	bool was_open = false;

	put_line(to, end ? "life" : "life unseen", x, 0, x, drawing->height);
	for (size_t i = 0; i < count; i++) {
		uint64_t from_ns = drawing_time(drawing->picture, side, runs[i].from_ns);
		int y = drawing_y(drawing, from_ns), until = drawing->height;

		if (i + 1 < count)
			until = drawing_y(drawing, drawing_time(drawing->picture, side,
								runs[i + 1].from_ns));
		was_open |= runs[i].state != STATE_CLOSE && runs[i].state != STATE_SYN_SENT;
		fprintf(to, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"7\" height=\"%d\"/>\n",
			runs[i].state == STATE_CLOSE && was_open
				? "dead"
				: (const char *[]){"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7",
						   "s8", "s9", "s10", "s11"}[runs[i].state],
			x - 3, y, until - y);
		if (y - last_y < 11)
			continue;
		fprintf(to, "<text class=\"dim %s\" x=\"%d\" y=\"%d\" font-size=\"9\">%s</text>\n",
			side == 0 ? "" : "end", side == 0 ? x + 8 : x - 8, y + 12,
			names_tcp_state(runs[i].state));
		last_y = y;
	}
}

/* Appends text with one blank in place of blanks and tabs. A payload, which truss writes with two
 * characters per byte, becomes a string: " k o d o s" is "kodos". */
static void append_joined(struct strbuf *buf, const char *text, size_t size)
{
	size_t from = size, i = 0;
	const char *quote = memchr(text, '"', size);

	if (quote)
		from = (size_t)(quote - text) + 1;
	for (; i < from && i < size; i++) {
		if (text[i] != '\t')
			strbuf_char(buf, text[i]);
		else if (i > 0 && text[i - 1] != '\t' && text[i - 1] != ' ')
			strbuf_char(buf, ' ');
	}
	for (; i + 1 < size && text[i] != '"'; i += 2) {
		if (text[i] != ' ')
			strbuf_char(buf, text[i]);
		strbuf_char(buf, text[i + 1]);
	}
	strbuf_bytes(buf, text + i, size - i);
}

/* Returns how many bytes so many characters are. */
static size_t width_bytes(const char *text, size_t size, size_t width)
{
	size_t at = 0;

	while (at < size && (((unsigned char)text[at] & 0xc0) == 0x80 || width-- > 0))
		at++;
	return at;
}

/* Cuts the process and the thread off the start of a call's line. */
static const char *skip_prefix(const char *text)
{
	size_t size = strspn(text, "0123456789/");

	return size > 0 && text[size] == ':' && text[size + 1] == '\t' ? text + size + 2 : text;
}

/* Returns where the result is in a call's line: after the tabs, or after a long call " = 3"; end if
 * there is none. */
static const char *find_result(const char *text, const char *end)
{
	const char *found = memchr(text, '\t', (size_t)(end - text));

	for (const char *at = text; !found && (at = memmem(at, (size_t)(end - at), " = ", 3)); at++)
		if (!memmem(at + 1, (size_t)(end - at - 1), " = ", 3))
			found = at;
	return found ? found : end;
}

/* Appends a call, cut in its arguments to the width of its column, and its result. */
static void append_call(struct strbuf *buf, const struct drawing_row *row)
{
	const char *text = skip_prefix(row->moment->text), *end = text + strcspn(text, "\n");
	const char *result = find_result(text, end);
	size_t call_size = (size_t)(result - text), result_size;
	char joined[TEXT_BYTES];
	struct strbuf call;

	while (result < end && (*result == '\t' || *result == ' '))
		result++;
	result_size = width_bytes(result, (size_t)(end - result), RESULT_WIDTH);
	strbuf_init(&call, joined, sizeof(joined));
	append_joined(&call, text, call_size);
	call_size = width_bytes(joined, call.size, CALL_WIDTH - result_size);
	strbuf_bytes(buf, joined, call_size);
	strbuf_string(buf, call_size < call.size ? "... " : " ");
	strbuf_bytes(buf, result, result_size);
	if (row->others > 0) {
		strbuf_string(buf, " +");
		strbuf_unsigned(buf, row->others);
	}
}

/* Appends the ids of a moment's warnings and errors, "" if it has none. */
static void append_ids(struct strbuf *buf, const struct moment *moment, unsigned severity)
{
	for (unsigned note = note_set_next(&moment->notes, 0); note < NOTE_COUNT;
	     note = note_set_next(&moment->notes, note + 1)) {
		if (note_rows[note].severity != severity)
			continue;
		strbuf_string(buf, buf->size > 0 ? ", " : "");
		strbuf_string(buf, note_rows[note].id);
	}
}

static void put_ids(FILE *to, const struct drawing_row *row, int x, const char *class)
{
	static const char *const classes[] = {"info", "warn", "error"};
	char text[TEXT_BYTES], both[32];
	struct strbuf buf;
	int y = row->y + 11;

	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--) {
		strbuf_init(&buf, text, sizeof(text));
		append_ids(&buf, row->moment, (unsigned)severity);
		if (buf.size == 0)
			continue;
		snprintf(both, sizeof(both), "%s %s", class, classes[severity]);
		fprintf(to, "<text class=\"%s\" x=\"%d\" y=\"%d\" font-size=\"9\">", both, x, y);
		svg_text(to, text, buf.size);
		fputs("</text>\n", to);
		return;
	}
}

static void put_row(FILE *to, const struct drawing *drawing, const struct drawing_row *row,
		    uint64_t base_ns)
{
	int x = row->side == 0 ? LEFT - GAP : RIGHT + GAP;
	const char *class = row->side == 0 ? "end" : "";
	char text[TEXT_BYTES];
	struct strbuf buf;

	(void)drawing;
	strbuf_init(&buf, text, sizeof(text));
	if (row->silence_ns > 0) {
		strbuf_duration(&buf, row->silence_ns);
		put_text(to, "mid dim", (LEFT + RIGHT) / 2, row->y - DRAWING_SILENCE / 2 - 4, &buf);
		put_line(to, "grid inferred", LEFT + 10, row->y - DRAWING_SILENCE / 2, RIGHT - 10,
			 row->y - DRAWING_SILENCE / 2);
		buf.size = 0;
	}
	if (!row->moment) {
		strbuf_count(&buf, row->others, "call");
		strbuf_string(&buf, " left out");
		put_text(to, row->side == 0 ? "end dim" : "dim", x, row->y + 3, &buf);
		return;
	}
	strbuf_stamp(&buf, row->time_ns > base_ns ? row->time_ns - base_ns : 0);
	put_text(to, "dim", 10, row->y + 3, &buf);
	buf.size = 0;
	append_call(&buf, row);
	put_text(to, class, x, row->y + 2, &buf);
	put_ids(to, row, x, class);
	fprintf(to, "<circle class=\"s0\" cx=\"%d\" cy=\"%d\" r=\"2\"/>\n",
		row->side == 0 ? LEFT - 7 : RIGHT + 7, row->y);
}

static void append_label(struct strbuf *buf, const struct drawing_arrow *arrow)
{
	static const char *const names[] = {"", "SYN", "SYN, ACK", "FIN", "RST"};

	if (arrow->what == DRAWING_DATA)
		strbuf_count(buf, arrow->bytes, "byte");
	else
		strbuf_string(buf, names[arrow->what]);
	strbuf_string(buf, arrow->is_lost ? ", lost" : "");
}

static void put_arrow(FILE *to, const struct drawing_arrow *arrow)
{
	static const char *const classes[] = {"data", "syn", "syn", "fin", "rst"};
	int from = arrow->from == 0 ? LEFT + 5 : RIGHT - 5, until = LEFT + RIGHT - from;
	int ahead = arrow->from == 0 ? -7 : 7, x = from + (LEFT + RIGHT - 2 * from) / 3;
	const char *class = arrow->is_lost ? "lost" : classes[arrow->what];
	char text[64];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	append_label(&buf, arrow);
	if (arrow->is_lost) {
		until = from + (until - from) * 3 / 4;
		fprintf(to, "<path class=\"lost\" d=\"M%d %dl8 8m0 -8l-8 8\"/>\n", until - 4,
			arrow->to_y - 6);
	}
	fprintf(to, "<line class=\"%s%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", class,
		arrow->is_inferred ? " inferred" : "", from, arrow->from_y, until, arrow->to_y);
	if (!arrow->is_lost)
		fprintf(to, "<path class=\"%s\" d=\"M%d %dl%d -4m%d 4l%d 4\"/>\n", class, until,
			arrow->to_y, ahead, -ahead, ahead);
	put_text(to, arrow->is_lost || arrow->what == DRAWING_RST ? "mid lost-text" : "mid", x,
		 arrow->from_y + (arrow->to_y - arrow->from_y) / 3 - 4, &buf);
}

static void put_ladder(FILE *to, const struct drawing *drawing, uint64_t base_ns)
{
	fprintf(to, "<g transform=\"translate(0,%d)\">\n", HEAD);
	put_states(to, drawing, 0);
	put_states(to, drawing, 1);
	for (size_t i = 0; i < drawing->arrow_count; i++)
		put_arrow(to, &drawing->arrows[i]);
	for (size_t i = 0; i < drawing->row_count; i++)
		put_row(to, drawing, &drawing->rows[i], base_ns);
	fputs("</g>\n", to);
}

void svg_write(FILE *to, const struct picture *picture, uint64_t base_ns,
	       int64_t realtime_offset_ns)
{
	struct drawing drawing;
	char text[TEXT_BYTES];
	struct strbuf buf;
	int height;

	drawing_make(&drawing, picture);
	height = HEAD + drawing.height + SVG_GRAPH_HEIGHT;
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\">\n<title>",
		SVG_WIDTH, height, SVG_WIDTH, height);
	strbuf_init(&buf, text, sizeof(text));
	append_title(&buf, picture);
	svg_text(to, text, buf.size);
	fprintf(to, "</title>\n<style>\n%s</style>\n", style);
	put_head(to, picture, realtime_offset_ns);
	put_ladder(to, &drawing, base_ns);
	fprintf(to, "<g transform=\"translate(0,%d)\">\n", HEAD + drawing.height);
	svg_graph(to, picture);
	fputs("</g>\n</svg>\n", to);
	drawing_free(&drawing);
}
