#include "diagnose/verdict_text.h"

#include "format/facts.h"
#include "format/names.h"
#include "settings/rehearsal.h"

#define NS_PER_S UINT64_C(1000000000)
enum { USUAL_CONNECT_S = 10, PROBES = 3, LEAST_WITHIN_S = 5, USUAL_WITHIN_S = 25 };

static enum rehearsal_deed deed_of(const struct verdict *verdict)
{
	return (enum rehearsal_deed)scenario_rows[verdict->scenario].deed;
}

static void append_call(struct strbuf *buf, uint16_t call)
{
	strbuf_string(buf, call_rows[call].shown);
	strbuf_string(buf, "()");
}

static void append_since(struct strbuf *buf, uint64_t from_ns, uint64_t to_ns)
{
	strbuf_duration(buf, to_ns > from_ns ? to_ns - from_ns : 0);
}

static void append_bytes(struct strbuf *buf, uint64_t bytes)
{
	strbuf_count(buf, bytes, "byte");
}

void verdict_append_result(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope)
{
	bool is_outage = verdict->scenario == SCENARIO_outage;
	bool is_ended = deed_of(verdict) == REHEARSAL_END || deed_of(verdict) == REHEARSAL_CLOSE;

	if (deed_of(verdict) == REHEARSAL_SLOW) {
		strbuf_string(buf, verdict->notice == VERDICT_NOT_NOTICED ? "went on for "
									  : "ended after ");
		append_since(buf, 0,
			     verdict->notice == VERDICT_NOT_NOTICED ? scope->watched_ns
								    : verdict_delay_ns(verdict));
	} else if (is_outage && verdict->moved_after_heal_ns != 0) {
		strbuf_string(buf, "went on ");
		strbuf_duration(buf, verdict_delay_ns(verdict));
		strbuf_string(buf, " after the end of the interruption");
	} else if (verdict->is_unaware) {
		strbuf_string(buf, "not noticed: ended ");
		append_since(buf, verdict->write_ns, verdict->noticed_ns);
		strbuf_string(buf, " after a write, without waiting for an answer");
	} else if (verdict->notice != VERDICT_NOT_NOTICED) {
		strbuf_string(buf, is_ended && verdict->notice == VERDICT_BY_CLOSE
					   ? "closed after "
					   : "noticed after ");
		strbuf_duration(buf, verdict_delay_ns(verdict));
		if (verdict_delay_ns(verdict) > scope->within_ns) {
			strbuf_string(buf, ", too late by ");
			strbuf_duration(buf, verdict_delay_ns(verdict) - scope->within_ns);
		}
	} else {
		if (is_outage && verdict->healed_ns != 0) {
			strbuf_string(buf, "nothing has moved since the interruption");
			return;
		}
		strbuf_string(buf, "not noticed in ");
		strbuf_duration(buf, scope->watched_ns);
	}
}

/* Appends by which call the program learned of it. */
static void append_notice(struct strbuf *buf, const struct verdict *verdict)
{
	switch ((enum verdict_notice)verdict->notice) {
	case VERDICT_BY_ERROR:
		append_call(buf, verdict->call);
		strbuf_string(buf, " got ");
		names_error(buf, verdict->error);
		break;
	case VERDICT_BY_END:
		append_call(buf, verdict->call);
		strbuf_string(buf, " returned 0");
		break;
	case VERDICT_BY_CLOSE:
		strbuf_string(buf, "the program called ");
		append_call(buf, verdict->call);
		if (verdict->is_told)
			strbuf_string(buf, ", after a wait had reported the end to it");
		else if (verdict->end_ns == 0)
			strbuf_string(buf, " of its own accord");
		break;
	case VERDICT_BY_EXIT:
		if (verdict->exit_signal == 0 && verdict->exit_status < 0) { /* not known */
			strbuf_string(buf, "the program ended");
			break;
		}
		strbuf_string(buf, verdict->exit_signal != 0 ? "the program was ended by signal "
							     : "the program ended with status ");
		strbuf_integer(buf, verdict->exit_signal != 0 ? verdict->exit_signal
							      : verdict->exit_status);
		break;
	case VERDICT_NOT_NOTICED:
		break;
	}
}

/* Appends the waiting place. */
static void append_wait(struct strbuf *buf, const struct verdict_scope *scope)
{
	if (!scope->waits_in)
		return;
	strbuf_string(buf, " It waits in ");
	strbuf_string(buf, scope->waits_in);
	strbuf_char(buf, '.');
}

