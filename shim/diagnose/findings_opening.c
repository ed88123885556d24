/* Findings about connections that were not opened, or took long to be, in the order of
 * findings.def. */
#include "diagnose/counting.h"
#include "diagnose/findings.h"

bool find_ports_exhausted(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_ports_exhausted};
	struct strbuf buf = what_begin(finding);
	uint32_t ports = 0, waits = 0;

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		ports = story->local_ports > ports ? story->local_ports : ports;
		waits = story->time_wait_sockets > waits ? story->time_wait_sockets : waits;
	}
	strbuf_count(&buf, finding->count, "connect");
	append_per_minute(&buf, finding, " per minute,");
	strbuf_string(&buf, " failed for want of a local port: there are ");
	strbuf_unsigned(&buf, ports);
	strbuf_string(&buf, ", and up to ");
	strbuf_count(&buf, waits, "socket");
	strbuf_string(&buf, " were in TIME_WAIT.");
	what_end(finding, &buf);
	return true;
}

bool find_connect_refused(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_connect_refused};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " refused");
	append_per_minute(&buf, finding, " per minute");
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	return true;
}

static size_t count_with(const struct group *group, unsigned note)
{
	size_t count = 0;

	for (size_t i = 0; i < group->count; i++)
		count += has_note(&group->list[i], note);
	return count;
}

bool find_connect_unanswered(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_connect_timed_out, NOTE_connect_unreachable,
					NOTE_no_local_address};
	static const char *const meanings[] = {" got no answer to the SYN",
					       " reached nobody (no route, or ICMP unreachable)",
					       " had no such local address"};
	struct numbers waits = {0};
	struct strbuf buf = what_begin(finding);
	const char *between = ": ";

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	COLLECT(group, &waits, failed_ns);
	append_of(&buf, finding);
	strbuf_string(&buf, " could not be opened");
	append_per_minute(&buf, finding, " per minute");
	for (size_t i = 0; i < sizeof(notes); i++) {
		size_t count = count_with(group, notes[i]);

		if (count == 0)
			continue;
		strbuf_string(&buf, between);
		strbuf_unsigned(&buf, count);
		strbuf_string(&buf, meanings[i]);
		between = ", ";
		if (notes[i] != NOTE_connect_timed_out || waits.count == 0)
			continue;
		strbuf_string(&buf, " within ");
		append_spread(&buf, &waits);
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	numbers_clear(&waits);
	return true;
}

bool find_accept_slow(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_accept_late, NOTE_accept_queue_full};
	struct numbers waits = {0};
	struct strbuf buf = what_begin(finding);
	uint32_t queue = 0, limit = 0;

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	COLLECT(group, &waits, queued_ns);
	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		queue = story->queue_length > queue ? story->queue_length : queue;
		limit = story->queue_limit > limit ? story->queue_limit : limit;
	}
	append_of(&buf, finding);
	strbuf_string(&buf, " waited too long in the accept queue");
	if (waits.count > 0) {
		strbuf_string(&buf, ": ");
		append_spread(&buf, &waits);
		strbuf_string(&buf, " or more");
	}
	if (limit > 0) {
		strbuf_string(&buf, "; the queue was full (");
		strbuf_unsigned(&buf, queue);
		strbuf_string(&buf, ", limit ");
		strbuf_unsigned(&buf, limit);
		strbuf_char(&buf, ')');
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	numbers_clear(&waits);
	return true;
}

bool find_connect_slow(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_connect_slow};
	struct numbers handshakes = {0};
	struct strbuf buf = what_begin(finding);
	uint64_t syns = 0;

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	COLLECT(group, &handshakes, handshake_ns);
	for (size_t i = 0; i < group->count; i++)
		syns += group->list[i].story.syns_lost;
	append_of(&buf, finding);
	strbuf_string(&buf, " lost ");
	strbuf_count(&buf, syns, "SYN");
	append_per_minute(&buf, finding, " connections per minute");
	strbuf_string(&buf, ": the handshake took ");
	append_spread(&buf, &handshakes);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	numbers_clear(&handshakes);
	return true;
}

bool find_slow_names(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_name_lookup};
	struct numbers lookups = {0};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	COLLECT(group, &lookups, lookup_ns);
	append_of(&buf, finding);
	strbuf_string(&buf, " waited for a name");
	append_per_minute(&buf, finding, " per minute");
	strbuf_string(&buf, ": ");
	append_spread(&buf, &lookups);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	numbers_clear(&lookups);
	return true;
}
