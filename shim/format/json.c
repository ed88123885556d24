#include "format/json.h"

#include <string.h>
#include <sys/socket.h>

#include "format/arguments.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/option_name.h"
#include "format/payload.h"
#include "format/stamp.h"
#include "tcpshim/record.h"

enum {
	TEXT_BYTES = 512,  /* an argument, or a note's text */
	LINE_BOUND = 8192, /* an object without payload, notes and stack */
	NOTE_BOUND = 2048, /* what one note adds to twice its text */
	ESCAPE_BOUND = 6,  /* bytes that one byte of text may take */
	/* what one frame of a stack takes: with its quotes and the comma */
	FRAME_BOUND = TRUSS_FRAME_BYTES * ESCAPE_BOUND + 3,
};

static const char *const severities[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARN] = "warn",
	[SEVERITY_ERROR] = "error",
};
static const char *const roles[] = {
	[ROLE_NONE] = "none",
	[ROLE_CLIENT] = "client",
	[ROLE_SERVER] = "server",
	[ROLE_LISTENER] = "listener",
};

static void append_escaped(struct strbuf *buf, uint8_t byte)
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

/* How a character of UTF-8 that begins with first goes on, as RFC 3629 has it: no overlong forms,
 * no surrogates, nothing above U+10FFFF. False: none begins so. */
struct sequence {
	unsigned more;       /* bytes that follow the first */
	uint8_t least, most; /* what the second may be; further ones 80 to BF */
};

static bool begin_sequence(struct sequence *sequence, uint8_t first)
{
	*sequence = (struct sequence){.least = 0x80, .most = 0xbf};
	if (first < 0x80)
		return true;
	if (first < 0xc2 || first > 0xf4)
		return false;
	sequence->more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	if (first == 0xe0)
		sequence->least = 0xa0;
	else if (first == 0xf0)
		sequence->least = 0x90;
	else if (first == 0xed)
		sequence->most = 0x9f;
	else if (first == 0xf4)
		sequence->most = 0x8f;
	return true;
}

/* The bytes of the character that text begins with, 0 if it is not UTF-8. */
static size_t character_size(const uint8_t *text, size_t size)
{
	struct sequence sequence;

	if (!begin_sequence(&sequence, text[0]) || sequence.more >= size)
		return 0;
	for (unsigned i = 1; i <= sequence.more; i++) {
		if (text[i] < sequence.least || text[i] > sequence.most)
			return 0;
		sequence.least = 0x80;
		sequence.most = 0xbf;
	}
	return sequence.more + 1;
}

/* A name or a path may be any bytes: for one that is not UTF-8 stands U+FFFD. */
void json_string(struct strbuf *buf, const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	strbuf_char(buf, '"');
	for (size_t i = 0; i < size;) {
		size_t taken = character_size(bytes + i, size - i);

		if (taken == 0)
			strbuf_string(buf, "\xef\xbf\xbd");
		for (size_t j = 0; j < taken; j++)
			append_escaped(buf, bytes[i + j]);
		i += taken > 0 ? taken : 1;
	}
	strbuf_char(buf, '"');
}

/* ,"name": */
static void append_name(struct strbuf *buf, const char *name)
{
	if (buf->size == 0 || (buf->text[buf->size - 1] != '{' && buf->text[buf->size - 1] != '['))
		strbuf_char(buf, ',');
	strbuf_char(buf, '"');
	strbuf_string(buf, name);
	strbuf_string(buf, "\":");
}

static void append_text(struct strbuf *buf, const char *name, const char *text)
{
	append_name(buf, name);
	json_string(buf, text, strlen(text));
}

static void append_integer(struct strbuf *buf, const char *name, int64_t value)
{
	append_name(buf, name);
	strbuf_integer(buf, value);
}

static void append_unsigned(struct strbuf *buf, const char *name, uint64_t value)
{
	append_name(buf, name);
	strbuf_unsigned(buf, value);
}

static void append_error(struct strbuf *buf, const char *name, int error)
{
	append_name(buf, name);
	strbuf_char(buf, '"');
	names_error(buf, error);
	strbuf_char(buf, '"');
}

