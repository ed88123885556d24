#include "format/facts.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "format/names.h"
#include "format/option_name.h"

const struct call_row call_rows[CALL_COUNT] = {
#define CALL(symbol, shown, group, need, effect, number, ...) \
	[CALL_##symbol] = {#symbol, #shown, #group, effect, {__VA_ARGS__}},
#include "tcpshim/calls.def"
#undef CALL
	[CALL_rehearse] =
		{"rehearse", "rehearse", "process", EFFECT_REHEARSE, {ARG_FD, ARG_SCENARIO}},
	[CALL_exit] = {"_exit", "_exit", "process", EFFECT_EXIT, {ARG_INTEGER}},
};

const struct note_row note_rows[NOTE_COUNT] = {
#define NOTE(name, id, severity, text, explanation) \
	[NOTE_##name] = {#name, id, text, explanation, SEVERITY_##severity},
#include "tcpshim/notes.def"
#undef NOTE
};

const struct severity_row severity_rows[SEVERITY_NONE] = {
	[SEVERITY_INFO] = {"info", "-", "\x1b[36m"},
	[SEVERITY_WARN] = {"warn", "!", "\x1b[33m"},
	[SEVERITY_ERROR] = {"error", "!!", "\x1b[1;31m"},
};

unsigned facts_first_call(unsigned call)
{
	unsigned first = 0;

	while (strcmp(call_rows[first].shown, call_rows[call].shown) != 0)
		first++;
	return first;
}

unsigned facts_first_note(unsigned note)
{
	unsigned first = 0;

	while (strcmp(note_rows[first].id, note_rows[note].id) != 0)
		first++;
	return first;
}

const struct fact_field fact_fields[FACT_FIELDS] = {
#define FACT(type, field, kind, name) \
	{#field, offsetof(struct tcpshim_facts, field), sizeof(type), (type)-1 < (type)1},
#include "tcpshim/facts.def"
#undef FACT
};

int64_t facts_value(const struct tcpshim_facts *facts, unsigned fact)
{
	const struct fact_field *field = &fact_fields[fact];
	const char *from = (const char *)facts + field->offset;
	uint64_t value = 0;

	memcpy(&value, from, field->size); /* little-endian */
	if (field->is_signed && field->size == sizeof(int32_t))
		return (int32_t)value;
	return (int64_t)value;
}

void facts_set(struct tcpshim_facts *facts, unsigned fact, uint64_t value)
{
	memcpy((char *)facts + fact_fields[fact].offset, &value, fact_fields[fact].size);
}

enum fact_kind {
	FACT_KIND_FD,
	FACT_KIND_NUMBER,
	FACT_KIND_BYTES,
	FACT_KIND_DURATION,
	FACT_KIND_COUNT,
	FACT_KIND_STATE,
	FACT_KIND_STATES,
	FACT_KIND_ADDRESS,
	FACT_KIND_ENDPOINTS,
	FACT_KIND_REPORTED,
	FACT_KIND_OPTION,
	FACT_KIND_ERROR,
	FACT_KIND_EXCLUSION,
	FACT_KIND_FIN_AGE,
	FACT_KIND_FIN_IDLE,
	FACT_KIND_CONNECTION,
	FACT_KIND_NOTHING, /* no text shows it */
};

struct fact {
	const char *name;
	enum fact_kind kind;
	size_t offset;
};

static const struct fact fact_rows[] = {
#define FACT(type, field, kind, name) \
	{name, FACT_KIND_##kind, offsetof(struct tcpshim_facts, field)},
#include "tcpshim/facts.def"
#undef FACT
	{"endpoints", FACT_KIND_ENDPOINTS, offsetof(struct tcpshim_facts, local)},
	{"peer", FACT_KIND_ADDRESS, offsetof(struct tcpshim_facts, peer)},
	{"connection", FACT_KIND_CONNECTION, offsetof(struct tcpshim_facts, fd)},
};

enum { FACT_ROWS = sizeof(fact_rows) / sizeof(fact_rows[0]) };

/* RFC 5952: lower case, the longest run of two or more zero words as "::", the first of equal ones.
 * inet_ntop does the same through snprintf, which is not async-signal-safe (I5). */
static void append_ipv6(struct strbuf *buf, const uint8_t bytes[16])
{
	unsigned words[8], run = 8, run_length = 1;

	for (unsigned i = 0; i < 8; i++)
		words[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
	for (unsigned i = 0; i < 8; i++) {
		unsigned length = 0;

		while (i + length < 8 && words[i + length] == 0)
			length++;
		if (length > run_length) {
			run = i;
			run_length = length;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == run) {
			strbuf_string(buf, "::");
			i += run_length - 1;
			continue;
		}
		if (i > 0 && i != run + run_length)
			strbuf_char(buf, ':');
		for (unsigned shift = 16, is_started = 0; shift > 0;) {
			shift -= 4;
			is_started |= shift == 0 || words[i] >> shift != 0;
			if (is_started)
				strbuf_char(buf, "0123456789abcdef"[words[i] >> shift & 0xf]);
		}
	}
}

void facts_ip(struct strbuf *buf, const struct tcpshim_address *address)
{
	if (address->family == AF_INET6) {
		append_ipv6(buf, address->bytes);
		if (address->scope != 0) {
			strbuf_char(buf, '%');
			strbuf_unsigned(buf, address->scope);
		}
		return;
	}
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			strbuf_char(buf, '.');
		strbuf_unsigned(buf, address->bytes[i]);
	}
}

void facts_address(struct strbuf *buf, const struct tcpshim_address *address)
{
	bool is_ipv6 = address->family == AF_INET6;

	if (address->family != AF_INET && !is_ipv6) {
		strbuf_char(buf, '?');
		return;
	}
	if (is_ipv6)
		strbuf_char(buf, '[');
	facts_ip(buf, address);
	if (is_ipv6)
		strbuf_char(buf, ']');
	strbuf_char(buf, ':');
	strbuf_unsigned(buf, address->port);
}

bool facts_read_sockaddr(struct tcpshim_address *to, const void *address, uint32_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	*to = (struct tcpshim_address){0};
	if (size >= sizeof(in)) {
		memcpy(&in, address, sizeof(in));
		if (in.sin_family == AF_INET) {
			to->family = AF_INET;
			to->port = ntohs(in.sin_port);
			memcpy(to->bytes, &in.sin_addr, 4);
			return true;
		}
	}
	if (size < sizeof(in6))
		return false;
	memcpy(&in6, address, sizeof(in6));
	if (in6.sin6_family != AF_INET6)
		return false;
	to->port = ntohs(in6.sin6_port);
	if (memcmp(&in6.sin6_addr, mapped, sizeof(mapped)) == 0) {
		to->family = AF_INET;
		memcpy(to->bytes, in6.sin6_addr.s6_addr + 12, 4);
	} else {
		to->family = AF_INET6;
		to->scope = in6.sin6_scope_id;
		memcpy(to->bytes, &in6.sin6_addr, 16);
	}
	return true;
}

/* A unix socket's path is the program's: what is not printable is shown as '?', and a leading NUL
 * as '@'. */
static void append_unix(struct strbuf *buf, const char *path, uint32_t size)
{
	if (size == 0) {
		strbuf_string(buf, "unix:");
		return;
	}
	strbuf_string(buf, "unix:");
	for (uint32_t i = 0; i < size && (path[i] != '\0' || i == 0); i++) {
		char c = path[i];

		strbuf_char(buf, c == '\0' ? '@' : c > ' ' && c < 0x7f ? c : '?');
	}
}

bool facts_sockaddr(struct strbuf *buf, const void *address, uint32_t size)
{
	struct tcpshim_address ip;
	uint16_t family;

	if (size < sizeof(family))
		return false;
	if (facts_read_sockaddr(&ip, address, size)) {
		facts_address(buf, &ip);
		return true;
	}
	memcpy(&family, address, sizeof(family));
	if (family == AF_UNIX) {
		const char *path = (const char *)address + offsetof(struct sockaddr_un, sun_path);

		append_unix(buf, path, size - (uint32_t)offsetof(struct sockaddr_un, sun_path));
		return true;
	}
	strbuf_char(buf, '{');
	names_domain(buf, family);
	strbuf_char(buf, '}');
	return true;
}

static void append_reported(struct strbuf *buf, unsigned reported)
{
	static const char *const texts[] = {
		[REPORTED_NOT] = "No call has reported it to the program yet.",
		[REPORTED_BY_POLL] = "poll reports it, but not which error.",
		[REPORTED_AS_EOF] =
			"Linux reports it as end of stream (read = 0), not as ECONNRESET.",
		[REPORTED_AS_ERROR] = "The kernel reports it with this error, once.",
	};

	if (reported < sizeof(texts) / sizeof(texts[0]))
		strbuf_string(buf, texts[reported]);
}

/* Appends the condition of TCPSHIM_MATCH that excludes the service of this connection. */
static void append_exclusion(struct strbuf *buf, const struct tcpshim_facts *facts)
{
	bool is_client = facts->role == ROLE_CLIENT;

	strbuf_string(buf, is_client ? "!rport=" : "!lport=");
	strbuf_unsigned(buf, is_client ? facts->peer.port : facts->local.port);
}

uint64_t facts_fin_age_ns(const struct tcpshim_facts *facts, enum tcpshim_fin_time *time)
{
	*time = facts->fin_time == FIN_NONE ? FIN_SEEN : (enum tcpshim_fin_time)facts->fin_time;
	return facts->fin_time == FIN_NONE ? facts->since_fin_ns : facts->fin_age_ns;
}

/* Appends how long ago the peer's FIN was, and how well that is known. */
static void append_fin_age(struct strbuf *buf, const struct tcpshim_facts *facts)
{
	enum tcpshim_fin_time time;
	uint64_t age_ns = facts_fin_age_ns(facts, &time);

	if (facts->fin_time == FIN_NONE && age_ns == 0) {
		strbuf_string(buf, "after the peer's FIN");
		return;
	}
	if (time == FIN_ARRIVED_BEFORE)
		strbuf_string(buf, "at least ");
	strbuf_duration(buf, age_ns);
	strbuf_string(buf, time == FIN_SEEN ? " after the peer's FIN was seen"
					    : " after the peer's FIN arrived");
}

/* Appends what finds the connection among others: its descriptor, its peer, and its number in a
 * process that has had several. */
static void append_connection(struct strbuf *buf, const struct tcpshim_facts *facts)
{
	strbuf_string(buf, "fd ");
	strbuf_integer(buf, facts->fd);
	if (facts->peer.family != 0) {
		strbuf_string(buf, " to ");
		facts_address(buf, &facts->peer);
	}
	if (facts->connections > 1 || facts->serial > 1) {
		strbuf_string(buf, " (connection ");
		strbuf_unsigned(buf, facts->serial);
		strbuf_char(buf, ')');
	}
}

static void append_fact(struct strbuf *buf, const struct fact *fact,
			const struct tcpshim_facts *facts)
{
	const void *field = (const char *)facts + fact->offset;

	switch (fact->kind) {
	case FACT_KIND_FD:
		strbuf_string(buf, "fd ");
		strbuf_integer(buf, *(const int32_t *)field);
		break;
	case FACT_KIND_NUMBER: /* of a descriptor; -1: not known */
		if (*(const int32_t *)field < 0)
			strbuf_char(buf, '?');
		else
			strbuf_integer(buf, *(const int32_t *)field);
		break;
	case FACT_KIND_BYTES:
		strbuf_count(buf, *(const uint64_t *)field, "byte");
		break;
	case FACT_KIND_DURATION:
		strbuf_duration(buf, *(const uint64_t *)field);
		break;
	case FACT_KIND_COUNT:
		strbuf_unsigned(buf, *(const uint32_t *)field);
		break;
	case FACT_KIND_STATE:
		strbuf_string(buf, names_tcp_state(*(const uint8_t *)field));
		break;
	case FACT_KIND_STATES:
		strbuf_string(buf, names_tcp_state(facts->before));
		if (facts->now != facts->before) {
			strbuf_string(buf, " > ");
			strbuf_string(buf, names_tcp_state(facts->now));
		}
		break;
	case FACT_KIND_ADDRESS:
		facts_address(buf, field);
		break;
	case FACT_KIND_ENDPOINTS:
		facts_address(buf, &facts->local);
		strbuf_string(buf, " > ");
		facts_address(buf, &facts->peer);
		break;
	case FACT_KIND_REPORTED:
		append_reported(buf, *(const uint8_t *)field);
		break;
	case FACT_KIND_OPTION:
		option_name(buf, facts->option_level, facts->option_name);
		break;
	case FACT_KIND_ERROR:
		names_error(buf, *(const int32_t *)field);
		break;
	case FACT_KIND_EXCLUSION:
		append_exclusion(buf, facts);
		break;
	case FACT_KIND_FIN_AGE:
		append_fin_age(buf, facts);
		break;
	case FACT_KIND_FIN_IDLE: /* until the FIN: the later it came, the less */
		if (facts->fin_time == FIN_ARRIVED_BEFORE)
			strbuf_string(buf, "at most ");
		strbuf_duration(buf, *(const uint64_t *)field);
		break;
	case FACT_KIND_CONNECTION:
		append_connection(buf, facts);
		break;
	case FACT_KIND_NOTHING:
		break;
	}
}

/* Returns the fact whose "{name}" the text begins with, or NULL. */
static const struct fact *match_fact(const char *text, size_t *length)
{
	for (size_t i = 0; i < FACT_ROWS; i++) {
		size_t size = strlen(fact_rows[i].name);

		if (size > 0 && strncmp(text + 1, fact_rows[i].name, size) == 0 &&
		    text[size + 1] == '}') {
			*length = size + 2;
			return &fact_rows[i];
		}
	}
	return NULL;
}

void facts_expand(struct strbuf *buf, const char *text, const struct tcpshim_facts *facts)
{
	while (*text) {
		size_t length = 0;
		const struct fact *fact = *text == '{' ? match_fact(text, &length) : NULL;

		if (fact) {
			append_fact(buf, fact, facts);
			text += length;
		} else {
			strbuf_char(buf, *text++);
		}
	}
}

static void add_number(struct facts_values *values, size_t offset)
{
	for (unsigned i = 0; i < FACT_FIELDS; i++)
		if (fact_fields[i].offset == offset)
			values->numbers |= UINT64_C(1) << i;
}

/* Adds the values that a fact of a text stands for. */
static void add_value(struct facts_values *values, const struct fact *fact)
{
	switch (fact->kind) {
	case FACT_KIND_CONNECTION:
		values->has_peer = true;
		add_number(values, fact->offset);
		break;
	case FACT_KIND_FIN_AGE:
		values->has_fin = true;
		break;
	case FACT_KIND_STATES:
		values->has_before = true;
		values->has_now = true;
		break;
	case FACT_KIND_STATE:
		values->has_now = true;
		break;
	case FACT_KIND_ENDPOINTS:
		values->has_local = true;
		values->has_peer = true;
		break;
	case FACT_KIND_ADDRESS:
		values->has_peer = true;
		break;
	case FACT_KIND_OPTION:
		values->has_option = true;
		break;
	case FACT_KIND_ERROR:
		values->has_error = true;
		break;
	case FACT_KIND_REPORTED:
	case FACT_KIND_EXCLUSION:
	case FACT_KIND_NOTHING:
		break;
	default:
		add_number(values, fact->offset);
	}
}

void facts_in(const char *text, struct facts_values *values)
{
	*values = (struct facts_values){0};
	for (; *text; text++) {
		size_t length;
		const struct fact *fact = *text == '{' ? match_fact(text, &length) : NULL;

		if (fact)
			add_value(values, fact);
	}
}
