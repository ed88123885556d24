/* Findings about connections that broke or were never closed, in the order of findings.def. */
#include "diagnose/counting.h"
#include "diagnose/findings.h"

enum { MOST_IDLE_S = 120 };

/* Collects after how long without traffic the peer closed idle connections: where it was measured;
 * otherwise, for those that were written to, how long it was at most. Returns how many it closed.
 */
static uint64_t collect_killed(const struct group *group, struct numbers *killed, bool is_measured)
{
	uint64_t closed = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (story->fin_idle_ns < SECONDS(1) / 5 ||
		    !(story->has_fin_idle || story->stale_writes > 0))
			continue;
		closed++;
		if (story->has_fin_idle == is_measured)
			numbers_add(killed, story->fin_idle_ns);
	}
	return closed;
}

/* Returns whether the peer closed its idle connections all at one time, however long each had been
 * idle: then it was restarted, and this is no limit. Fills in their number. */
static bool is_closed_at_once(const struct group *group, uint64_t *closed)
{
	enum { FEWEST = 3 };
	struct numbers fins = {0}, idles = {0};
	uint64_t spread_ns, idle_spread_ns, least_idle_ns;

	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (!story->has_fin_idle || story->fin_idle_ns < SECONDS(1) / 5)
			continue;
		numbers_add(&fins, story->fin_ns);
		numbers_add(&idles, story->fin_idle_ns);
	}
	*closed = fins.count;
	spread_ns = numbers_most(&fins) - numbers_least(&fins);
	least_idle_ns = numbers_least(&idles);
	idle_spread_ns = numbers_most(&idles) - least_idle_ns;
	numbers_clear(&fins);
	numbers_clear(&idles);
	return *closed >= FEWEST && idle_spread_ns > least_idle_ns / 4 &&
	       spread_ns < idle_spread_ns / 2;
}

/* The peer's limit lies between the longest pause that a connection survived and the shortest after
 * which the peer closed one. A few closes may have other reasons than a limit: their pauses have to
 * be longer than any that was survived. */
bool find_peer_idle_limit(const struct group *group, struct finding *finding)
{
	enum { FEWEST = 3 };
	static const uint8_t notes[] = {NOTE_stale_reuse, NOTE_reset_after_fin,
					NOTE_write_after_fin};
	struct numbers killed = {0};
	uint64_t closed = collect_killed(group, &killed, true), survived_ns = 0, writes = 0;
	uint64_t at_once, slack_ns = 0;
	struct strbuf buf = what_begin(finding);

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (ended->story.stale_writes > 0) {
			count_bad(finding, ended);
			COUNT_STACK(finding, ended, notes);
		}
		writes += ended->story.stale_writes;
		if (ended->story.survived_ns > survived_ns)
			survived_ns = ended->story.survived_ns;
	}
	if (killed.count == 0) {
		collect_killed(group, &killed, false);
		finding->is_inferred = true;
	}
	if (killed.count >= FEWEST)
		slack_ns = SECONDS(1) / 10;
	if (finding->count == 0 || killed.count == 0 || is_closed_at_once(group, &at_once) ||
	    survived_ns > numbers_most(&killed) + slack_ns) {
		numbers_clear(&killed);
		return false;
	}
	strbuf_count(&buf, writes, "request");
	strbuf_string(&buf, writes == 1 ? " was" : " were");
	strbuf_string(&buf, " written to a connection that the peer had closed. It closed ");
	strbuf_count(&buf, closed, "idle connection");
	strbuf_string(&buf, finding->is_inferred ? ", after at most " : ", after ");
	append_spread(&buf, &killed);
	strbuf_string(&buf, " without traffic");
	if (survived_ns > SECONDS(1) / 5) {
		strbuf_string(&buf, "; the longest pause that one survived was ");
		strbuf_duration(&buf, survived_ns);
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	suggest_duration(finding, numbers_least(&killed));
	finding->weight = writes;
	numbers_clear(&killed);
	return true;
}

/* Returns whether the peer answered another connection while this one got no answer, or one that
 * was opened at once when this one had died, at its first SYN: then it was not the peer that was
 * gone. */
