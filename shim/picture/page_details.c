/*
 * The details of a page: one line per connection:
 *
 *   ours    what this end saw: x how many of its calls are left out, m [moment, ...],
 *           w [time, sent, received, ...] how much had been moved when, where they are left out
 *   theirs  the same of the other end, if it was recorded: program, host, pid, conn; its times are
 *           those of this end's clock, uncertain: how far they may be off, null if
 *           that is not known
 *   facts   [name, text] of what is known of it
 *   lost    bytes that were written and never acknowledged
 *
 * A moment is [time, duration, state, signs, direction, bytes, position, FIN, flags, gap, thread,
 * text]: signs are those of wire.h; direction is 1 for sent, 2 for received; FIN is when the peer's
 * arrived, or null; flags: 1 it had not returned, 2 of several connections, 4 failed, 8 would
 * block; gap: calls left out before it. After the text comes the number of its
 * stack, if it has one.
 */
#include <inttypes.h>
#include <string.h>

#include "format/connection_number.h"
#include "format/facts.h"
#include "picture/page.h"
#include "picture/page_choice.h"
#include "picture/page_stacks.h"
#include "picture/page_text.h"
#include "picture/wire.h"

/* Where the lines are written, and what they have in common. */
struct details {
	FILE *to;
	uint64_t base_ns;
	size_t most;       /* moments of an end */
	int64_t offset_ns; /* of the end's times */
	struct page_stacks stacks;
};

static uint64_t shown_time(const struct details *details, uint64_t time_ns)
{
	return time_ns + (uint64_t)details->offset_ns;
}

static unsigned flags_of(const struct moment *moment)
{
	unsigned flags = moment->is_sleeping ? 1 : 0;

	if (moment->is_of_many)
		flags |= 2;
	if (moment->error != 0)
		flags |= facts_is_would_block(moment->error) ? 8 : 4;
	return flags;
}

static void put_moment(struct details *details, const struct moment *moment, uint64_t gap)
{
	FILE *to = details->to;
	int stack = page_stacks_number(&details->stacks, page_stacks_find(moment->text));

	putc('[', to);
	page_time(to, shown_time(details, moment->time_ns), details->base_ns);
	fprintf(to, ",%" PRIu64 ",%u,%u,%u,%" PRIu64 ",%" PRIu64 ",",
		moment->time_ns > moment->start_ns ? (moment->time_ns - moment->start_ns) / 1000
						   : 0,
		moment->state < STATE_COUNT ? moment->state : 0U, wire_signs(moment),
		moment->direction, moment->bytes, moment->position);
	if (wire_fin_ns(moment) != 0)
		page_time(to, shown_time(details, wire_fin_ns(moment)), details->base_ns);
	else
		fputs("null", to);
	fprintf(to, ",%u,%" PRIu64 ",%d,", flags_of(moment), gap, moment->tid);
	page_text(to, moment->text, page_choice_text(moment));
	if (stack != PAGE_STACKS_NONE)
		fprintf(to, ",%d", stack);
	putc(']', to);
}

static void put_waypoints(const struct details *details, const struct chronicle *chronicle)
{
	fputs(",\"w\":[", details->to);
	for (size_t i = 0; i < chronicle->waypoint_count; i++) {
		const struct waypoint *point = &chronicle->waypoints[i];

		fputs(i > 0 ? "," : "", details->to);
		page_time(details->to, shown_time(details, point->time_ns), details->base_ns);
		fprintf(details->to, ",%" PRIu64 ",%" PRIu64, point->sent_bytes,
			point->received_bytes);
	}
	putc(']', details->to);
}

static void put_moments(struct details *details, const struct chronicle *chronicle)
{
	bool is_kept[PAGE_MOMENTS];
	size_t kept = page_choice(chronicle, details->most, is_kept);
	size_t half = chronicle->most / 2;
	uint64_t gap = 0;
	bool is_first = true;

	fprintf(details->to, "\"x\":%" PRIu64 ",\"m\":[",
		chronicle->left_out + chronicle->count - kept);
	for (size_t i = 0; i < chronicle->count && i < PAGE_MOMENTS; i++) {
		if (i == half)
			gap += chronicle->left_out;
		if (!is_kept[i]) {
			gap++;
			continue;
		}
		fputs(is_first ? "" : ",", details->to);
		put_moment(details, &chronicle->list[i], gap);
		is_first = false;
		gap = 0;
	}
	putc(']', details->to);
	put_waypoints(details, chronicle);
}

