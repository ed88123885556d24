#include "format/json_event.h"

#include <string.h>

#include "format/arguments.h"
#include "format/attributes.h"
#include "format/facts.h"
#include "format/json.h"
#include "format/json_payload.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/option_name.h"

enum {
	TEXT_BYTES = 512, /* an argument, or a note's text */
	/* an object without payload, notes and stack */
	LINE_BOUND = 8192 + 2 * ATTRIBUTES_BYTES,
	NOTE_BOUND = 2048, /* what one note adds to twice its text */
	ESCAPE_BOUND = 6,  /* bytes that one byte of text may take */
	/* what one frame of a stack takes: with its quotes and the comma */
	FRAME_BOUND = TRUSS_FRAME_BYTES * ESCAPE_BOUND + 3,
};

static const char *const roles[] = {
	[ROLE_NONE] = "none",
	[ROLE_CLIENT] = "client",
	[ROLE_SERVER] = "server",
	[ROLE_LISTENER] = "listener",
};

static void append_watches(struct strbuf *buf, unsigned call, const struct tcpshim_watch *watches,
			   uint64_t total)
{
	uint64_t shown = total < EVENT_WATCHES ? total : EVENT_WATCHES;

	strbuf_char(buf, '[');
	for (uint64_t i = 0; i < shown; i++) {
		strbuf_string(buf, i > 0 ? ",{" : "{");
		json_integer(buf, "fd", watches[i].fd);
		if (watches[i].fd == -1 && watches[i].data != 0) {
			json_name(buf, "data");
			strbuf_char(buf, '"');
			strbuf_pointer(buf, watches[i].data);
			strbuf_char(buf, '"');
		}
		json_name(buf, "events");
		strbuf_char(buf, '"');
		arguments_events(buf, call, watches[i].events);
		strbuf_string(buf, "\"}");
	}
	if (total > shown) {
		strbuf_string(buf, ",{");
		json_unsigned(buf, "more", total - shown);
		strbuf_char(buf, '}');
	}
	strbuf_char(buf, ']');
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
		if (json_has_payload(event, style)) { /* see "data" */
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
	json_name(buf, "args");
	strbuf_char(buf, '[');
	for (unsigned i = 0; i < arguments_count(event); i++) {
		if (i > 0)
			strbuf_char(buf, ',');
		append_argument(buf, event, style, i);
	}
	strbuf_char(buf, ']');
}

/* --- Connections and notes. --- */

static void append_connection(struct strbuf *buf, const struct tcpshim_connection *connection)
{
	if (connection->serial == 0)
		return;
	json_unsigned(buf, "conn", connection->serial);
	json_endpoint(buf, "local", &connection->local);
	json_endpoint(buf, "peer", &connection->peer);
	if (connection->role != ROLE_NONE && connection->role <= ROLE_LISTENER)
		json_text(buf, "role", roles[connection->role]);
	if (connection->state != STATE_UNKNOWN)
		json_text(buf, "state", names_tcp_state(connection->state));
}

static void append_value(struct strbuf *buf, const char *name,
			 const struct tcpshim_address *address)
{
	json_name(buf, name);
	strbuf_char(buf, '"');
	facts_address(buf, address);
	strbuf_char(buf, '"');
}

static void append_fact(struct strbuf *buf, unsigned fact, int64_t value)
{
	if (fact_fields[fact].is_signed)
		json_integer(buf, fact_fields[fact].name, value);
	else
		json_unsigned(buf, fact_fields[fact].name, (uint64_t)value);
}

static void append_fin(struct strbuf *buf, const struct tcpshim_facts *facts)
{
	static const char *const times[] = {
		[FIN_ARRIVED] = "arrived",
		[FIN_ARRIVED_BEFORE] = "arrived_before",
		[FIN_SEEN] = "seen",
	};
	enum tcpshim_fin_time time;

	uint64_t age_ns = facts_fin_age_ns(facts, &time);

	if (facts->fin_time == FIN_NONE && age_ns == 0) /* not known */
		return;
	json_unsigned(buf, "fin_age_ns", age_ns);
	json_text(buf, "fin_time", times[time <= FIN_SEEN ? time : FIN_SEEN]);
}

static void append_values(struct strbuf *buf, const char *text, const struct tcpshim_facts *facts)
{
	struct facts_values values;

	facts_in(text, &values);
	json_name(buf, "values");
	strbuf_char(buf, '{');
	for (unsigned fact = 0; fact < FACT_FIELDS; fact++)
		if (values.numbers >> fact & 1)
			append_fact(buf, fact, facts_value(facts, fact));
	if (values.has_fin)
		append_fin(buf, facts);
	if (values.has_before)
		json_text(buf, "state_before", names_tcp_state(facts->before));
	if (values.has_now)
		json_text(buf, "state", names_tcp_state(facts->now));
	if (values.has_local)
		append_value(buf, "local", &facts->local);
	if (values.has_peer)
		append_value(buf, "peer", &facts->peer);
	if (values.has_option) {
		json_name(buf, "option");
		strbuf_char(buf, '"');
		option_name(buf, facts->option_level, facts->option_name);
		strbuf_char(buf, '"');
	}
	if (values.has_error)
		json_error(buf, "error.type", facts->policy_error);
	strbuf_char(buf, '}');
}

static void append_note(struct strbuf *buf, const struct note_row *row,
			const struct tcpshim_facts *facts)
{
	size_t start;

	strbuf_string(buf, buf->text[buf->size - 1] == '[' ? "{" : ",{");
	json_text(buf, "id", row->id);
	json_text(buf, "severity", severity_rows[row->severity].word);
	json_name(buf, "text");
	strbuf_char(buf, '"');
	/* Notes hold nothing that needs to be escaped but quotes: none. */
	start = buf->size;
	facts_expand(buf, row->text, facts);
	for (size_t i = start; i < buf->size; i++)
		if (buf->text[i] == '"' || buf->text[i] == '\\')
			buf->text[i] = '\'';
	strbuf_char(buf, '"');
	json_unsigned(buf, "conn", facts->serial);
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
				json_name(buf, "notes");
				strbuf_char(buf, '[');
			}
			is_started = true;
			append_note(buf, &note_rows[note], &subject->facts);
		}
	}
	if (is_started)
		strbuf_char(buf, ']');
	if (event->subjects_left_out > 0 && style->least_severity == SEVERITY_INFO)
		json_unsigned(buf, "notes.left_out", event->subjects_left_out);
}

