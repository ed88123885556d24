#include "cli/verdict_report.h"

#include <stdio.h>
#include <string.h>

#include "cli/explanation.h"
#include "diagnose/verdict_text.h"
#include "format/attributes.h"
#include "format/facts.h"
#include "format/json.h"
#include "reader/printable.h"
#include "settings/config.h"

enum { TEXT_BYTES = 4096, MOST_SHOWN = 20 };

static void print_paragraph(struct strbuf *buf)
{
	buf->text[buf->size] = '\0';
	if (buf->size > 0)
		explanation_print_text(buf->text);
	buf->size = 0;
}

/* Returns whether it is as it should be. */
static bool is_good(const struct verdict_asked *asked, const struct verdict *verdict)
{
	return verdict_is_passed(verdict) && verdict_delay_ns(verdict) <= asked->within_ns;
}

static struct verdict_scope scope_of(const struct verdict_asked *asked, struct rehearsed *rehearsed,
				     struct rehearsed_conn *conn, uint64_t end_ns)
{
	struct verdict_scope scope = {
		.within_ns = asked->within_ns,
		.policy = &config.policy,
		.waits_in = conn->waits_in,
	};
	struct rehearsed_conn *later =
		rehearsed_find_later(rehearsed, conn, asked->is_single, &scope.attempts,
				     &scope.first_attempt_ns);

	if (end_ns > conn->verdict->acted_ns)
		scope.watched_ns = end_ns - conn->verdict->acted_ns;
	if (later) {
		scope.later = later->verdict;
		scope.later_serial = later->row.serial;
	}
	return scope;
}

static void append_name(struct strbuf *buf, const struct rehearsed_conn *conn)
{
	const struct connection_row *row = &conn->row;

	printable_append(buf, conn->reader->header.program, strlen(conn->reader->header.program));
	strbuf_string(buf, " #");
	strbuf_unsigned(buf, row->serial);
	strbuf_char(buf, ' ');
	if (row->local.family != 0 && conn->verdict->opened_ns != 0) {
		facts_address(buf, &row->local);
		strbuf_string(buf, row->role == ROLE_SERVER ? " < " : " > ");
	}
	if (row->peer.family != 0)
		facts_address(buf, &row->peer);
}

static void print_conn(const struct verdict_asked *asked, struct rehearsed_conn *conn,
		       const struct verdict_scope *scope)
{
	const struct verdict *verdict = conn->verdict;
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text) - 1);
	strbuf_string(&buf,
		      severity_rows[is_good(asked, verdict) ? SEVERITY_INFO : SEVERITY_ERROR].mark);
	strbuf_char(&buf, ' ');
	append_name(&buf, conn);
	strbuf_string(&buf, ": ");
	verdict_append_result(&buf, verdict, scope);
	strbuf_string(&buf, ".\n");
	fwrite(text, 1, buf.size, stdout);
	buf.size = 0;
	verdict_append_course(&buf, verdict, scope);
	print_paragraph(&buf);
	verdict_append_bytes(&buf, verdict, scope);
	print_paragraph(&buf);
	verdict_append_remedy(&buf, verdict, scope);
	print_paragraph(&buf);
}

static const char *const notices[] = {
	[VERDICT_NOT_NOTICED] = NULL, [VERDICT_BY_ERROR] = "error", [VERDICT_BY_END] = "end",
	[VERDICT_BY_CLOSE] = "close", [VERDICT_BY_EXIT] = "exit",
};

static void json_null(struct strbuf *buf, const char *name)
{
	json_name(buf, name);
	strbuf_string(buf, "null");
}

static void json_flag(struct strbuf *buf, const char *name, bool is_true)
{
	json_name(buf, name);
	strbuf_string(buf, is_true ? "true" : "false");
}

static void json_known(struct strbuf *buf, const char *name, bool is_known, uint64_t value)
{
	if (is_known)
		json_unsigned(buf, name, value);
	else
		json_null(buf, name);
}

