/*
 * The summary of a page:
 *
 *   base         the time of day of 0, RFC 3339
 *   end          the last time shown
 *   scope        what was looked at
 *   states       names of the states of TCP, by number
 *   notes        [id, severity, explanation] of each note that occurs
 *   findings     id, severity, group, key, what, evidence, places, why, remedy
 *   connections  n number, g name of the program, h host, p process, r role, l local, q peer,
 *                a first and z last time, o whether it is still open, e how it ended, w the worst
 *                severity, s sent, v received (null: not known), c calls, i its notes, t the
 *                program at the other end, null if that was not recorded
 *                b [time, state, ...] from when on it was in which state
 *                m [time, note, ...] marks
 *                d [time, ...] when bytes moved: sent, or below 0 received
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/wording.h"
#include "format/connection_number.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/note_set.h"
#include "format/stamp.h"
#include "picture/page.h"
#include "picture/page_text.h"
#include "picture/states.h"
#include "picture/wire.h"
#include "reader/complain.h"

enum { MOST_STATES = 24, MOST_MARKS = 24, MOST_MOVES = 24, TEXT_BYTES = 4096 };

/* --- The tables. --- */

static void put_tables(FILE *to, const struct tcpshim_notes *used, unsigned numbers[NOTE_COUNT])
{
	unsigned next = 0;

	fputs(",\"states\":[", to);
	for (unsigned state = 0; state < STATE_COUNT; state++)
		fprintf(to, "%s\"%s\"", state > 0 ? "," : "", names_tcp_state(state));
	fputs("],\n\"notes\":[", to);
	for (unsigned note = note_set_next(used, 0); note < NOTE_COUNT;
	     note = note_set_next(used, note + 1)) {
		numbers[note] = next++;
		fprintf(to, "%s[\"%s\",%u,", numbers[note] > 0 ? ",\n" : "", note_rows[note].id,
			note_rows[note].severity);
		page_text(to, note_rows[note].explanation, strlen(note_rows[note].explanation));
		putc(']', to);
	}
	putc(']', to);
}

/* --- The findings. --- */

static void put_member(FILE *to, const char *name, const struct strbuf *buf)
{
	fprintf(to, ",\"%s\":", name);
	page_text(to, buf->text, buf->size);
}

/* Writes what the connections of a group have in common: page/timeline.js makes the same of a
 * connection. */
static void put_key(FILE *to, const struct group *group)
{
	char text[TEXT_BYTES];
	struct strbuf buf;

	fputs(",\"key\":[", to);
	page_raw(to, group->program);
	strbuf_init(&buf, text, sizeof(text));
	if (group->role == ROLE_SERVER)
		strbuf_unsigned(&buf, group->address.port);
	else
		facts_address(&buf, &group->address);
	fprintf(to, ",\"%s\",", group->role == ROLE_SERVER ? "server" : "client");
	page_text(to, text, buf.size);
	putc(']', to);
}

static void put_finding(FILE *to, const struct finding *finding, const char *places,
			int64_t realtime_offset_ns)
{
	const struct finding_row *row = &finding_rows[finding->name];
	char text[TEXT_BYTES];
	struct strbuf buf;

	fprintf(to, "{\"id\":\"%s\",\"severity\":%u,\"group\":", row->id, row->severity);
	strbuf_init(&buf, text, sizeof(text) - 1);
	group_name(&buf, finding->group);
	text[buf.size] = '\0';
	page_raw(to, text);
	put_key(to, finding->group);
	fputs(",\"what\":", to);
	page_raw(to, finding->what);
	buf.size = 0;
	wording_evidence(&buf, finding, realtime_offset_ns);
	put_member(to, "evidence", &buf);
	buf.size = 0;
	wording_what_to_do(&buf, finding);
	put_member(to, "remedy", &buf);
	fputs(",\"places\":", to);
	page_text(to, places, strlen(places));
	fputs(",\"why\":", to);
	page_text(to, row->why, strlen(row->why));
	putc('}', to);
}

