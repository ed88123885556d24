#include "picture/ladder_text.h"

#include <stdlib.h>

#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"

/* --- Calls. --- */

/* Returns the argument whose word tells what the call is about, -1: none. */
static int find_telling(const struct call_row *row)
{
	for (int i = 0; i < EVENT_ARGUMENTS; i++)
		switch (row->kinds[i]) {
		case ARG_SHUTDOWN_HOW:
		case ARG_OPTION_NAME:
		case ARG_FCNTL_COMMAND:
		case ARG_IOCTL_REQUEST:
		case ARG_EPOLL_OPERATION:
			return i;
		default:
			break;
		}
	return -1;
}

/* Appends a blank and the argument of this number. */
static void append_argument(struct strbuf *buf, const char *line, size_t size, int number)
{
	const char *end = line + size, *at = memchr(line, '(', size);

	if (!at)
		return;
	for (at++; number > 0 && at + 1 < end; at++)
		number -= at[0] == ',' && at[1] == ' ';
	while (at < end && *at == ' ')
		at++;
	strbuf_char(buf, ' ');
	while (at < end && *at != ',' && *at != ')')
		strbuf_char(buf, *at++);
}

/* Appends what follows the result of the line: the descriptors that are ready. */
static void append_ready(struct strbuf *buf, const char *line, size_t size)
{
	size_t at = size;

	while (at > 0 && line[at - 1] != '[' && line[at - 1] != '=')
		at--;
	if (at == 0 || line[at - 1] != '[')
		return;
	strbuf_char(buf, ' ');
	strbuf_bytes(buf, line + at - 1, size - at + 1);
}

static void append_result(struct strbuf *buf, const struct moment *moment, bool is_telling)
{
	const struct call_row *row = &call_rows[moment->call];

	if (moment->is_sleeping) {
		strbuf_string(buf, " (sleeping...)");
	} else if (moment->error != 0) {
		strbuf_char(buf, ' ');
		names_error(buf, moment->error);
	} else if (moment->result != 0 || (!is_telling && row->effect != EFFECT_CLOSE)) {
		strbuf_string(buf, " = ");
		strbuf_integer(buf, moment->result);
		if (row->effect == EFFECT_WAIT)
			append_ready(buf, moment->text, strcspn(moment->text, "\n"));
	}
}

void ladder_text_call(struct strbuf *buf, const struct moment *moment)
{
	const struct call_row *row = &call_rows[moment->call];
	int telling = find_telling(row);

	if (strcmp(row->group, "process") == 0) { /* "_exit(1)" */
		strbuf_bytes(buf, moment->text, strcspn(moment->text, "\t\n"));
		return;
	}
	strbuf_string(buf, row->shown);
	if (telling >= 0)
		append_argument(buf, moment->text, strcspn(moment->text, "\n"), telling);
	append_result(buf, moment, telling >= 0);
	if (row->effect == EFFECT_READ && moment->bytes > 0 && moment->direction == MOMENT_NEITHER)
		strbuf_string(buf, " (peek)");
}

/* --- Payload. --- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns the end of the payload that begins here, two characters for each byte; NULL if it is
 * none.
 */
static const char *find_payload_end(const char *at)
{
	while (at[0] != '\0' && at[0] != '\n' && at[0] != '"') {
		bool is_byte = at[0] == ' ' || at[0] == '\\' ||
			       (hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0);

		if (!is_byte || at[1] == '\0' || at[1] == '\n')
			return NULL;
		at += 2;
	}
	return at[0] == '"' ? at : NULL;
}

void ladder_text_payload(struct strbuf *buf, const struct moment *moment, size_t most)
{
	const char *at = strchr(moment->text, '"'), *end;
	size_t bytes, shown;
	bool is_more;

	if (moment->bytes == 0 || !at || at > moment->text + strcspn(moment->text, "\n"))
		return;
	end = find_payload_end(++at);
	if (!end)
		return;
	bytes = (size_t)(end - at) / 2;
	is_more = end[1] == '.';
	shown = bytes;
	if (most < 4 + 2)
		return;
	if (shown + 2 + (is_more ? 2 : 0) > most) {
		is_more = true;
		shown = most - 4;
	}
	strbuf_char(buf, '"');
	for (size_t i = 0; i < shown; i++) {
		char c = at[2 * i + 1];

		strbuf_char(buf, at[2 * i] == ' ' && c >= ' ' && c < 0x7f ? c : '.');
	}
	strbuf_char(buf, '"');
	if (is_more)
		strbuf_string(buf, "..");
}

