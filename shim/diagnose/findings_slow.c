/* Findings about connections that were not opened, or that are slower than they could be, in the
 * order of findings.def. */
#include "diagnose/counting.h"
#include "diagnose/findings.h"

bool find_connect_refused(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_connect_refused};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " refused.");
	what_end(finding, &buf);
	return true;
}

bool find_connect_unanswered(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_connect_timed_out, NOTE_connect_unreachable,
					NOTE_no_local_address};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " could not be opened: no answer, no route or no local address.");
	what_end(finding, &buf);
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
	strbuf_string(&buf, " waited for a name: ");
	append_spread(&buf, &lookups);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	numbers_clear(&lookups);
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

bool find_resets_clients(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_closed_with_unread_data, NOTE_aborted};
	struct strbuf buf = what_begin(finding);
	uint64_t unread = 0, aborted = 0;

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	for (size_t i = 0; i < group->count; i++) {
		unread += has_note(&group->list[i], NOTE_closed_with_unread_data);
		aborted += has_note(&group->list[i], NOTE_aborted);
	}
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " ended by this program with a reset");
	if (unread > 0) {
		strbuf_string(&buf, ", ");
		strbuf_unsigned(&buf, unread);
		strbuf_string(&buf, " closed with unread data");
	}
	if (aborted > 0) {
		strbuf_string(&buf, ", ");
		strbuf_unsigned(&buf, aborted);
		strbuf_string(&buf, " with SO_LINGER 0");
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	return true;
}

bool find_peer_reads_slowly(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_held_up_by_peer, NOTE_peer_window_closed};
	uint64_t sum = SUM_WAITS(group, finding, window_limited_ns, notes);
	struct strbuf buf = what_begin(finding);

	if (finding->count == 0)
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " waited for the peer's receive window, ");
	strbuf_duration(&buf, sum);
	strbuf_string(&buf, " in all.");
	what_end(finding, &buf);
	return true;
}

bool find_nagle(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_nagle_repeated, NOTE_nagle_delay};
	struct strbuf buf = what_begin(finding);
	uint64_t times = 0, lost_ns = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (story->nagle_count == 0)
			continue;
		count_bad(finding, &group->list[i]);
		COUNT_STACK(finding, &group->list[i], notes);
		times += story->nagle_count;
		lost_ns += story->nagle_lost_ns;
	}
	if (times < 3) /* once or twice may be the start of a session */
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " waited for delayed acknowledgements, ");
	strbuf_count(&buf, times, "time");
	strbuf_string(&buf, ", ");
	strbuf_duration(&buf, lost_ns);
	strbuf_string(&buf, " in all.");
	what_end(finding, &buf);
	finding->weight = lost_ns;
	return true;
}

bool find_busy_loop(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_spinning};
	struct strbuf buf = what_begin(finding);
	uint64_t polls = 0;

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	for (size_t i = 0; i < group->count; i++)
		polls += group->list[i].story.polls;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " polled after their end, at least ");
	strbuf_count(&buf, polls, "time");
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	return true;
}

bool find_buffer_small(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_held_up_by_buffer, NOTE_send_buffer_full};
	uint64_t sum = SUM_WAITS(group, finding, buffer_limited_ns, notes);
	struct strbuf buf = what_begin(finding);

	if (finding->count == 0)
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " waited for room in the send buffer, ");
	strbuf_duration(&buf, sum);
	strbuf_string(&buf, " in all.");
	what_end(finding, &buf);
	return true;
}

/* Many connections of one request each, which this side closed first. */
bool find_no_reuse(const struct group *group, struct finding *finding)
{
	enum { MANY = 100 };
	struct strbuf buf = what_begin(finding);
	uint64_t span_ns;

	if (group->role != ROLE_CLIENT)
		return false;
	for (size_t i = 0; i < group->count; i++) {
		const struct connection_row *row = &group->list[i].row;

		if (row->closed_ns != 0 && row->opened_ns != 0 &&
		    row->closed_ns - row->opened_ns < SECONDS(1) && row->writes <= 2 &&
		    has_note(&group->list[i], NOTE_closed_first)) {
			count_at(finding, row->closed_ns);
			count_stack(finding, group->list[i].story.opened_stack);
		}
	}
	if (finding->count < MANY || finding->count * 10 < group->count * 9)
		return false;
	span_ns = finding->last_ns - finding->first_ns;
	append_of(&buf, finding);
	strbuf_string(&buf, " carried one request each and were closed first by this side");
	if (span_ns >= SECONDS(1)) {
		strbuf_string(&buf, ": ");
		strbuf_unsigned(&buf, finding->count * SECONDS(60) / span_ns);
		strbuf_string(&buf, " ports in TIME_WAIT at this rate");
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	finding->weight = finding->count;
	return true;
}

bool find_no_failure_detection(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_no_failure_detection};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " waited on without a limit and without keepalive.");
	what_end(finding, &buf);
	return true;
}
