/*
 * ends: finds the two ends of connections that were recorded at both, and compares the clocks of
 * their machines.
 *
 * Two ends are of one connection if each one's peer is the other's own address, and they were open
 * at the same time. What changes addresses on the path (NAT, a proxy) hides that. If an end has
 * several possible partners, because a port was used again, it gets none: what a wrong one shows is
 * wrong.
 * Context: the command; exits if there is not enough memory. Locks: none. Times are nanoseconds of
 * the report's clock.
 */
#ifndef DIAGNOSE_ENDS_H
#define DIAGNOSE_ENDS_H

#include "diagnose/clocks.h"
#include "format/connection_row.h"

#define ENDS_NONE SIZE_MAX

struct end {
	const struct connection_row *row;
	const struct messages *messages; /* NULL: none */
	const char *boot;                /* its machine since it was booted, "" if not known */
	const char *host;                /* its name, "" if not known */
	size_t partner;                  /* the other end, ENDS_NONE: it was not recorded */
};

/* Two machines whose clocks were compared. */
struct clock_pair {
	const char *boot, *other_boot;
	const char *host, *other_host;
	struct clock_bounds bounds;
	struct clock_estimate estimate;
};

struct clock_pairs {
	struct clock_pair *list;
	size_t count;
};

/* Fills in the partners. */
void ends_pair(struct end *ends, size_t count);

/* Returns whether every byte of the connection was seen by its recording. A process that has it
 * too, and was not recorded, may have moved bytes. */
bool ends_is_whole(const struct end *end);

/* Compares the clocks of all machines that have connections with each other. One machine has one
 * clock: it is not among them. */
void ends_compare_clocks(const struct end *ends, size_t count, struct clock_pairs *pairs);
void ends_clear(struct clock_pairs *pairs);

/* Returns by how much the clock of the end's partner is ahead of the end's own at a time, and
 * *error_ns. Returns false if that is not known. */
bool ends_ahead(const struct clock_pairs *pairs, const struct end *end, const struct end *partner,
		uint64_t at_ns, int64_t *ahead_ns, uint64_t *error_ns);

#endif
