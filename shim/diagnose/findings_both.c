/* Findings that need the recordings of both ends. */
#include "diagnose/counting.h"
#include "diagnose/findings.h"

/* Returns how many bytes the peer's program has not read. A TLS alert is not read by a peer that is
 * done, and urgent data not by one that reads only the others. */
static uint64_t lost_of(const struct ended *ended)
{
	if (!ended->other.is_known || !ended->other.is_whole || !ended->messages ||
	    ended->messages->is_alert_last || ended->messages->has_urgent ||
	    ended->messages->written.bytes <= ended->other.read_bytes)
		return 0;
	return ended->messages->written.bytes - ended->other.read_bytes;
}

/* Returns when the last bytes were written. */
static uint64_t last_write_ns(const struct ended *ended)
{
	const struct message *last =
		messages_find(&ended->messages->written, ended->messages->written.bytes - 1);

	return last ? last->start_ns : 0;
}

static void append_lost_range(struct strbuf *buf, const struct ended *ended)
{
	strbuf_string(buf, ": written ");
	strbuf_unsigned(buf, ended->messages->written.bytes);
	strbuf_string(buf, ", read there ");
	strbuf_unsigned(buf, ended->other.read_bytes);
	strbuf_string(buf, ", lost ");
	strbuf_unsigned(buf, lost_of(ended));
	strbuf_string(buf, ": bytes ");
	strbuf_unsigned(buf, ended->other.read_bytes);
	strbuf_string(buf, " to ");
	strbuf_unsigned(buf, ended->messages->written.bytes - 1);
}

/* Adds how long before the last write the peer had closed, where that is so. */
static void add_closed_before(struct numbers *before, const struct ended *ended)
{
	uint64_t write_ns = last_write_ns(ended);

	if (ended->other.is_time_known && ended->other.closed_ns != 0 &&
	    write_ns > ended->other.closed_ns)
		numbers_add(before, write_ns - ended->other.closed_ns);
}

bool find_bytes_lost(const struct group *group, struct finding *finding)
{
	struct numbers before = {0};
	struct strbuf buf = what_begin(finding);
	const struct ended *first = NULL;
	uint64_t lost = 0, written = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (lost_of(ended) == 0)
			continue;
		count_at(finding, last_write_ns(ended));
		lost += lost_of(ended);
		written += ended->messages->written.bytes;
		add_closed_before(&before, ended);
		first = first ? first : ended;
	}
	if (!first)
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " lost data");
	if (finding->count == 1) {
		append_lost_range(&buf, first);
	} else {
		strbuf_string(&buf, ": written ");
		strbuf_unsigned(&buf, written);
		strbuf_string(&buf, " bytes, lost ");
		strbuf_unsigned(&buf, lost);
		strbuf_string(&buf, "; connection ");
		strbuf_unsigned(&buf, first->row.serial);
		append_lost_range(&buf, first);
	}
	strbuf_char(&buf, '.');
	if (before.count > 0) {
		strbuf_string(&buf, " The peer's program had closed ");
		append_spread(&buf, &before);
		strbuf_string(&buf, " before the last write.");
	}
	what_end(finding, &buf);
	finding->weight = lost;
	numbers_clear(&before);
	return true;
}
