#include "settings/match.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "format/words.h"

static const char *const key_names[] = {
	[MATCH_PORT] = "port", [MATCH_LPORT] = "lport", [MATCH_RPORT] = "rport",
	[MATCH_PEER] = "peer", [MATCH_LOCAL] = "local", [MATCH_ROLE] = "role",
};
enum { KEY_COUNT = sizeof(key_names) / sizeof(key_names[0]), V4_BITS = 32, V6_BITS = 128 };
enum { MAPPED_BITS = 96 }; /* ::ffff:0:0/96, RFC 4291, 2.5.5.2 */

static bool read_port(struct match_condition *condition, struct word value)
{
	uint64_t port;

	if (!word_number(value, &port) || port == 0 || port > UINT16_MAX)
		return false;
	condition->port = (uint16_t)port;
	return true;
}

static bool read_role(struct match_condition *condition, struct word value)
{
	condition->role = word_is(value, "client") ? ROLE_CLIENT : ROLE_SERVER;
	return word_is(value, "client") || word_is(value, "server");
}

/* Converts an IPv4 network that was written as IPv6: connections to it are shown and compared as
 * IPv4. */
static void unmap(struct match_condition *condition)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t *bytes = condition->address.bytes;

	if (condition->prefix_bits < MAPPED_BITS || memcmp(bytes, mapped, sizeof(mapped)) != 0)
		return;
	condition->address.family = AF_INET;
	condition->prefix_bits -= MAPPED_BITS;
	memmove(bytes, bytes + sizeof(mapped), 4);
}

static bool read_address(struct match_condition *condition, struct word value)
{
	char text[INET6_ADDRSTRLEN];
	struct word bits_word;
	bool has_bits = word_cut(&value, '/', &bits_word);
	uint64_t bits;

	if (value.size >= sizeof(text))
		return false;
	memcpy(text, value.text, value.size);
	text[value.size] = '\0';
	if (inet_pton(AF_INET, text, condition->address.bytes) == 1) {
		condition->address.family = AF_INET;
		bits = V4_BITS;
	} else if (inet_pton(AF_INET6, text, condition->address.bytes) == 1) {
		condition->address.family = AF_INET6;
		bits = V6_BITS;
	} else {
		return false;
	}
	condition->prefix_bits = (uint8_t)bits;
	if (has_bits) {
		if (!word_number(bits_word, &bits) || bits > condition->prefix_bits)
			return false;
		condition->prefix_bits = (uint8_t)bits;
	}
	if (condition->address.family == AF_INET6)
		unmap(condition);
	return true;
}

static bool read_condition(struct match_condition *condition, struct word word)
{
	struct word value;

	if (word.size > 0 && word.text[0] == '!') {
		condition->is_negated = true;
		word = (struct word){word.text + 1, word.size - 1};
	}
	if (!word_cut(&word, '=', &value))
		return false;
	for (unsigned key = 0; key < KEY_COUNT; key++) {
		if (!word_is(word, key_names[key]))
			continue;
		condition->key = (uint8_t)key;
		switch ((enum match_key)key) {
		case MATCH_PORT:
		case MATCH_LPORT:
		case MATCH_RPORT:
			return read_port(condition, value);
		case MATCH_PEER:
		case MATCH_LOCAL:
			return read_address(condition, value);
		case MATCH_ROLE:
			return read_role(condition, value);
		}
	}
	return false;
}

bool match_read(struct match *match, const char *value)
{
	struct word alternative, word;

	*match = (struct match){0};
	while (word_next(&value, ';', &alternative)) {
		bool is_first = true, has_more = true;

		while (has_more) {
			struct match_condition *condition = &match->conditions[match->count];

			if (match->count == MATCH_CONDITIONS)
				return false;
			word = alternative;
			has_more = word_cut(&word, ',', &alternative);
			if (!read_condition(condition, word))
				return false;
			condition->is_alternative = is_first && match->count > 0;
			is_first = false;
			match->count++;
		}
	}
	return true;
}

static bool has_prefix(const struct tcpshim_address *address, const struct tcpshim_address *prefix,
		       unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (address->family != prefix->family)
		return false;
	if (memcmp(address->bytes, prefix->bytes, bytes) != 0)
		return false;
	return rest == 0 || (address->bytes[bytes] ^ prefix->bytes[bytes]) >> (8 - rest) == 0;
}

static enum match_result match_port(const struct tcpshim_address *end, uint16_t port)
{
	if (end->family == 0 || end->port == 0)
		return MATCH_UNKNOWN;
	return end->port == port ? MATCH_YES : MATCH_NO;
}

/* Compares an address. For a listener that is bound to every address, a connection's local address
 * is not known yet. */
static enum match_result match_address(const struct tcpshim_address *end,
				       const struct match_condition *condition)
{
	static const uint8_t any[16];

	if (end->family == 0 || memcmp(end->bytes, any, sizeof(any)) == 0)
		return MATCH_UNKNOWN;
	return has_prefix(end, &condition->address, condition->prefix_bits) ? MATCH_YES : MATCH_NO;
}

static enum match_result match_role(enum tcpshim_role role, uint8_t wanted)
{
	if (role == ROLE_NONE)
		return MATCH_UNKNOWN;
	return (role == ROLE_CLIENT) == (wanted == ROLE_CLIENT) ? MATCH_YES : MATCH_NO;
}

/* Combines with OR: yes wins over unknown, unknown over no. */
static enum match_result match_or(enum match_result a, enum match_result b)
{
	if (a == MATCH_YES || b == MATCH_YES)
		return MATCH_YES;
	return a == MATCH_NO && b == MATCH_NO ? MATCH_NO : MATCH_UNKNOWN;
}

/* Combines with AND: no wins over unknown, unknown over yes. */
static enum match_result match_and(enum match_result a, enum match_result b)
{
	if (a == MATCH_NO || b == MATCH_NO)
		return MATCH_NO;
	return a == MATCH_YES && b == MATCH_YES ? MATCH_YES : MATCH_UNKNOWN;
}

static enum match_result match_one(const struct match_condition *condition,
				   const struct tcpshim_address *local,
				   const struct tcpshim_address *peer, enum tcpshim_role role)
{
	switch ((enum match_key)condition->key) {
	case MATCH_PORT:
		return match_or(match_port(local, condition->port),
				match_port(peer, condition->port));
	case MATCH_LPORT:
		return match_port(local, condition->port);
	case MATCH_RPORT:
		return match_port(peer, condition->port);
	case MATCH_PEER:
		return match_address(peer, condition);
	case MATCH_LOCAL:
		return match_address(local, condition);
	case MATCH_ROLE:
		return match_role(role, condition->role);
	}
	return MATCH_NO;
}

static enum match_result match_not(enum match_result result)
{
	return result == MATCH_UNKNOWN ? MATCH_UNKNOWN
				       : (result == MATCH_YES ? MATCH_NO : MATCH_YES);
}

enum match_result match_connection(const struct match *match, const struct tcpshim_address *local,
				   const struct tcpshim_address *peer, enum tcpshim_role role)
{
	enum match_result any = MATCH_NO, all = MATCH_YES;

	for (uint32_t i = 0; i < match->count; i++) {
		const struct match_condition *condition = &match->conditions[i];
		enum match_result one = match_one(condition, local, peer, role);

		if (condition->is_alternative) {
			any = match_or(any, all);
			all = MATCH_YES;
		}
		all = match_and(all, condition->is_negated ? match_not(one) : one);
	}
	return match_or(any, all);
}