/* What the kernel said of the path, in its own names (struct tcp_info) and units. */
static void append_tcp_info(struct strbuf *buf, const struct tcpshim_event *event)
{
	for (uint32_t i = 0; i < event->subject_count; i++) {
		const struct tcpshim_facts *facts = &event->subjects[i].facts;

		if (facts->rtt_ns == 0 || facts->serial != event->connection.serial)
			continue;
		json_name(buf, "tcp_info");
		strbuf_char(buf, '{');
		json_unsigned(buf, "rtt_us", facts->rtt_ns / 1000);
		json_unsigned(buf, "rttvar_us", facts->rtt_variation_ns / 1000);
		json_unsigned(buf, "snd_cwnd", facts->congestion_window);
		json_unsigned(buf, "snd_wnd", facts->send_window_bytes);
		json_unsigned(buf, "retransmits", facts->retransmits);
		json_unsigned(buf, "total_retrans", facts->retransmits_total);
		strbuf_char(buf, '}');
		return;
	}
}

static void append_stack(struct strbuf *buf, const struct tcpshim_event *event,
			 const struct truss_style *style)
{
	if (event->stack_count == 0)
		return;
	json_name(buf, "stack");
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

void json_event(struct strbuf *buf, const struct tcpshim_event *event,
		const struct truss_style *style)
{
	bool is_sleeping = event->flags & EVENT_SLEEPING;
	const struct call_row *row = &call_rows[event->call];

	strbuf_char(buf, '{');
	json_time(buf, "time", event->realtime_ns);
	json_unsigned(buf, "mono_ns", event->time_ns);
	json_integer(buf, "process.pid", event->pid);
	json_program(buf, event->program ? event->program : "");
	attributes_json(buf, event->attributes);
	json_integer(buf, "thread.id", event->tid);
	json_text(buf, "call", row->shown);
	append_arguments(buf, event, style);
	if (is_sleeping) {
		json_name(buf, "sleeping");
		strbuf_string(buf, "true");
	} else if (event->call < CALL_rehearse) {
		json_integer(buf, "ret", event->error != 0 ? -1 : event->result);
		if (event->error != 0)
			json_error(buf, "error.type", event->error);
		json_unsigned(buf, "duration_ns",
			      event->time_ns > event->start_ns ? event->time_ns - event->start_ns
							       : 0);
	}
	if (event->ready_total > 0) {
		json_name(buf, "ready");
		append_watches(buf, event->call, event->ready, event->ready_total);
	}
	append_connection(buf, &event->connection);
	if (event->data_total > 0)
		json_unsigned(buf, "bytes", event->data_total);
	json_payload(buf, event, style);
	if (event->flags & EVENT_STDIO) {
		json_name(buf, "stdio");
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
	size_t bound = LINE_BOUND + (size_t)shown * ESCAPE_BOUND + event->stack_count * FRAME_BOUND;

	for (uint32_t i = 0; i < event->subject_count; i++)
		for (unsigned note = 0; note < NOTE_COUNT; note++)
			if (note_set_has(&event->subjects[i].notes, note))
				bound += 2 * strlen(note_rows[note].text) + NOTE_BOUND;
	return bound;
}

void json_line(struct strbuf *buf, const char *line, size_t size, const struct format_process *of)
{
	static const char head[] = "*** tcpshim: ", tail[] = " ***\n";

	if (size > sizeof(head) + sizeof(tail) && memcmp(line, head, sizeof(head) - 1) == 0) {
		line += sizeof(head) - 1;
		size -= sizeof(head) - 1 + sizeof(tail) - 1;
	}
	strbuf_string(buf, "{\"tcpshim\":");
	json_string(buf, line, size);
	json_integer(buf, "process.pid", of->pid);
	json_program(buf, of->program);
	attributes_json(buf, of->attributes);
	strbuf_string(buf, "}\n");
}