static void append_watches(struct strbuf *buf, unsigned call, const struct tcpshim_watch *watches,
			   uint64_t total)
{
	uint64_t shown = total < EVENT_WATCHES ? total : EVENT_WATCHES;

	strbuf_char(buf, '[');
	for (uint64_t i = 0; i < shown; i++) {
		strbuf_string(buf, i > 0 ? ",{" : "{");
		append_integer(buf, "fd", watches[i].fd);
		if (watches[i].fd == -1 && watches[i].data != 0) {
			append_name(buf, "data");
			strbuf_char(buf, '"');
			strbuf_pointer(buf, watches[i].data);
			strbuf_char(buf, '"');
		}
		append_name(buf, "events");
		strbuf_char(buf, '"');
		arguments_events(buf, call, watches[i].events);
		strbuf_string(buf, "\"}");
	}
	if (total > shown) {
		strbuf_string(buf, ",{");
		append_unsigned(buf, "more", total - shown);
		strbuf_char(buf, '}');
	}
	strbuf_char(buf, ']');
}

static bool has_payload(const struct tcpshim_event *event, const struct truss_style *style)
{
	return payload_held(event) > 0 && style->data_bytes > 0;
}

static void append_argument(struct strbuf *buf, const struct tcpshim_event *event,
			    const struct truss_style *style, unsigned index)
{
	enum tcpshim_argument_kind kind =
		(enum tcpshim_argument_kind)call_rows[event->call].kinds[index];
	char text[TEXT_BYTES];
	struct strbuf one;

	switch (kind) {
	case ARG_FD:
	case ARG_INTEGER:
	case ARG_MILLISECONDS:
	case ARG_UNSIGNED:
	case ARG_LENGTH:
	case ARG_SIZE:
		arguments_one(buf, event, 0, index);
		return;
	case ARG_BYTES:
	case ARG_BYTES_OUT:
	case ARG_VECTOR:
	case ARG_VECTOR_OUT:
	case ARG_MESSAGE:
	case ARG_MESSAGE_OUT:
	case ARG_MESSAGES:
	case ARG_MESSAGES_OUT:
		if (has_payload(event, style)) { /* see "data" */
			strbuf_string(buf, "null");
			return;
		}
		break;
	case ARG_POLL_SET:
		if (event->has_asked) {
			append_watches(buf, event->call, event->asked, event->asked_total);
			return;
		}
		break;
	default:
		break;
	}
	strbuf_init(&one, text, sizeof(text));
	arguments_one(&one, event, 0, index);
	json_string(buf, one.text, one.size);
}

static void append_arguments(struct strbuf *buf, const struct tcpshim_event *event,
			     const struct truss_style *style)
{
	append_name(buf, "args");
	strbuf_char(buf, '[');
	for (unsigned i = 0; i < arguments_count(event); i++) {
		if (i > 0)
			strbuf_char(buf, ',');
		append_argument(buf, event, style, i);
	}
	strbuf_char(buf, ']');
}

/* --- The payload. --- */

struct cursor {
	const struct iovec *piece;
	size_t position;
	uint64_t rest;
};

static struct cursor cursor_of(const struct tcpshim_event *event, const struct truss_style *style)
{
	uint64_t stored = payload_held(event);

	return (struct cursor){
		.piece = event->data,
		.rest = stored < style->data_bytes ? stored : style->data_bytes,
	};
}

static bool cursor_next(struct cursor *cursor, uint8_t *byte)
{
	if (cursor->rest == 0)
		return false;
	while (cursor->position == cursor->piece->iov_len) {
		cursor->piece++;
		cursor->position = 0;
	}
	cursor->rest--;
	*byte = ((const uint8_t *)cursor->piece->iov_base)[cursor->position++];
	return true;
}

/* Well-formed to its end: nothing cut. */
static bool is_utf8(struct cursor cursor)
{
	struct sequence sequence = {0};
	uint8_t byte;

	while (cursor_next(&cursor, &byte)) {
		if (sequence.more == 0) {
			if (!begin_sequence(&sequence, byte))
				return false;
			continue;
		}
		if (byte < sequence.least || byte > sequence.most)
			return false;
		sequence = (struct sequence){sequence.more - 1, 0x80, 0xbf};
	}
	return sequence.more == 0;
}

static void append_base64(struct strbuf *buf, struct cursor cursor)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[3];

	while (cursor.rest > 0) {
		unsigned count = 0;

		bytes[1] = bytes[2] = 0;
		while (count < 3 && cursor_next(&cursor, &bytes[count]))
			count++;
		strbuf_char(buf, digits[bytes[0] >> 2]);
		strbuf_char(buf, digits[(bytes[0] & 3) << 4 | bytes[1] >> 4]);
		strbuf_char(buf, count > 1 ? digits[(bytes[1] & 15) << 2 | bytes[2] >> 6] : '=');
		strbuf_char(buf, count > 2 ? digits[bytes[2] & 63] : '=');
	}
}

