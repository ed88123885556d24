/*
 * ending: how a connection died: reset or timed out, and by which timer.
 *
 * Pure. Part of annotate, apart because it is the part that has to weigh evidence: the kernel does
 * not always tell two causes apart, and then neither is claimed.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CORE_ENDING_H
#define CORE_ENDING_H

#include "core/conn.h"

enum end {
	END_NONE,
	END_RESET_FORGOT,
	END_RESET_AFTER_FIN,
	END_RESET_BY_PEER,
	END_TIMED_OUT_DATA,
	END_TIMED_OUT_USER,
	END_TIMED_OUT_KEEPALIVE,
	END_TIMED_OUT, /* by which timer is not known */
	END_UNKNOWN,   /* reset or timed out */
};

/* All that a predicate of annotate looks at. */
struct scene {
	const struct conn_view *before, *after;
	const struct conn_step *step;
	const struct tcpshim_facts *facts;
	enum end end;
};

/* Time from then to now, 0 if then is not set. */
static inline uint64_t ending_since(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns != 0 && now_ns > then_ns ? now_ns - then_ns : 0;
}

static inline bool ending_is_sampled(const struct tcpinfo *info)
{
	return info->state != STATE_UNKNOWN;
}

/* END_NONE unless this step is the one in which the connection is found dead. */
enum end ending_classify(const struct scene *scene);

#endif