static void put_theirs(struct details *details, const struct picture *picture)
{
	const struct picture_end *theirs = picture->theirs;
	FILE *to = details->to;

	if (!theirs)
		return;
	details->offset_ns = picture->offset_ns;
	fputs(",\"theirs\":{\"program\":", to);
	page_raw(to, theirs->program);
	fputs(",\"host\":", to);
	page_raw(to, theirs->host);
	fprintf(to, ",\"pid\":%d,\"conn\":%u,\"uncertain\":", theirs->row.pid, theirs->row.serial);
	if (picture->is_offset_known)
		fprintf(to, "%" PRIu64 ",", picture->offset_error_ns / 1000);
	else
		fputs("null,", to);
	put_moments(details, &theirs->chronicle);
	putc('}', to);
}

/* --- Facts. --- */

static void put_fact(FILE *to, const char *name, const struct strbuf *text)
{
	fprintf(to, "[\"%s\",", name);
	page_text(to, text->text, text->size);
	putc(']', to);
}

static void put_duration(FILE *to, const char *name, struct known_number number)
{
	char text[64];
	struct strbuf buf;

	if (number.known == KNOWN_NOT)
		return;
	strbuf_init(&buf, text, sizeof(text));
	strbuf_string(&buf, number.known == KNOWN_AT_LEAST ? "at least " : "");
	strbuf_duration(&buf, number.value);
	putc(',', to);
	put_fact(to, name, &buf);
}

static void put_count(FILE *to, const char *name, struct known_number bytes,
		      struct known_number calls)
{
	char text[128];
	struct strbuf buf;

	if (bytes.known == KNOWN_NOT)
		return;
	strbuf_init(&buf, text, sizeof(text));
	strbuf_string(&buf, bytes.known == KNOWN_AT_LEAST ? "at least " : "");
	strbuf_count(&buf, bytes.value, "byte");
	if (calls.known != KNOWN_NOT) {
		strbuf_string(&buf, " in ");
		strbuf_count(&buf, calls.value, "call");
	}
	putc(',', to);
	put_fact(to, name, &buf);
}

static void put_facts(FILE *to, const struct picture_end *end)
{
	const struct connection_row *row = &end->row;
	struct known_number retransmits = connection_number_retransmits(row);
	char text[64];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_string(&buf, connection_row_first(row));
	fputs(",\"facts\":[", to);
	put_fact(to, "closed first by", &buf);
	put_duration(to, "open for", connection_number_lived_ns(row));
	put_count(to, "sent", connection_number_sent(row), connection_number_writes(row));
	put_count(to, "received", connection_number_received(row), connection_number_reads(row));
	put_duration(to, "handshake", connection_number_handshake_ns(row));
	put_duration(to, "round trip", connection_number_rtt_ns(row));
	put_duration(to, "longest silence", connection_number_silence_ns(row));
	if (retransmits.known != KNOWN_NOT && retransmits.value > 0) {
		buf.size = 0;
		strbuf_unsigned(&buf, retransmits.value);
		putc(',', to);
		put_fact(to, "retransmissions", &buf);
	}
	fprintf(to, "],\"lost\":%" PRIu64, end->story.lost_bytes);
}

void page_details(FILE *to, const struct page *page, size_t budget)
{
	struct details details = {.to = to, .base_ns = page->base_ns};

	details.most = page_choice_most(page, budget);
	for (size_t i = 0; i < page->count; i++) {
		details.offset_ns = 0;
		fputs("{\"ours\":{", to);
		put_moments(&details, &page->list[i].ours->chronicle);
		putc('}', to);
		put_theirs(&details, &page->list[i]);
		put_facts(to, page->list[i].ours);
		fputs("}\n", to);
	}
	fputs("</script>\n<script type=\"application/json\" id=\"stacks\">\n", to);
	page_stacks_write(to, &details.stacks);
	page_stacks_free(&details.stacks);
}
