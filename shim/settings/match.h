/*
 * match: which connections TCPSHIM_MATCH selects.
 *
 * Pure. A selection is a list of alternatives (";"), each a list of conditions that must all hold
 * (","). What a condition asks may not be known yet: the peer of a listener, the local port before
 * connect. Then neither yes nor no is claimed.
 * Context: any thread, signal handler, after fork; match_read in the constructor. Locks: none.
 * Errno: untouched, but by match_read. Keeps I5.
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
	bool is_alternative; /* begins the next alternative */
	uint8_t role;        /* enum tcpshim_role: client or server */
	uint8_t prefix_bits; /* of address */
	uint16_t port;
	struct tcpshim_address address;
};

/* count 0: every connection. */
struct match {
	uint32_t count;
	struct match_condition conditions[MATCH_CONDITIONS];
};

/* Reads a value of TCPSHIM_MATCH; false where it is not understood. */
bool match_read(struct match *match, const char *value);

/* role: a listener counts as server. An end whose address or port is zero is not known. */
enum match_result match_connection(const struct match *match, const struct tcpshim_address *local,
				   const struct tcpshim_address *peer, enum tcpshim_role role);

#endif
