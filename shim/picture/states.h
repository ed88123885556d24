/*
 * states: from when on a connection was in which state of TCP, as far as its moments show.
 *
 * Pure. Context: the command. Locks: none.
 */
#ifndef PICTURE_STATES_H
#define PICTURE_STATES_H

#include "picture/picture.h"

struct state_run {
	uint64_t from_ns;
	uint8_t state; /* enum tcpshim_tcp_state */
};

/* Fills runs, at most so many, in the order of time; when there are more, the last one is the
 * latest. Returns their count. The peer's FIN counts from when it arrived, if that is known. */
size_t states_of(const struct picture_end *end, struct state_run *runs, size_t most);

#endif
