/*
 * verdict_text: a verdict in sentences.
 *
 * Pure. Text of the traced program is not in them.
 * Context: the command. Locks: none.
 */
#ifndef DIAGNOSE_VERDICT_TEXT_H
#define DIAGNOSE_VERDICT_TEXT_H

#include "diagnose/verdict.h"
#include "settings/policy.h"

/* What is known beside the connection's own verdict. */
struct verdict_scope {
	uint64_t watched_ns;         /* how long the program was watched after the failure */
	uint64_t within_ns;          /* how soon it has to notice */
	const struct verdict *later; /* the connection that took its place; NULL: none */
	uint64_t later_serial;
	uint32_t attempts; /* connects to the peer since, that came to nothing */
	uint64_t first_attempt_ns;
	const struct policy *policy; /* that the program ran with */
	const char *waits_in;        /* the call that it is in at the end; NULL: none is known */
	bool has_ended;              /* the program has, by itself */
	int exit_status;
};

/* Appends "noticed after 3.1 s" and the like. */
void verdict_append_result(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope);

/* Appends how the program learned of it, and what it did then. */
void verdict_append_course(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope);

/* Appends what became of the bytes; nothing if none were written after the failure. */
void verdict_append_bytes(struct strbuf *buf, const struct verdict *verdict,
			  const struct verdict_scope *scope);

/* Appends what would make the program notice, and the options with which to rehearse it again.
 * Returns false, and appends nothing, if it has noticed or nothing is known to help. */
bool verdict_append_remedy(struct strbuf *buf, const struct verdict *verdict,
			   const struct verdict_scope *scope);

#endif