static bool is_peer_alive(const struct group *group, const struct ended *ended)
{
	const struct story *story = &ended->story;
	uint64_t asked_ns = story->timed_out_ns > story->waiting_ns
				    ? story->timed_out_ns - story->waiting_ns
				    : 0;

	for (size_t i = 0; group->heard_ns > asked_ns && i < group->count; i++) {
		const struct ended *other = &group->list[i];

		if (other != ended && other->story.heard_ns > asked_ns &&
		    other->story.syns_lost == 0 &&
		    other->row.first_ns < story->timed_out_ns + SECONDS(2))
			return true;
	}
	return false;
}

/* Returns whether the first data after a silence was not answered, although the peer was there. */
static bool is_swallowed(const struct group *group, const struct ended *ended)
{
	return (has_note(ended, NOTE_timed_out_data) || has_note(ended, NOTE_timed_out_user)) &&
	       ended->story.silence_before_ns >= SECONDS(1) && is_peer_alive(group, ended);
}

/* Returns whether a reset answered the first data after a silence, or a probe. */
static bool is_refused(const struct ended *ended)
{
	return (has_note(ended, NOTE_reset_peer_forgot) || has_note(ended, NOTE_reset_of_probe)) &&
	       ended->story.silence_before_ns >= SECONDS(1);
}

static const uint8_t forgotten[] = {NOTE_reset_peer_forgot, NOTE_reset_of_probe,
				    NOTE_timed_out_data, NOTE_timed_out_user};

static bool is_forgotten(const struct group *group, const struct ended *ended)
{
	return is_refused(ended) || is_swallowed(group, ended);
}

static uint64_t longest_survived_ns(const struct group *group)
{
	uint64_t longest_ns = 0;

	for (size_t i = 0; i < group->count; i++)
		if (group->list[i].story.survived_ns > longest_ns)
			longest_ns = group->list[i].story.survived_ns;
	return longest_ns;
}

/* Collects the silences after which connections were forgotten. Returns false if others survived as
 * long ones: then the silence is not the reason. */
static bool collect_forgotten(const struct group *group, struct numbers *silences)
{
	for (size_t i = 0; i < group->count; i++)
		if (is_forgotten(group, &group->list[i]))
			numbers_add(silences, group->list[i].story.silence_before_ns);
	return silences->count > 0 && longest_survived_ns(group) < numbers_least(silences);
}

/* Suggests probes at half the silence, but not beyond the longest pause that is known to be
 * survived, nor beyond half of the shortest limit that is common. After a probe, even an answered
 * one, the kernel sends none before the interval is over. */
static void suggest_keepalive(struct finding *finding, uint64_t least_ns, uint64_t survived_ns)
{
	uint64_t idle_s = least_ns / 2 / SECONDS(1);
	struct strbuf buf;

	if (survived_ns >= SECONDS(1) && survived_ns / SECONDS(1) < idle_s)
		idle_s = survived_ns / SECONDS(1);
	if (idle_s > MOST_IDLE_S)
		idle_s = MOST_IDLE_S;
	if (idle_s == 0)
		idle_s = 1;
	strbuf_init(&buf, finding->suggested, sizeof(finding->suggested) - 1);
	strbuf_unsigned(&buf, idle_s);
	strbuf_string(&buf, "s,");
	strbuf_unsigned(&buf, idle_s < 5 ? idle_s : 5);
	strbuf_string(&buf, "s,3");
	finding->suggested[buf.size] = '\0';
}

static void append_forgotten(struct strbuf *buf, const struct finding *finding, size_t refused)
{
	append_of(buf, finding);
	if (refused == finding->count)
		strbuf_string(buf, " ended with a reset in answer to the first data after ");
	else if (refused == 0)
		strbuf_string(buf, " got no answer to the first data after ");
	else
		strbuf_string(buf, " got a reset or nothing in answer to the first data after ");
}