static void json_conn(const struct verdict_asked *asked, const struct rehearsed *rehearsed,
		      struct rehearsed_conn *conn, const struct verdict_scope *scope)
{
	const struct verdict *verdict = conn->verdict;
	bool is_noticed = verdict->notice != VERDICT_NOT_NOTICED, is_known;
	char text[2 * TEXT_BYTES], words[TEXT_BYTES];
	struct verdict_retry retry = {0};
	struct strbuf buf, sentence;
	uint64_t lost;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_init(&sentence, words, sizeof(words) - 1);
	strbuf_char(&buf, '{');
	json_time(&buf, "time",
		  (int64_t)(verdict->acted_ns + (uint64_t)rehearsed->realtime_offset_ns));
	json_text(&buf, "rehearsal", asked->scenario->word);
	json_flag(&buf, "passed", is_good(asked, verdict));
	json_integer(&buf, "process.pid", conn->row.pid);
	json_program(&buf, conn->reader->header.program);
	attributes_json(&buf, conn->row.attributes);
	json_unsigned(&buf, "conn", conn->row.serial);
	if (conn->row.role != ROLE_NONE)
		json_text(&buf, "role", connection_row_role(&conn->row));
	json_endpoint(&buf, "local", &conn->row.local);
	json_endpoint(&buf, "peer", &conn->row.peer);
	json_known(&buf, "noticed_ns", is_noticed, verdict->noticed_ns - verdict->acted_ns);
	if (is_noticed) {
		json_text(&buf, "noticed_by", notices[verdict->notice]);
		json_text(&buf, "call", call_rows[verdict->call].shown);
	}
	if (verdict->error != 0)
		json_error(&buf, "error.type", verdict->error);
	json_known(&buf, "end_of_stream_ns", verdict->end_ns != 0,
		   verdict->end_ns - verdict->acted_ns);
	json_known(&buf, "closed_ns", verdict->closed_ns != 0,
		   verdict->closed_ns - verdict->acted_ns);
	json_known(&buf, "healed_ns", verdict->healed_ns != 0,
		   verdict->healed_ns - verdict->acted_ns);
	json_known(&buf, "resumed_ns", verdict->moved_after_heal_ns != 0,
		   verdict->moved_after_heal_ns - verdict->acted_ns);
	json_known(&buf, "reconnected_ns", scope->later != NULL,
		   scope->later ? scope->later->opened_ns - verdict->acted_ns : 0);
	json_unsigned(&buf, "failed_connects", scope->attempts);
	is_known = verdict_lost_bytes(verdict, &lost);
	json_known(&buf, "lost_bytes", is_known, lost);
	json_known(&buf, "late_bytes", is_known,
		   verdict->healed_ns != 0 && lost == 0 ? verdict->sent_after_bytes : 0);
	if (scope->later)
		retry = verdict_retry_of(verdict, scope->later);
	json_unsigned(&buf, "retried_bytes", retry.bytes);
	json_unsigned(&buf, "duplicate_bytes", retry.duplicate_bytes);
	if (!is_noticed && conn->waits_in)
		json_text(&buf, "waits_in", conn->waits_in);
	verdict_append_result(&sentence, verdict, scope);
	strbuf_string(&sentence, ". ");
	verdict_append_course(&sentence, verdict, scope);
	words[sentence.size] = '\0';
	json_text(&buf, "what", words);
	sentence.size = 0;
	if (verdict_append_remedy(&sentence, verdict, scope)) {
		words[sentence.size] = '\0';
		json_text(&buf, "what_to_do", words);
	}
	strbuf_string(&buf, "}\n");
	fwrite(text, 1, buf.size, stdout);
}

static void print_sum(const struct verdict_asked *asked, const struct rehearsed *rehearsed,
		      size_t good)
{
	char text[TEXT_BYTES];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text) - 1);
	strbuf_string(&buf, asked->scenario->word);
	strbuf_string(&buf, " rehearsed on ");
	strbuf_count(&buf, rehearsed->concerned, "connection");
	strbuf_string(&buf, ": ");
	if (good == rehearsed->concerned)
		strbuf_string(&buf, "passed");
	else
		strbuf_count(&buf, rehearsed->concerned - good, "failure");
	strbuf_string(&buf, " (to be noticed within ");
	strbuf_duration(&buf, asked->within_ns);
	strbuf_string(&buf, ").");
	if (good > MOST_SHOWN || rehearsed->concerned - good > MOST_SHOWN) {
		strbuf_string(&buf, " Of failures and of others ");
		strbuf_unsigned(&buf, MOST_SHOWN);
		strbuf_string(&buf, " are shown; --json shows all.");
	}
	if (asked->seed) {
		strbuf_string(&buf, " --seed=");
		strbuf_string(&buf, asked->seed);
		strbuf_string(&buf, " repeats the choice.");
	}
	text[buf.size] = '\0';
	puts(text);
}

bool verdict_report(const struct verdict_asked *asked, struct rehearsed *rehearsed,
		    const struct launch *launch, uint64_t end_ns)
{
	bool is_json = config.format->has_escapes;
	size_t good = 0, shown = 0;

	for (size_t i = 0; i < rehearsed->count; i++) {
		struct rehearsed_conn *conn = &rehearsed->list[i];
		struct verdict_scope scope;

		if (!verdict_is_concerned(conn->verdict))
			continue;
		scope = scope_of(asked, rehearsed, conn, end_ns);
		scope.has_ended = conn->row.pid == launch->pid && !launch->is_ended_here;
		scope.exit_status = launch->status;
		good += is_good(asked, conn->verdict);
		if (is_json)
			json_conn(asked, rehearsed, conn, &scope);
		else if (is_good(asked, conn->verdict) ? good <= MOST_SHOWN : shown++ < MOST_SHOWN)
			print_conn(asked, conn, &scope);
	}
	if (!is_json)
		print_sum(asked, rehearsed, good);
	return good == rehearsed->concerned;
}