/* --- The connections. --- */

static void put_number(FILE *to, const char *name, struct known_number number)
{
	if (number.known == KNOWN_NOT)
		fprintf(to, ",\"%s\":null", name);
	else
		fprintf(to, ",\"%s\":%" PRIu64, name, number.value);
}

static void put_states(FILE *to, const struct picture_end *end, uint64_t base_ns)
{
	struct state_run runs[MOST_STATES];
	size_t count = states_of(end, runs, MOST_STATES);

	fputs(",\"b\":[", to);
	for (size_t i = 0; i < count; i++) {
		fputs(i > 0 ? "," : "", to);
		page_time(to, runs[i].from_ns, base_ns);
		fprintf(to, ",%u", runs[i].state);
	}
	putc(']', to);
}

/* Writes the notes of an end as marks, as far as there is room: the warnings and errors, or the
 * others. offset_ns: of its times. */
static void put_end_marks(FILE *to, const struct chronicle *chronicle, bool is_bad,
			  uint64_t offset_ns, const unsigned numbers[NOTE_COUNT], size_t *written)
{
	for (size_t i = 0; i < chronicle->count && *written < MOST_MARKS; i++) {
		const struct tcpshim_notes *notes = &chronicle->list[i].notes;

		for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
		     note = note_set_next(notes, note + 1)) {
			if ((note_rows[note].severity != SEVERITY_INFO) != is_bad)
				continue;
			fputs((*written)++ > 0 ? "," : "", to);
			page_time(to, chronicle->list[i].time_ns + offset_ns, 0);
			fprintf(to, ",%u", numbers[note]);
		}
	}
}

/* Writes the marks of both ends, those that are bad first. */
static void put_marks(FILE *to, const struct picture *picture, uint64_t base_ns,
		      const unsigned numbers[NOTE_COUNT])
{
	size_t written = 0;

	fputs(",\"m\":[", to);
	for (unsigned is_bad = 2; is_bad-- > 0;) {
		put_end_marks(to, &picture->ours->chronicle, is_bad, -base_ns, numbers, &written);
		if (picture->theirs)
			put_end_marks(to, &picture->theirs->chronicle, is_bad,
				      (uint64_t)picture->offset_ns - base_ns, numbers, &written);
	}
	putc(']', to);
}

/* Writes when bytes moved, and the comma before all but the first. */
static void put_move(FILE *to, uint64_t time_ns, uint64_t base_ns, bool is_received,
		     size_t *written)
{
	fputs((*written)++ > 0 ? "," : "", to);
	fputs(is_received ? "-" : "", to);
	page_time(to, (int64_t)(time_ns - base_ns) > 0 ? time_ns : base_ns, base_ns);
}

static void put_waypoints(FILE *to, const struct chronicle *chronicle, uint64_t base_ns,
			  size_t *written)
{
	uint64_t sent = 0, received = 0;

	for (size_t i = 0; i < chronicle->waypoint_count; i++) {
		const struct waypoint *point = &chronicle->waypoints[i];

		if (point->sent_bytes > sent)
			put_move(to, point->time_ns, base_ns, false, written);
		if (point->received_bytes > received)
			put_move(to, point->time_ns, base_ns, true, written);
		sent = point->sent_bytes;
		received = point->received_bytes;
	}
}

static void put_moves(FILE *to, const struct chronicle *chronicle, uint64_t base_ns)
{
	size_t moves = 0, step, seen = 0, written = 0;

	for (size_t i = 0; i < chronicle->count; i++)
		moves += chronicle->list[i].direction != MOMENT_NEITHER;
	step = moves / MOST_MOVES + 1;
	fputs(",\"d\":[", to);
	for (size_t i = 0; i < chronicle->count; i++) {
		const struct moment *moment = &chronicle->list[i];

		if (moment->direction != MOMENT_NEITHER && seen++ % step == 0)
			put_move(to, moment->time_ns, base_ns, moment->direction == MOMENT_RECEIVED,
				 &written);
	}
	put_waypoints(to, chronicle, base_ns, &written);
	putc(']', to);
}