bool find_path_forgets(const struct group *group, struct finding *finding)
{
	struct numbers silences = {0};
	uint64_t survived_ns = longest_survived_ns(group);
	struct strbuf buf = what_begin(finding);
	size_t refused = 0;

	if (!collect_forgotten(group, &silences)) {
		numbers_clear(&silences);
		return false;
	}
	for (size_t i = 0; i < group->count; i++) {
		if (!is_forgotten(group, &group->list[i]))
			continue;
		count_bad(finding, &group->list[i]);
		COUNT_STACK(finding, &group->list[i], forgotten);
		refused += is_refused(&group->list[i]);
	}
	append_forgotten(&buf, finding, refused);
	append_spread(&buf, &silences);
	strbuf_string(&buf, " of silence; none that was silent for so long lived");
	if (survived_ns >= SECONDS(1)) {
		strbuf_string(&buf, ", the longest pause that one survived was ");
		strbuf_duration(&buf, survived_ns);
	}
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	suggest_keepalive(finding, numbers_least(&silences), survived_ns);
	finding->weight = finding->count;
	finding->is_inferred = true;
	numbers_clear(&silences);
	return true;
}

/* Suggests what would have noticed sooner that the peer was gone than after this time. */
static void suggest_timers(struct finding *finding, uint64_t took_ns)
{
	struct strbuf buf;

	strbuf_init(&buf, finding->suggested, sizeof(finding->suggested) - 1);
	if (took_ns != 0 && took_ns <= SECONDS(30)) {
		strbuf_string(&buf, "The timers that are set have noticed it after ");
		strbuf_duration(&buf, took_ns);
	} else {
		strbuf_string(&buf, "Notice it sooner: TCPSHIM_KEEPALIVE=10s,5s,3 "
				    "TCPSHIM_USER_TIMEOUT=auto would have taken 25 s");
	}
	if (took_ns > SECONDS(30)) {
		strbuf_string(&buf, " in place of ");
		strbuf_duration(&buf, took_ns);
	}
	finding->suggested[buf.size] = '\0';
}

static const uint8_t timeouts[] = {NOTE_timed_out_data,      NOTE_timed_out_window,
				   NOTE_timed_out_user,      NOTE_timed_out_probing,
				   NOTE_timed_out_keepalive, NOTE_timed_out};

/* Returns whether the connection timed out, and not because the path forgot it. */
static bool is_timed_out(const struct group *group, const struct ended *ended, bool is_explained)
{
	for (size_t i = 0; i < sizeof(timeouts); i++)
		if (has_note(ended, timeouts[i]))
			return !(is_explained && is_forgotten(group, ended));
	return false;
}

bool find_peer_gone(const struct group *group, struct finding *finding)
{
	struct numbers waits = {0}, silences = {0};
	bool is_explained = collect_forgotten(group, &silences);
	struct strbuf buf = what_begin(finding);
	uint64_t lost = 0;

	numbers_clear(&silences);
	for (size_t i = 0; i < group->count; i++) {
		const struct story *story = &group->list[i].story;

		if (!is_timed_out(group, &group->list[i], is_explained))
			continue;
		count_bad(finding, &group->list[i]);
		COUNT_STACK(finding, &group->list[i], timeouts);
		if (story->waiting_ns != 0)
			numbers_add(&waits, story->waiting_ns);
		if (story->last_heard_ns != 0)
			numbers_add(&waits, story->last_heard_ns);
		lost += story->lost_bytes;
	}
	if (finding->count == 0)
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " timed out");
	if (waits.count > 0) {
		strbuf_string(&buf, ": the peer was gone for ");
		append_spread(&buf, &waits);
		strbuf_string(&buf, " before the program learned of it");
	}
	append_lost(&buf, lost);
	what_end(finding, &buf);
	suggest_timers(finding, numbers_most(&waits));
	finding->weight = finding->count;
	numbers_clear(&waits);
	return true;
}

bool find_local_link(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_cannot_send, NOTE_timed_out_unsent};
	struct strbuf buf = what_begin(finding);

	if (!COUNT_NOTES(group, finding, notes))
		return false;
	append_of(&buf, finding);
	strbuf_string(&buf, " had data to send that could not leave this machine.");
	what_end(finding, &buf);
	return true;
}

static const uint8_t resets[] = {NOTE_reset_by_peer, NOTE_reset_unknown, NOTE_connect_reset,
				 NOTE_reset_peer_forgot, NOTE_reset_of_probe};

