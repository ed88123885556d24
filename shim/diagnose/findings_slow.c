/* Findings about connections that waste time, or could, in the order of findings.def. */
#include "diagnose/counting.h"
#include "diagnose/findings.h"
#include "format/facts.h"

#define SHORT_NS (SECONDS(1) / 10)
enum { USUAL = 3 }; /* so many show what is usual */

/* Returns whether this side closed first, while no byte had come since its request. Who writes
 * again without an answer, after pauses of about this length, expects none. */
static bool has_given_up(const struct ended *ended, uint64_t least_ns)
{
	static const uint8_t notes[] = {NOTE_closed_first, NOTE_closed_unknown, NOTE_aborted,
					NOTE_aborted_by_disconnect};
	enum { PAUSES = 10 };
	bool is_closed_here = false;

	for (size_t i = 0; i < sizeof(notes); i++)
		is_closed_here |= has_note(ended, notes[i]);
	return ended->row.role == ROLE_CLIENT && is_closed_here && ended->story.fin_ns == 0 &&
	       ended->story.given_up_ns >= least_ns &&
	       ended->story.given_up_ns / PAUSES > ended->story.unanswered_ns;
}

/* Returns how long a wait has to be to be a wait for an answer: three times the usual one, or a
 * second if that is not known. */
static uint64_t long_wait_ns(struct numbers *answers)
{
	uint64_t wait_ns = 3 * numbers_median(answers);

	if (answers->count < USUAL)
		return SECONDS(1);
	return wait_ns > SHORT_NS ? wait_ns : SHORT_NS;
}

/* What is known of the answers that the connections of a group waited for. */
struct answers {
	struct numbers had;    /* the longest wait of each that got all its answers */
	struct numbers lacked; /* how long those waited that were given up */
	size_t seen;           /* given up, and seen waiting */
	size_t unacknowledged; /* given up, and the request had not arrived */
};

static void count_given_up(const struct group *group, struct finding *finding,
			   struct answers *answers)
{
	static const uint8_t notes[] = {NOTE_closed_first, NOTE_aborted,
					NOTE_aborted_by_disconnect};
	uint64_t least_ns = long_wait_ns(&answers->had);

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (!has_given_up(ended, least_ns))
			continue;
		count_at(finding, ended->row.closed_ns);
		COUNT_STACK(finding, ended, notes);
		numbers_add(&answers->lacked, ended->story.given_up_ns);
		answers->seen += ended->story.is_seen_waiting;
		answers->unacknowledged += !ended->story.has_alert &&
					   has_note(ended, NOTE_closed_with_unacknowledged_data);
	}
}

static void append_given_up(struct strbuf *buf, const struct finding *finding,
			    struct answers *answers)
{
	append_are(buf, finding, "was", "were");
	strbuf_string(buf, " closed by this program before an answer came, after ");
	append_spread(buf, &answers->lacked);
	strbuf_string(buf, " without a byte");
	if (answers->had.count > 0) {
		strbuf_string(buf, "; ");
		strbuf_count(buf, answers->had.count, "other");
		strbuf_string(buf, " got the first byte of an answer within ");
		append_spread(buf, &answers->had);
	}
	if (answers->unacknowledged > 0) {
		strbuf_string(buf, "; of ");
		strbuf_unsigned(buf, answers->unacknowledged);
		strbuf_string(buf, " the request was not even acknowledged: the peer's machine or "
				   "the path may be gone");
	}
	strbuf_char(buf, '.');
}

/* A client may write what has no answer, lie idle and close. So it has to be seen waiting for the
 * answer, or others of the group, as many and at least three, must have got theirs. */
bool find_gave_up(const struct group *group, struct finding *finding)
{
	struct answers answers = {0};
	struct strbuf buf = what_begin(finding);
	bool is_found;

	for (size_t i = 0; i < group->count; i++)
		if (group->list[i].story.given_up_ns < SHORT_NS &&
		    group->list[i].story.answer_ns != 0)
			numbers_add(&answers.had, group->list[i].story.answer_ns);
	count_given_up(group, finding, &answers);
	is_found = answers.seen > 0 || (finding->count > 0 && answers.had.count >= USUAL &&
					answers.had.count >= finding->count);
	if (is_found)
		append_given_up(&buf, finding, &answers);
	what_end(finding, &buf);
	finding->weight = finding->count;
	finding->is_inferred = answers.seen < finding->count;
	numbers_clear(&answers.had);
	numbers_clear(&answers.lacked);
	return is_found;
}

/* Returns whether unread data was left that matters. A few bytes before the peer's FIN are its
 * goodbye: the alert close_notify, in TLS. */
static bool has_left_unread(const struct ended *ended)
{
	enum { GOODBYE_BYTES = 64 };

	return has_note(ended, NOTE_closed_with_unread_data) &&
	       !(ended->story.is_unread_after_fin && ended->story.unread_bytes <= GOODBYE_BYTES);
}

static bool has_aborted(const struct ended *ended)
{
	return has_note(ended, NOTE_aborted) && !(ended->row.role == ROLE_CLIENT && is_done(ended));
}