static void append_payload(struct strbuf *buf, const struct tcpshim_event *event,
			   const struct truss_style *style)
{
	struct cursor cursor = cursor_of(event, style);
	uint8_t byte;

	if (!has_payload(event, style))
		return;
	append_name(buf, "data");
	strbuf_char(buf, '"');
	if (is_utf8(cursor)) {
		while (cursor_next(&cursor, &byte))
			append_escaped(buf, byte);
		strbuf_char(buf, '"');
	} else {
		append_base64(buf, cursor);
		strbuf_char(buf, '"');
		append_text(buf, "data.encoding", "base64");
	}
}

/* --- Connections and notes. --- */

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

static void append_connection(struct strbuf *buf, const struct tcpshim_connection *connection)
{
	if (connection->serial == 0)
		return;
	append_unsigned(buf, "conn", connection->serial);
	json_endpoint(buf, "local", &connection->local);
	json_endpoint(buf, "peer", &connection->peer);
	if (connection->role != ROLE_NONE && connection->role <= ROLE_LISTENER)
		append_text(buf, "role", roles[connection->role]);
	if (connection->state != STATE_UNKNOWN)
		append_text(buf, "state", names_tcp_state(connection->state));
}

static void append_value(struct strbuf *buf, const char *name,
			 const struct tcpshim_address *address)
{
	append_name(buf, name);
	strbuf_char(buf, '"');
	facts_address(buf, address);
	strbuf_char(buf, '"');
}

static void append_fact(struct strbuf *buf, unsigned fact, int64_t value)
{
	if (fact_fields[fact].is_signed)
		append_integer(buf, fact_fields[fact].name, value);
	else
		append_unsigned(buf, fact_fields[fact].name, (uint64_t)value);
}

static void append_values(struct strbuf *buf, const char *text, const struct tcpshim_facts *facts)
{
	struct facts_values values;

	facts_in(text, &values);
	append_name(buf, "values");
	strbuf_char(buf, '{');
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++)
		if (values.numbers >> fact & 1)
			append_fact(buf, fact, facts_value(facts, fact));
	if (values.has_before)
		append_text(buf, "state_before", names_tcp_state(facts->before));
	if (values.has_now)
		append_text(buf, "state", names_tcp_state(facts->now));
	if (values.has_local)
		append_value(buf, "local", &facts->local);
	if (values.has_peer)
		append_value(buf, "peer", &facts->peer);
	if (values.has_option) {
		append_name(buf, "option");
		strbuf_char(buf, '"');
		option_name(buf, facts->option_level, facts->option_name);
		strbuf_char(buf, '"');
	}
	if (values.has_error)
		append_error(buf, "error.type", facts->policy_error);
	strbuf_char(buf, '}');
}

static void append_note(struct strbuf *buf, const struct note_row *row,
			const struct tcpshim_facts *facts)
{
	size_t start;

	strbuf_string(buf, buf->text[buf->size - 1] == '[' ? "{" : ",{");
	append_text(buf, "id", row->id);
	append_text(buf, "severity", severities[row->severity]);
	append_name(buf, "text");
	strbuf_char(buf, '"');
	/* Notes hold nothing that needs to be escaped but quotes: none. */
	start = buf->size;
	facts_expand(buf, row->text, facts);
	for (size_t i = start; i < buf->size; i++)
		if (buf->text[i] == '"' || buf->text[i] == '\\')
			buf->text[i] = '\'';
	strbuf_char(buf, '"');
	append_unsigned(buf, "conn", facts->serial);
	append_values(buf, row->text, facts);
	strbuf_char(buf, '}');
}

static void append_notes(struct strbuf *buf, const struct tcpshim_event *event,
			 const struct truss_style *style)
{
	bool is_started = false;

	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_subject *subject = &event->subjects[i];

		for (unsigned note = 0; note < NOTE_COUNT; note++) {
			if (!note_set_has(&subject->notes, note) ||
			    note_rows[note].severity < style->least_severity)
				continue;
			if (!is_started) {
				append_name(buf, "notes");
				strbuf_char(buf, '[');
			}
			is_started = true;
			append_note(buf, &note_rows[note], &subject->facts);
		}
	}
	if (is_started)
		strbuf_char(buf, ']');
	if (event->subjects_left_out > 0 && style->least_severity == SEVERITY_INFO)
		append_unsigned(buf, "notes.left_out", event->subjects_left_out);
}

