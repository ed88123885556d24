/* Notes on what a rehearsal did, in the order of notes.def. */
#include "conn/predicate.h"

bool is_rehearsed_cut(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_CUT;
}

bool is_rehearsed_deaf(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_DEAFENED;
}

bool is_rehearsed_healed(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_HEALED;
}

bool is_rehearsed_hastened(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_HASTENED;
}

bool is_rehearsed_end(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_ENDED;
}

bool is_rehearsed_close(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_CLOSED;
}

bool is_rehearsed_reset(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_RESET;
}

bool is_rehearsed_unanswered(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_UNANSWERED;
}

bool is_rehearsed_refused(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_REFUSED;
}

bool is_rehearsed_slow(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_SLOWED;
}

bool is_rehearsed_failed(const struct evidence *e)
{
	return e->step->policy.actions & REHEARSAL_ACTION_FAILED;
}