bool find_resets_clients(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_closed_with_unread_data, NOTE_aborted};
	struct strbuf buf = what_begin(finding);
	uint64_t unread = 0, aborted = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		unread += has_left_unread(ended);
		aborted += has_aborted(ended);
		if (!has_left_unread(ended) && !has_aborted(ended))
			continue;
		count_bad(finding, ended);
		COUNT_STACK(finding, ended, notes);
	}
	if (finding->count == 0)
		return false;
	finding->weight = finding->count;
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

/* Appends the peer for which a server waited longest: the name of its group has none. */
static void append_slowest(struct strbuf *buf, const struct group *group)
{
	const struct ended *slowest = &group->list[0];

	if (group->role != ROLE_SERVER)
		return;
	for (size_t i = 1; i < group->count; i++)
		if (group->list[i].story.window_limited_ns > slowest->story.window_limited_ns)
			slowest = &group->list[i];
	strbuf_string(buf, ", the longest ");
	strbuf_duration(buf, slowest->story.window_limited_ns);
	strbuf_string(buf, " for ");
	facts_address(buf, &slowest->row.peer);
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
	strbuf_string(&buf, " in all");
	append_slowest(&buf, group);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	return true;
}

bool find_nagle(const struct group *group, struct finding *finding)
{
	enum { REPEATED = 3 }; /* once or twice may be the start of a session: ssh has one */
	static const uint8_t notes[] = {NOTE_nagle_repeated, NOTE_nagle_delay};
	struct strbuf buf = what_begin(finding);
	uint64_t times = 0, lost_ns = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (story->nagle_count < REPEATED)
			continue;
		count_bad(finding, &group->list[i]);
		COUNT_STACK(finding, &group->list[i], notes);
		times += story->nagle_count;
		lost_ns += story->nagle_lost_ns;
	}
	if (finding->count == 0)
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

/* Appends "51000 polls (102000 per second)". */
static void append_rate(struct strbuf *buf, uint64_t calls, const char *noun, uint64_t ns)
{
	strbuf_count(buf, calls, noun);
	if (ns < SECONDS(1) / 1000)
		return;
	strbuf_string(buf, " (");
	strbuf_unsigned(buf, (uint64_t)((double)calls * 1e9 / (double)ns));
	strbuf_string(buf, " per second)");
}

bool find_busy_loop(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_spinning, NOTE_dead_as_eof};
	struct strbuf buf = what_begin(finding);
	uint64_t polls = 0, polls_ns = 0, ends = 0, ends_ns = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];
		const struct story *story = &ended->story;
		bool is_polled = has_note(ended, NOTE_spinning);

		if (!is_polled && story->ends.calls == 0)
			continue;
		count_at(finding, story->bad_ns != 0 ? story->bad_ns : story->ends.last_ns);
		count_stack(finding, story->ends.stack != 0
					     ? story->ends.stack
					     : story_stack(story, notes, sizeof(notes)));
		polls += is_polled ? story->polls : 0;
		polls_ns += is_polled ? story->dead_end_ns - story->dead_ns : 0;
		ends += story->ends.calls;
		ends_ns += story->ends.ns;
	}
	if (finding->count == 0)
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " had ended, and this program went on asking: wasted were ");
	if (polls > 0) {
		strbuf_string(&buf, "at least ");
		append_rate(&buf, polls, "poll", polls_ns);
	}
	strbuf_string(&buf, polls > 0 && ends > 0 ? " and " : "");
	if (ends > 0)
		append_rate(&buf, ends, "read", ends_ns);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	finding->weight = polls + ends;
	return true;
}

bool find_eagain_storm(const struct group *group, struct finding *finding)
{
	enum { MANY = 1000 };
	struct strbuf buf = what_begin(finding);
	uint64_t calls = 0, calls_ns = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (story->blocked.calls == 0)
			continue;
		count_at(finding, story->blocked.last_ns);
		count_stack(finding, story->blocked.stack);
		calls += story->blocked.calls;
		calls_ns += story->blocked.ns;
	}
	if (calls < MANY)
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " read or written again and again although the call would block, "
			    "without a wait in between: wasted were ");
	append_rate(&buf, calls, "call", calls_ns);
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	finding->weight = calls;
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

/* Appends how far it is from having no port left. Each port is in TIME_WAIT for a minute. */
static void append_ports(struct strbuf *buf, const struct group *group, uint64_t per_minute)
{
	enum { USUAL_PORTS = 28232 }; /* 32768 to 60999 */
	uint64_t ports = 0;

	for (size_t i = 0; i < group->count; i++)
		if (group->list[i].story.local_ports > ports)
			ports = group->list[i].story.local_ports;
	strbuf_string(buf, ": at this rate ");
	strbuf_count(buf, per_minute, "port");
	strbuf_string(buf, " would be in TIME_WAIT, ");
	if (ports == 0)
		ports = USUAL_PORTS;
	strbuf_unsigned(buf, 100 * per_minute / ports);
	strbuf_string(buf, " % of ");
	strbuf_unsigned(buf, ports);
	strbuf_string(buf, ports == USUAL_PORTS ? " (Linux's usual number)" : "");
	strbuf_string(buf, per_minute >= ports ? ", so connects fail within a minute" : "");
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
	if (span_ns >= SECONDS(1))
		append_ports(&buf, group, finding->count * SECONDS(60) / span_ns);
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