/* Appends whether it connected again, and sent again what was not answered. */
static void append_sequel(struct strbuf *buf, const struct verdict *verdict,
			  const struct verdict_scope *scope)
{
	struct verdict_retry retry;

	if (!scope->later) {
		if (scope->attempts == 0)
			return;
		strbuf_string(buf, " It tried to connect again ");
		strbuf_count(buf, scope->attempts, "time");
		strbuf_string(buf, ", in vain, first after ");
		append_since(buf, verdict->acted_ns, scope->first_attempt_ns);
		strbuf_char(buf, '.');
		return;
	}
	strbuf_string(buf, " It connected again after ");
	append_since(buf, verdict->acted_ns, scope->later->opened_ns);
	strbuf_string(buf, " (connection #");
	strbuf_unsigned(buf, scope->later_serial);
	strbuf_char(buf, ')');
	retry = verdict_retry_of(verdict, scope->later);
	if (retry.bytes > 0) {
		strbuf_string(buf, " and wrote ");
		append_bytes(buf, retry.bytes);
		strbuf_string(buf, " again");
		if (retry.duplicate_bytes > 0) {
			strbuf_string(buf, ", of which the peer had got ");
			append_bytes(buf, retry.duplicate_bytes);
			strbuf_string(buf, " before");
		}
	}
	strbuf_char(buf, '.');
}

/* Appends when the failure came, and what of it the program read. */
static void append_deed(struct strbuf *buf, const struct verdict *verdict)
{
	enum rehearsal_deed deed = deed_of(verdict);
	bool is_ended = deed == REHEARSAL_END || deed == REHEARSAL_CLOSE;

	if (deed == REHEARSAL_MUTE || deed == REHEARSAL_REFUSE) {
		strbuf_string(buf, "Its connect was rehearsed.");
		return;
	}
	strbuf_string(buf, deed == REHEARSAL_SLOW ? "Slow " : is_ended ? "Ended " : "Cut ");
	append_since(buf, verdict->opened_ns, verdict->acted_ns);
	strbuf_string(buf, " after it was opened.");
	if (!is_ended)
		return;
	if (verdict->end_ns == 0) {
		strbuf_string(buf, " The program has not read the end of stream.");
		return;
	}
	strbuf_string(buf, " The program read the end of stream ");
	append_since(buf, verdict->acted_ns, verdict->end_ns);
	strbuf_string(buf, verdict->notice == VERDICT_NOT_NOTICED
				   ? " later, and kept the connection (CLOSE_WAIT)."
				   : " later.");
}

/* Appends what the program did after a call had told it. */
static void append_end(struct strbuf *buf, const struct verdict *verdict,
		       const struct verdict_scope *scope)
{
	if (verdict->closed_ns != 0) {
		strbuf_string(buf, "; it closed ");
		append_since(buf, verdict->noticed_ns, verdict->closed_ns);
		strbuf_string(buf, " later");
	} else if (scope->has_ended) {
		strbuf_string(buf, "; it ended with status ");
		strbuf_integer(buf, scope->exit_status);
	} else {
		strbuf_string(buf, "; it has not closed");
	}
}

void verdict_append_course(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope)
{
	append_deed(buf, verdict);
	if (verdict->notice != VERDICT_NOT_NOTICED) {
		size_t at;

		strbuf_char(buf, ' ');
		at = buf->size;
		append_notice(buf, verdict);
		if (verdict->notice == VERDICT_BY_CLOSE || verdict->notice == VERDICT_BY_EXIT)
			buf->text[at] = 'T'; /* "the program ..." */
		else
			append_end(buf, verdict, scope);
		strbuf_char(buf, '.');
	} else if (verdict->is_told) {
		strbuf_string(buf, " A wait reported the end to it ");
		append_since(buf, verdict->acted_ns, verdict->told_ns);
		strbuf_string(buf, " after the failure, but it neither read nor closed.");
	}
	append_sequel(buf, verdict, scope);
	if (verdict->notice == VERDICT_NOT_NOTICED)
		append_wait(buf, scope);
}

