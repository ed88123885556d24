#include "settings/policy.h"

#include <errno.h>

#include "format/words.h"
#include "settings/spread.h"

enum {
	MOST_SECONDS = 32767, /* MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL */
	MOST_PROBES = 127,    /* MAX_TCP_KEEPCNT */
	MOST_MILLISECONDS = INT32_MAX,
	MOST_JITTER = 90,
	DEFAULT_IDLE_S = 30,
	DEFAULT_INTERVAL_S = 10,
	DEFAULT_COUNT = 3,
	LINE_SIZE = 512,
};

static bool read_seconds(struct word word, uint16_t *seconds)
{
	uint64_t milliseconds;

	if (!word_milliseconds(word, &milliseconds) || milliseconds % 1000 != 0 ||
	    milliseconds == 0 || milliseconds / 1000 > MOST_SECONDS)
		return false;
	*seconds = (uint16_t)(milliseconds / 1000);
	return true;
}

static bool read_probes(struct word word, uint8_t *count)
{
	uint64_t number;

	if (!word_number(word, &number) || number == 0 || number > MOST_PROBES)
		return false;
	*count = (uint8_t)number;
	return true;
}

static bool read_jitter(struct word word, uint8_t *percent)
{
	uint64_t number;

	if (word.size == 0 || word.text[word.size - 1] != '%')
		return false;
	word.size--;
	if (!word_number(word, &number) || number > MOST_JITTER)
		return false;
	*percent = (uint8_t)number;
	return true;
}

bool policy_read_keepalive(struct policy *policy, const char *value)
{
	struct policy read = *policy;
	unsigned position = 0;
	bool has_jitter = false, is_on = false, is_off = false;
	struct word word, argument;

	read.has_keepalive = true;
	read.idle_s = DEFAULT_IDLE_S;
	read.interval_s = DEFAULT_INTERVAL_S;
	read.count = DEFAULT_COUNT;
	read.jitter_percent = 0;
	while (word_next(&value, ',', &word)) {
		struct word key = word;
		bool is_understood = false;

		if (word_cut(&key, '=', &argument)) {
			is_understood = !has_jitter && position > 0 && word_is(key, "jitter") &&
					read_jitter(argument, &read.jitter_percent);
			has_jitter = true;
		} else if (has_jitter || is_on || is_off) {
			is_understood = false;
		} else if (position == 0) {
			is_on = word_is(word, "on");
			is_off = word_is(word, "off");
			is_understood = is_on || is_off || read_seconds(word, &read.idle_s);
		} else if (position == 1) {
			is_understood = read_seconds(word, &read.interval_s);
		} else if (position == 2) {
			is_understood = read_probes(word, &read.count);
		}
		if (!is_understood)
			return false;
		position++;
	}
	if (is_off && has_jitter)
		return false;
	if (is_off) {
		read.has_keepalive = false;
		read.idle_s = read.interval_s = read.count = 0;
	}
	*policy = read;
	return true;
}

bool policy_read_user_timeout(struct policy *policy, const char *value)
{
	struct word word = word_of(value);
	uint64_t milliseconds = 0;
	bool is_off = word_is(word, "off"), is_auto = word_is(word, "auto");

	if (!is_off && !is_auto &&
	    (!word_milliseconds(word, &milliseconds) || milliseconds == 0 ||
	     milliseconds > MOST_MILLISECONDS))
		return false;
	policy->has_user_timeout = !is_off;
	policy->is_user_timeout_auto = is_auto;
	policy->user_timeout_ms = (uint32_t)milliseconds;
	return true;
}

bool policy_read_on_eof(struct policy *policy, const char *value)
{
	static const char *const names[] =
		{[POLICY_EOF_OFF] = "off", [POLICY_EOF_FIN] = "fin", [POLICY_EOF_RST] = "rst"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (word_is(word_of(value), names[i])) {
			policy->on_eof = (uint8_t)i;
			return true;
		}
	}
	return false;
}

bool policy_read_forced(struct policy *policy, const char *value)
{
	bool is_on = word_is(word_of(value), "on");

	if (!is_on && !word_is(word_of(value), "off"))
		return false;
	policy->is_forced = is_on;
	return true;
}