/* --- Notes. --- */

static bool read_mark(struct ladder_note *note)
{
	for (unsigned severity = SEVERITY_ERROR + 1; severity-- > 0;) {
		const char *mark = severity_rows[severity].mark;
		size_t size = strlen(mark);

		if (note->size <= size || memcmp(note->text, mark, size) != 0 ||
		    note->text[size] != ' ')
			continue;
		note->severity = (uint8_t)severity;
		note->text += size + 1;
		note->size -= size + 1;
		return true;
	}
	return false;
}

/* Returns whether the note's id, at the end of its text, is of one that the connection was given.
 */
static bool has_id_of(const struct ladder_note *note, const struct tcpshim_notes *notes)
{
	for (unsigned i = note_set_next(notes, 0); i < NOTE_COUNT;
	     i = note_set_next(notes, i + 1)) {
		size_t size = strlen(note_rows[i].id);

		if (note->size > size + 2 && note->text[note->size - 1] == ']' &&
		    note->text[note->size - size - 2] == '[' &&
		    memcmp(note->text + note->size - size - 1, note_rows[i].id, size) == 0)
			return true;
	}
	return false;
}

/* Returns whether the note names another descriptor, where several connections have notes. */
static bool is_of_other(const struct ladder_note *note, const struct moment *moment,
			const struct picture_end *end)
{
	if (!moment->is_of_many || end->row.more_fds > 0 || end->row.fd < 0 ||
	    strncmp(note->text, "fd ", 3) != 0)
		return false;
	return strtol(note->text + 3, NULL, 10) != end->row.fd;
}

/* Leaves out the "fd 3 10.0.0.1:33226 > 10.0.0.2:8080: " that it begins with. */
static void cut_connection(struct ladder_note *note)
{
	const char *end = memmem(note->text, note->size, ": ", 2);

	if (!end || strncmp(note->text, "fd ", 3) != 0)
		return;
	end += 2;
	note->size -= (size_t)(end - note->text);
	note->text = end;
}

/* Returns the size of the note without what tells the states, which a ladder shows: the last
 * sentence before the id, "SYN_SENT > ESTABLISHED. ". */
static size_t size_without_states(const struct ladder_note *note, size_t id)
{
	size_t at = id;

	while (at > 0 && (note->text[at - 1] == ' ' || note->text[at - 1] == '.') && at + 2 > id)
		at--;
	while (at > 0 && (note->text[at - 1] == ' ' || note->text[at - 1] == '>' ||
			  note->text[at - 1] == '_' ||
			  (note->text[at - 1] >= 'A' && note->text[at - 1] <= 'Z') ||
			  (note->text[at - 1] >= '1' && note->text[at - 1] <= '2')))
		at--;
	return at > 0 && note->text[at - 1] == '.' && note->text[at] == ' ' && at + 6 < id ? at + 1
											   : id;
}

static void cut_states(struct ladder_note *note)
{
	const char *id = memrchr(note->text, '[', note->size);

	if (!id)
		return;
	note->id = id;
	note->id_size = note->size - (size_t)(id - note->text);
	note->size = size_without_states(note, (size_t)(id - note->text));
}

bool ladder_text_next_note(struct ladder_note *note, const char **at, const struct moment *moment,
			   const struct picture_end *end)
{
	const char *line = *at ? *at : moment->text;

	while ((line = strchr(line, '\n'))) {
		line++;
		if (line[0] != '\t')
			continue;
		*note = (struct ladder_note){.text = line + 1, .size = strcspn(line + 1, "\n")};
		if (!read_mark(note) || !has_id_of(note, &moment->notes) ||
		    is_of_other(note, moment, end))
			continue;
		*at = line;
		cut_connection(note);
		cut_states(note);
		return true;
	}
	return false;
}