void verdict_append_bytes(struct strbuf *buf, const struct verdict *verdict,
			  const struct verdict_scope *scope)
{
	uint64_t lost, late = verdict->sent_after_bytes;

	(void)scope;
	if (!verdict_lost_bytes(verdict, &lost)) {
		if (late == 0)
			return;
		append_bytes(buf, late);
		strbuf_string(buf, late == 1 ? " was written after that; the peer got it"
					     : " were written after that; the peer got them");
		strbuf_string(buf, " (by=deaf), and this side cannot know.");
		return;
	}
	if (lost > 0) {
		append_bytes(buf, lost);
		strbuf_string(buf, lost == 1 ? " that was written is lost."
					     : " that were written are lost.");
	} else if (verdict->healed_ns != 0 && late > 0) {
		append_bytes(buf, late);
		strbuf_string(buf, late == 1 ? " was" : " were");
		strbuf_string(buf, " late by ");
		append_since(buf, verdict->first_late_ns, verdict->healed_ns);
		strbuf_string(buf, " and more; nothing is lost.");
	}
}

/* Appends a keepalive that ends an idle connection within this time. Returns after how long. */
static uint64_t append_keepalive(struct strbuf *buf, uint64_t within_s)
{
	uint64_t interval_s = within_s / 5, idle_s = within_s - PROBES * interval_s;

	strbuf_unsigned(buf, idle_s);
	strbuf_string(buf, "s,");
	strbuf_unsigned(buf, interval_s);
	strbuf_string(buf, "s,");
	strbuf_unsigned(buf, PROBES);
	return idle_s + PROBES * interval_s;
}

static void append_options(struct strbuf *buf, const char *keepalive, uint64_t timeout_s)
{
	strbuf_string(buf, "--keepalive=");
	strbuf_string(buf, keepalive);
	if (timeout_s == 0)
		return;
	strbuf_string(buf, " --user-timeout=");
	strbuf_unsigned(buf, timeout_s);
	strbuf_char(buf, 's');
}

static bool append_timers(struct strbuf *buf, const struct verdict *verdict,
			  const struct verdict_scope *scope)
{
	uint64_t within_s = scope->within_ns / NS_PER_S, after_s;
	bool is_writing = verdict->sent_after_bytes > 0;
	char text[32];
	struct strbuf keepalive;

	if (within_s > USUAL_WITHIN_S)
		within_s = USUAL_WITHIN_S;
	if (within_s < LEAST_WITHIN_S ||
	    (is_writing ? scope->policy->has_user_timeout : scope->policy->has_keepalive))
		return false;
	strbuf_init(&keepalive, text, sizeof(text) - 1);
	after_s = append_keepalive(&keepalive, within_s);
	text[keepalive.size] = '\0';
	strbuf_string(buf, "With TCPSHIM_KEEPALIVE=");
	strbuf_string(buf, text);
	if (is_writing) {
		strbuf_string(buf, " and TCPSHIM_USER_TIMEOUT=");
		strbuf_unsigned(buf, after_s);
		strbuf_char(buf, 's');
	}
	strbuf_string(buf, " it would have after about ");
	strbuf_unsigned(buf, after_s);
	strbuf_string(buf, " s: rehearse again with ");
	append_options(buf, text, is_writing ? after_s : 0);
	strbuf_char(buf, '.');
	return true;
}

bool verdict_append_remedy(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope)
{
	bool is_late = verdict_is_passed(verdict) && verdict_delay_ns(verdict) > scope->within_ns;
	uint64_t within_s;

	if ((verdict_is_passed(verdict) && !is_late) || verdict->scenario == SCENARIO_outage)
		return false;
	if (verdict->is_unaware) {
		strbuf_string(buf, "Wait for the peer's answer, or for its end of stream, before "
				   "the close.");
		return true;
	}
	switch (deed_of(verdict)) {
	case REHEARSAL_CUT:
		return append_timers(buf, verdict, scope);
	case REHEARSAL_MUTE:
		if (scope->policy->has_user_timeout)
			return false;
		within_s = scope->within_ns / NS_PER_S;
		if (within_s == 0)
			return false;
		strbuf_string(buf, "TCP_USER_TIMEOUT limits a connect too: rehearse again with "
				   "--user-timeout=");
		strbuf_unsigned(buf, within_s < USUAL_CONNECT_S ? within_s : USUAL_CONNECT_S);
		strbuf_string(buf, "s.");
		return true;
	case REHEARSAL_END:
	case REHEARSAL_CLOSE:
		if (scope->policy->on_eof != POLICY_EOF_OFF)
			return false;
		strbuf_string(buf, "Close after read = 0; or let TCPSHIM_CLOSE_ON_EOF=fin end the "
				   "connection, if the protocol does not half-close: rehearse "
				   "again with --close-on-eof=fin.");
		return true;
	case REHEARSAL_REFUSE:
	case REHEARSAL_SLOW:
		break;
	}
	return false;
}
