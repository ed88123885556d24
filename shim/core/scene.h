/*
 * scene: one connection before and after one call, and the numbers that notes stand on.
 *
 * Pure. Part of annotate, apart because the numbers are measured here, once, for all predicates.
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I5.
 */
#ifndef CORE_SCENE_H
#define CORE_SCENE_H

#include "core/conn.h"

/* How a connection died. */
enum end {
	END_NONE,
	END_RESET_FORGOT,
	END_RESET_AFTER_FIN,
	END_RESET_BY_PEER,
	END_DESTROYED_HERE,
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
static inline uint64_t scene_since(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns != 0 && now_ns > then_ns ? now_ns - then_ns : 0;
}

static inline bool scene_is_sampled(const struct tcpinfo *info)
{
	return info->state != STATE_UNKNOWN;
}

/* Fills the facts from before, after and step, and makes them the scene's. */
void scene_fill(struct scene *scene, struct tcpshim_facts *facts);

/* What a close finds: as the kernel says just before, or as far as it is known. */
uint8_t scene_state_at_close(const struct scene *scene);

#endif
