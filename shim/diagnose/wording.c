#include "diagnose/wording.h"

#include "format/stamp.h"

void wording_what_to_do(struct strbuf *buf, const struct finding *finding)
{
	const char *text = finding_rows[finding->name].what_to_do, *place = strstr(text, "{}");

	if (!place) {
		strbuf_string(buf, text);
		return;
	}
	strbuf_bytes(buf, text, (size_t)(place - text));
	strbuf_string(buf, finding->suggested);
	strbuf_string(buf, place + 2);
}

static void append_when(struct strbuf *buf, const struct finding *finding,
			int64_t realtime_offset_ns)
{
	if (finding->first_ns == 0)
		return;
	strbuf_string(buf, finding->count > 1 ? "First " : "At ");
	stamp_utc(buf, (int64_t)(finding->first_ns + (uint64_t)realtime_offset_ns));
	if (finding->count > 1) {
		strbuf_string(buf, ", last ");
		stamp_utc(buf, (int64_t)(finding->last_ns + (uint64_t)realtime_offset_ns));
	}
	strbuf_string(buf, ". ");
}

void wording_evidence(struct strbuf *buf, const struct finding *finding, int64_t realtime_offset_ns)
{
	append_when(buf, finding, realtime_offset_ns);
	strbuf_string(buf, finding->is_inferred ? "Inferred from these numbers." : "Measured.");
}

void wording_scope(struct strbuf *buf, const struct wording_scope *scope)
{
	bool is_whole = scope->connections == scope->all_connections;

	if (!is_whole) {
		strbuf_unsigned(buf, scope->connections);
		strbuf_string(buf, " of ");
	}
	strbuf_count(buf, scope->all_connections - (is_whole ? scope->pairs : 0), "connection");
	strbuf_string(buf, " in ");
	strbuf_count(buf, scope->groups, "group");
	if (is_whole && scope->pairs > 0)
		strbuf_string(buf, scope->pairs * 2 == scope->all_connections
					   ? ", seen from both ends"
					   : ", some of them seen from both ends");
	strbuf_string(buf, ", ");
	strbuf_count(buf, scope->events, "call");
	strbuf_string(buf, ", ");
	strbuf_duration(buf,
			scope->last_ns > scope->first_ns ? scope->last_ns - scope->first_ns : 0);
	strbuf_string(buf, scope->findings == 0 ? ": nothing wrong." : ".");
}