bool policy_is_any(const struct policy *policy)
{
	return policy->has_keepalive || policy->has_user_timeout ||
	       policy->on_eof != POLICY_EOF_OFF;
}

uint64_t policy_idle_end_ms(uint64_t idle_ms, uint64_t interval_ms, uint64_t count,
			    uint64_t user_timeout_ms)
{
	uint64_t probes = 1;

	if (user_timeout_ms == 0)
		probes = count;
	else if (user_timeout_ms > idle_ms)
		probes = (user_timeout_ms - idle_ms + interval_ms - 1) / interval_ms;
	return idle_ms + probes * interval_ms;
}

/* Returns the shortest idle time that jitter can produce. */
static uint32_t least_idle_s(const struct policy *policy)
{
	return policy->idle_s - policy->idle_s * policy->jitter_percent / 100U;
}

static void append_ms(struct strbuf *line, uint64_t milliseconds)
{
	if (milliseconds % 1000 != 0) {
		strbuf_unsigned(line, milliseconds);
		strbuf_string(line, "ms");
	} else {
		strbuf_unsigned(line, milliseconds / 1000);
		strbuf_char(line, 's');
	}
}

static void append_keepalive(struct strbuf *line, uint64_t idle_s, uint64_t interval_s,
			     uint64_t count)
{
	strbuf_string(line, "TCPSHIM_KEEPALIVE=");
	append_ms(line, idle_s * 1000);
	strbuf_char(line, ',');
	append_ms(line, interval_s * 1000);
	strbuf_char(line, ',');
	strbuf_unsigned(line, count);
}

/* Complains if the user timeout does not fit the count, which it overrides: it has to be later than
 * the last probe but one, and not later than the limit that the count sets. */
static void complain_mismatch(const struct policy *policy, policy_complain *complain)
{
	uint64_t idle_ms = policy->idle_s * UINT64_C(1000);
	uint64_t interval_ms = policy->interval_s * UINT64_C(1000);
	uint64_t limit_ms = idle_ms + interval_ms * policy->count;
	uint64_t least_ms = least_idle_s(policy) * UINT64_C(1000);
	uint64_t end_ms =
		policy_idle_end_ms(idle_ms, interval_ms, policy->count, policy->user_timeout_ms);
	uint64_t least_end_ms =
		policy_idle_end_ms(least_ms, interval_ms, policy->count, policy->user_timeout_ms);
	uint64_t probes = (end_ms - idle_ms) / interval_ms;
	char text[LINE_SIZE];
	struct strbuf line;

	if (end_ms == limit_ms && least_end_ms == least_ms + interval_ms * policy->count)
		return;
	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_USER_TIMEOUT=");
	append_ms(&line, policy->user_timeout_ms);
	strbuf_string(&line, " does not match ");
	append_keepalive(&line, policy->idle_s, policy->interval_s, policy->count);
	if (policy->jitter_percent != 0) {
		strbuf_string(&line, ",jitter=");
		strbuf_unsigned(&line, policy->jitter_percent);
		strbuf_char(&line, '%');
	}
	strbuf_string(&line, ". The timeout overrides COUNT, so that an idle connection to a dead "
			     "peer ends after ");
	append_ms(&line, end_ms);
	if (end_ms == limit_ms) {
		strbuf_string(&line, " or, if jitter shortens IDLE, after ");
		append_ms(&line, least_end_ms);
	} else {
		strbuf_string(&line, " instead of ");
		append_ms(&line, limit_ms);
	}
	if (limit_ms > MOST_MILLISECONDS) {
		strbuf_string(&line, ". Use shorter keepalive times");
	} else if (policy->jitter_percent != 0) {
		strbuf_string(&line, ". Use TCPSHIM_USER_TIMEOUT=auto");
	} else {
		strbuf_string(&line, ". Use TCPSHIM_USER_TIMEOUT=");
		append_ms(&line, limit_ms);
		strbuf_string(&line, " (or auto)");
	}
	if (end_ms != limit_ms && probes <= MOST_PROBES && policy->jitter_percent == 0) {
		strbuf_string(&line, ", or ");
		append_keepalive(&line, policy->idle_s, policy->interval_s, probes);
	}
	strbuf_char(&line, '.');
	complain(line.text, line.size);
}