static void put_notes(FILE *to, const struct tcpshim_notes *notes,
		      const unsigned numbers[NOTE_COUNT])
{
	const char *comma = "";

	fputs(",\"i\":[", to);
	for (unsigned note = note_set_next(notes, 0); note < NOTE_COUNT;
	     note = note_set_next(notes, note + 1)) {
		fprintf(to, "%s%u", comma, numbers[note]);
		comma = ",";
	}
	putc(']', to);
}

static void put_connection(FILE *to, const struct page *page, const struct picture *picture,
			   const unsigned numbers[NOTE_COUNT])
{
	const struct picture_end *end = picture->ours;
	const struct connection_row *row = &end->row;
	struct tcpshim_notes notes = row->notes; /* of both ends */
	unsigned worst;

	if (picture->theirs)
		note_set_merge(&notes, &picture->theirs->row.notes);
	worst = wire_severity(&notes);
	fprintf(to, "{\"n\":%u,\"g\":", row->serial);
	page_raw(to, end->program);
	fputs(",\"h\":", to);
	page_raw(to, end->host);
	fprintf(to, ",\"p\":%d,\"r\":\"%s\",\"l\":", row->pid, connection_row_role(row));
	page_address(to, &row->local);
	fputs(",\"q\":", to);
	page_address(to, &row->peer);
	fputs(",\"a\":", to);
	page_time(to, row->first_ns, page->base_ns);
	fputs(",\"z\":", to);
	page_time(to, row->closed_ns != 0 ? row->closed_ns : row->seen_ns, page->base_ns);
	fprintf(to, ",\"o\":%d,\"e\":\"%s\",\"w\":%d,\"c\":%" PRIu64, row->closed_ns == 0,
		connection_row_ended(row), worst == SEVERITY_NONE ? 0 : (int)worst,
		end->chronicle.count + end->chronicle.left_out);
	fputs(",\"t\":", to);
	if (picture->theirs)
		page_raw(to, picture->theirs->program);
	else
		fputs("null", to);
	put_number(to, "s", connection_number_sent(row));
	put_number(to, "v", connection_number_received(row));
	put_notes(to, &notes, numbers);
	put_states(to, end, page->base_ns);
	put_marks(to, picture, page->base_ns, numbers);
	put_moves(to, &end->chronicle, page->base_ns);
	putc('}', to);
}

static struct tcpshim_notes find_used(const struct page *page)
{
	struct tcpshim_notes used = {0};

	for (size_t i = 0; i < page->count; i++) {
		note_set_merge(&used, &page->list[i].ours->row.notes);
		if (page->list[i].theirs)
			note_set_merge(&used, &page->list[i].theirs->row.notes);
	}
	return used;
}

void page_summary(FILE *to, const struct page *page)
{
	struct tcpshim_notes used = find_used(page);
	unsigned numbers[NOTE_COUNT] = {0};
	char text[64];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	stamp_utc(&buf, (int64_t)(page->base_ns + (uint64_t)page->realtime_offset_ns));
	fputs("{\"base\":", to);
	page_text(to, text, buf.size);
	fputs(",\"end\":", to);
	page_time(to, page->end_ns, page->base_ns);
	fputs(",\"scope\":", to);
	page_text(to, page->scope, strlen(page->scope));
	put_tables(to, &used, numbers);
	fputs(",\n\"findings\":[", to);
	for (size_t i = 0; i < page->findings->count; i++) {
		fputs(i > 0 ? ",\n" : "\n", to);
		put_finding(to, &page->findings->list[i], page->places[i],
			    page->realtime_offset_ns);
	}
	fputs("],\n\"connections\":[", to);
	for (size_t i = 0; i < page->count; i++) {
		fputs(i > 0 ? ",\n" : "\n", to);
		put_connection(to, page, &page->list[i], numbers);
	}
	fputs("]}\n", to);
}
