/*
 * wording: what every form of a diagnosis says of a finding, in the same words.
 *
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_WORDING_H
#define DIAGNOSE_WORDING_H

#include "diagnose/finding.h"

/* Appends what to do, with what the finding suggests in place of "{}". */
void wording_what_to_do(struct strbuf *buf, const struct finding *finding);

/* Appends "First ..., last ...." and whether it was measured. realtime_offset_ns: from the times
 * of the report to the time of day. */
void wording_evidence(struct strbuf *buf, const struct finding *finding,
		      int64_t realtime_offset_ns);

/* What was looked at. */
struct wording_scope {
	size_t connections, all_connections; /* that were chosen, of all; each end is one */
	size_t pairs;                        /* of two ends of one connection */
	size_t groups, findings;
	uint64_t events, first_ns, last_ns;
};

/* Appends "5 connections in 2 groups, seen from both ends, 40 calls, 3.2 s: nothing
 * wrong." */
void wording_scope(struct strbuf *buf, const struct wording_scope *scope);

#endif