/* What the kernel said of the path, in its own names (struct tcp_info) and units. */
static void append_tcp_info(struct strbuf *buf, const struct tcpshim_event *event)
{
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_facts *facts = &event->subjects[i].facts;

		if (facts->rtt_ns == 0 || facts->serial != event->connection.serial)
			continue;
		append_name(buf, "tcp_info");
		strbuf_char(buf, '{');
		append_unsigned(buf, "rtt_us", facts->rtt_ns / 1000);
		append_unsigned(buf, "rttvar_us", facts->rtt_variation_ns / 1000);
		append_unsigned(buf, "snd_cwnd", facts->congestion_window);
		append_unsigned(buf, "snd_wnd", facts->send_window_bytes);
		append_unsigned(buf, "retransmits", facts->retransmits);
		append_unsigned(buf, "total_retrans", facts->retransmits_total);
		strbuf_char(buf, '}');
		return;
	}
}

static void append_stack(struct strbuf *buf, const struct tcpshim_event *event,
			 const struct truss_style *style)
{
	if (event->stack_count == 0)
		return;
	append_name(buf, "stack");
	strbuf_char(buf, '[');
	for (uint32_t i = 0; i < event->stack_count; i++) {
		char text[TRUSS_FRAME_BYTES];
		struct strbuf frame;

		strbuf_init(&frame, text, sizeof(text));
		truss_frame(&frame, event->stack[i], style);
		if (i > 0)
			strbuf_char(buf, ',');
		json_string(buf, frame.text, frame.size);
	}
	strbuf_char(buf, ']');
}

/* As much of the name as a recording keeps. */
static void append_program(struct strbuf *buf, const char *program)
{
	size_t size = 0;

	while (size < RECORD_PROGRAM_BYTES - 1 && program[size])
		size++;
	append_name(buf, "process.executable.name");
	json_string(buf, program, size);
}

void json_event(struct strbuf *buf, const struct tcpshim_event *event,
		const struct truss_style *style)
{
	bool is_sleeping = event->flags & EVENT_SLEEPING;
	const struct call_row *row = &call_rows[event->call];

	strbuf_string(buf, "{\"time\":\"");
	stamp_utc_ns(buf, event->realtime_ns);
	strbuf_char(buf, '"');
	append_unsigned(buf, "mono_ns", event->time_ns);
	append_integer(buf, "process.pid", event->pid);
	append_program(buf, event->program ? event->program : "");
	append_integer(buf, "thread.id", event->tid);
	append_text(buf, "call", row->shown);
	append_arguments(buf, event, style);
	if (is_sleeping) {
		append_name(buf, "sleeping");
		strbuf_string(buf, "true");
	} else if (event->call != CALL_exit) {
		append_integer(buf, "ret", event->error != 0 ? -1 : event->result);
		if (event->error != 0)
			append_error(buf, "error.type", event->error);
		append_unsigned(buf, "duration_ns",
				event->time_ns > event->start_ns ? event->time_ns - event->start_ns
								 : 0);
	}
	if (event->ready_total > 0) {
		append_name(buf, "ready");
		append_watches(buf, event->call, event->ready, event->ready_total);
	}
	append_connection(buf, &event->connection);
	if (event->data_total > 0)
		append_unsigned(buf, "bytes", event->data_total);
	append_payload(buf, event, style);
	if (event->flags & EVENT_STDIO) {
		append_name(buf, "stdio");
		strbuf_string(buf, "true");
	}
	append_notes(buf, event, style);
	append_tcp_info(buf, event);
	append_stack(buf, event, style);
	strbuf_string(buf, "}\n");
}

size_t json_event_bound(const struct tcpshim_event *event, const struct truss_style *style)
{
	uint64_t shown = event->data_total < style->data_bytes ? event->data_total
							       : style->data_bytes;
	size_t bound = LINE_BOUND + shown * ESCAPE_BOUND + event->stack_count * FRAME_BOUND;

	for (uint32_t i = 0; i < event->subject_count; i++)
		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (note_set_has(&event->subjects[i].notes, note))
				bound += 2 * strlen(note_rows[note].text) + NOTE_BOUND;
	return bound;
}

void json_line(struct strbuf *buf, const char *line, size_t size)
{
	static const char head[] = "*** tcpshim: ", tail[] = " ***\n";

	if (size > sizeof(head) + sizeof(tail) && memcmp(line, head, sizeof(head) - 1) == 0) {
		line += sizeof(head) - 1;
		size -= sizeof(head) - 1 + sizeof(tail) - 1;
	}
	strbuf_string(buf, "{\"tcpshim\":");
	json_string(buf, line, size);
	strbuf_string(buf, "}\n");
}