static void emit_line(const char *text, policy_complain *complain)
{
	complain(text, word_of(text).size);
}

void policy_settle(struct policy *policy, policy_complain *complain)
{
	if (policy->is_user_timeout_auto && !policy->has_keepalive) {
		emit_line(
			"tcpshim: TCPSHIM_USER_TIMEOUT=\"auto\" needs TCPSHIM_KEEPALIVE, which is off: set "
			"it, for example TCPSHIM_KEEPALIVE=30s,10s,3, or use a duration instead of auto. "
			"It is ignored.",
			complain);
		policy->has_user_timeout = policy->is_user_timeout_auto = false;
	}
	if (policy->is_user_timeout_auto &&
	    (policy->idle_s + (uint32_t)policy->interval_s * policy->count) * UINT64_C(1000) >
		    MOST_MILLISECONDS) {
		emit_line(
			"tcpshim: TCPSHIM_USER_TIMEOUT=\"auto\" is not valid: IDLE + INTERVAL x COUNT of "
			"TCPSHIM_KEEPALIVE is more than the kernel's limit of 2147483647ms. Use shorter "
			"keepalive times. It is ignored.",
			complain);
		policy->has_user_timeout = policy->is_user_timeout_auto = false;
	}
	if (policy->has_keepalive && policy->jitter_percent != 0 &&
	    least_idle_s(policy) == policy->idle_s)
		emit_line(
			"tcpshim: the jitter of TCPSHIM_KEEPALIVE has no effect: it is less than one "
			"second, the unit of the kernel. Use a longer IDLE or a larger percentage.",
			complain);
	if (policy->is_forced && !policy->has_keepalive && !policy->has_user_timeout)
		emit_line("tcpshim: TCPSHIM_FORCE has no effect: no policy sets an option. Set "
			  "TCPSHIM_KEEPALIVE or TCPSHIM_USER_TIMEOUT too.",
			  complain);
	if (policy->has_keepalive && policy->has_user_timeout && !policy->is_user_timeout_auto)
		complain_mismatch(policy, complain);
}

void policy_decide_values(const struct policy *policy, uint64_t seed, struct policy_values *values)
{
	uint32_t idle = 0;

	*values = (struct policy_values){0};
	if (policy->has_keepalive) {
		uint32_t least = least_idle_s(policy);

		idle = least + (uint32_t)(spread(seed) % (policy->idle_s - least + 1U));
		values->set |= 1U << CONN_OPTION_KEEPIDLE | 1U << CONN_OPTION_KEEPINTVL |
			       1U << CONN_OPTION_KEEPCNT | 1U << CONN_OPTION_KEEPALIVE;
		values->values[CONN_OPTION_KEEPIDLE] = (int32_t)idle;
		values->values[CONN_OPTION_KEEPINTVL] = policy->interval_s;
		values->values[CONN_OPTION_KEEPCNT] = policy->count;
		values->values[CONN_OPTION_KEEPALIVE] = 1;
	}
	if (policy->has_user_timeout) {
		values->set |= 1U << CONN_OPTION_USER_TIMEOUT;
		values->values[CONN_OPTION_USER_TIMEOUT] =
			policy->is_user_timeout_auto
				? (int32_t)((idle + (uint32_t)policy->interval_s * policy->count) *
					    1000)
				: (int32_t)policy->user_timeout_ms;
	}
}

bool policy_is_left_out(const struct policy *policy, uint32_t enforced, enum conn_option option)
{
	return policy->is_forced && option < CONN_OPTION_COUNT && (enforced & 1U << option);
}

bool policy_is_end(const struct policy *policy, const struct conn_step *read)
{
	return policy->on_eof != POLICY_EOF_OFF && read->effect == EFFECT_READ &&
	       !read->is_sleeping && read->error == 0 && read->result == 0 &&
	       read->asked_bytes > 0 && !read->is_peek;
}

bool policy_ends_state(uint8_t state)
{
	return state == STATE_CLOSE_WAIT;
}
