/*
 * clocks: how far the clocks of two machines differ, from the messages between them.
 *
 * No byte is read before it was written. So a byte that this side wrote from time w on, and that
 * the other side had read at its own time r, shows that its clock is ahead by at most r - w; a byte
 * in the other direction, that it is ahead by at least as much. With messages both ways the truth
 * lies between, and the shortest ways there and back decide how exactly it is known (the principle
 * of RFC 5905).
 *
 * Context: the command; exits if there is not enough memory. Locks: none. Times are nanoseconds.
 */
#ifndef DIAGNOSE_CLOCKS_H
#define DIAGNOSE_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diagnose/messages.h"
#include "format/strbuf.h"

/* At this time, the other clock was ahead by at most, or at least, so much. */
struct clock_bound {
	uint64_t at_ns;
	int64_t ahead_ns;
};

struct clock_bounds {
	struct clock_bound *most, *least;
	size_t most_count, most_capacity, least_count, least_capacity;
};

struct clock_estimate {
	bool is_known;     /* there were messages both ways */
	uint64_t at_ns;    /* the time that ahead_ns is for */
	int64_t ahead_ns;  /* of the other clock */
	uint64_t error_ns; /* the truth is not farther away than that */
	bool has_drift;    /* it is more than the messages leave open */
	double drift;      /* nanoseconds per nanosecond */
	double drift_error;
	size_t messages; /* that it is based on */
};

/* Adds the bounds of a connection that was recorded as a whole at both ends. */
void clock_bounds_add(struct clock_bounds *bounds, const struct messages *ours,
		      const struct messages *theirs);
void clock_bounds_clear(struct clock_bounds *bounds);

struct clock_estimate clock_estimate(const struct clock_bounds *bounds);

/* Append " was 2.0 s ahead of that of ", and " (within 0.1 ms, by 40 messages)" with the drift. */
void clock_append(struct strbuf *buf, const struct clock_estimate *estimate);
void clock_append_exactness(struct strbuf *buf, const struct clock_estimate *estimate);

/* Returns by how much the other clock was ahead at a time of ours. */
int64_t clock_ahead_ns(const struct clock_estimate *estimate, uint64_t at_ns);

#endif
