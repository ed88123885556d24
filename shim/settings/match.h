/*
 * match: which connections TCPSHIM_MATCH selects.
 *
 * Pure. A selection is a list of alternatives, separated by ";". An alternative is a list of
 * conditions, separated by ",", which must all hold. A condition may depend on something that is
 * not known yet, such as the peer of a listener or the local port before connect. The result is
 * then MATCH_UNKNOWN.
 * Context: match_read in the constructor; the rest any thread, signal handler, after fork. Locks:
 * none. Errno: untouched, except by match_read. Keeps I5.
 */
#ifndef SETTINGS_MATCH_H
#define SETTINGS_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpshim/event.h"

enum { MATCH_CONDITIONS = 64 };

enum match_result { MATCH_UNKNOWN, MATCH_NO, MATCH_YES };

enum match_key {
	MATCH_PORT, /* of either end */
	MATCH_LPORT,
	MATCH_RPORT,
	MATCH_PEER,
	MATCH_LOCAL,
	MATCH_ROLE,
};

struct match_condition {
	uint8_t key; /* enum match_key */
	bool is_negated;
	bool is_alternative; /* it begins the next alternative */
	uint8_t role;        /* enum tcpshim_role: client or server */
	uint8_t prefix_bits; /* of address */
	uint16_t port;
	struct tcpshim_address address;
};

/* A selection. count 0: every connection. */
struct match {
	uint32_t count;
	struct match_condition conditions[MATCH_CONDITIONS];
};

/* Reads a value of TCPSHIM_MATCH. Returns false if it is not understood. */
bool match_read(struct match *match, const char *value);

/* Evaluates a selection for one connection. role: a listener counts as server. An end whose address
 * or port is zero is not known. */
enum match_result match_connection(const struct match *match, const struct tcpshim_address *local,
				   const struct tcpshim_address *peer, enum tcpshim_role role);

#endif