/* Returns whether the connection was reset. */
static bool is_reset(const struct ended *ended)
{
	for (size_t i = 0; i < sizeof(resets); i++)
		if (has_note(ended, resets[i]))
			return true;
	return false;
}

/* All resets that find_path_forgets does not explain. */
bool find_peer_resets(const struct group *group, struct finding *finding)
{
	struct numbers silences = {0};
	bool is_explained = collect_forgotten(group, &silences);
	struct strbuf buf = what_begin(finding);
	uint64_t lost = 0;

	numbers_clear(&silences);
	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (!is_reset(ended) || (is_explained && is_forgotten(group, ended)) ||
		    (group->role == ROLE_SERVER && is_done(ended)))
			continue;
		count_bad(finding, ended);
		COUNT_STACK(finding, ended, resets);
		lost += ended->story.lost_bytes;
	}
	if (finding->count == 0)
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " reset by the peer or by a machine on the path");
	append_lost(&buf, lost);
	what_end(finding, &buf);
	finding->weight = finding->count;
	return true;
}

/* Those that find_peer_idle_limit does not explain. */
bool find_write_after_close(const struct group *group, struct finding *finding)
{
	static const uint8_t notes[] = {NOTE_write_after_fin, NOTE_reset_after_fin};
	struct finding limit = {.group = group, .of = group->count};
	bool has_limit = find_peer_idle_limit(group, &limit);
	struct strbuf buf = what_begin(finding);
	uint64_t lost = 0, at_once;

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (!has_note(ended, NOTE_reset_after_fin) ||
		    (has_limit && ended->story.stale_writes > 0))
			continue;
		count_bad(finding, ended);
		COUNT_STACK(finding, ended, notes);
		lost += ended->story.lost_bytes;
	}
	if (finding->count == 0)
		return false;
	append_are(&buf, finding, "was", "were");
	strbuf_string(&buf, " written to after the peer had closed, and reset for that");
	if (is_closed_at_once(group, &at_once)) {
		strbuf_string(&buf, "; it closed ");
		strbuf_count(&buf, at_once, "idle connection");
		strbuf_string(&buf, " at one time, as a restart does");
	}
	append_lost(&buf, lost);
	what_end(finding, &buf);
	finding->weight = finding->count;
	return true;
}

/* A connection that is still in CLOSE_WAIT at the end of its recording, long after the FIN and the
 * last bytes, and that TCPSHIM_CLOSE_ON_EOF has not ended. A peer that has half-closed may still be
 * answered. */
static bool is_leaked(const struct ended *ended)
{
	return ended->row.closed_ns == 0 && !has_note(ended, NOTE_policy_closed_on_eof) &&
	       !has_note(ended, NOTE_policy_aborted_on_eof) &&
	       ended->row.state == STATE_CLOSE_WAIT && ended->story.fin_ns != 0 &&
	       ended->end_ns > ended->story.fin_ns + SECONDS(10) &&
	       ended->end_ns > ended->row.active_ns + SECONDS(10);
}

bool find_close_wait_leak(const struct group *group, struct finding *finding)
{
	struct strbuf buf = what_begin(finding);
	uint64_t oldest_ns = UINT64_MAX, end_ns = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct ended *ended = &group->list[i];

		if (!is_leaked(ended))
			continue;
		count_at(finding, ended->story.fin_ns);
		count_stack(finding, ended->story.used_stack != 0 ? ended->story.used_stack
								  : ended->story.opened_stack);
		if (ended->story.fin_ns < oldest_ns)
			oldest_ns = ended->story.fin_ns;
		if (ended->end_ns > end_ns)
			end_ns = ended->end_ns;
	}
	if (finding->count == 0)
		return false;
	append_are(&buf, finding, "is", "are");
	strbuf_string(&buf, " in CLOSE_WAIT: the peer has closed, this program has not. The "
			    "oldest for ");
	strbuf_duration(&buf, end_ns - oldest_ns);
	append_per_minute(&buf, finding, " more each minute");
	strbuf_char(&buf, '.');
	what_end(finding, &buf);
	finding->weight = finding->count;
	return true;
}
