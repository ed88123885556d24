#include "diagnose/ends.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "reader/complain.h"

/* OTHER_CLOCK_NS: by how much the clocks of two machines may differ for their recordings to be
 * compared. MOST_TRIED: ends of the same two addresses that one is compared with. */
#define OTHER_CLOCK_NS UINT64_C(10000000000)
enum { MOST_TRIED = 256 };

/* --- Pairing. --- */

static int compare_addresses(const struct tcpshim_address *x, const struct tcpshim_address *y)
{
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

/* The smaller address first: both ends have the same order. */
static void order(const struct end *end, const struct tcpshim_address *pair[2])
{
	bool is_turned = compare_addresses(&end->row->local, &end->row->peer) > 0;

	pair[is_turned] = &end->row->local;
	pair[!is_turned] = &end->row->peer;
}

static int compare_pairs(const struct end *x, const struct end *y)
{
	const struct tcpshim_address *of_x[2], *of_y[2];
	int result;

	order(x, of_x);
	order(y, of_y);
	result = compare_addresses(of_x[0], of_y[0]);
	return result != 0 ? result : compare_addresses(of_x[1], of_y[1]);
}

static int compare(const void *a, const void *b)
{
	const struct end *x = *(struct end *const *)a, *y = *(struct end *const *)b;
	int result = compare_pairs(x, y);

	if (result != 0)
		return result;
	return (x->row->first_ns > y->row->first_ns) - (x->row->first_ns < y->row->first_ns);
}

/* Returns whether both were open at the same time, as far as their clocks show. */
static bool are_of_one_time(const struct end *x, const struct end *y)
{
	uint64_t slack_ns = strcmp(x->boot, y->boot) == 0 && *x->boot ? 0 : OTHER_CLOCK_NS;

	return x->row->first_ns <= y->row->seen_ns + slack_ns &&
	       y->row->first_ns <= x->row->seen_ns + slack_ns;
}

static bool are_opposite(const struct end *x, const struct end *y)
{
	return compare_addresses(&x->row->local, &y->row->peer) == 0 &&
	       compare_addresses(&x->row->peer, &y->row->local) == 0 &&
	       compare_addresses(&x->row->local, &x->row->peer) != 0;
}

static bool is_loopback(const struct tcpshim_address *address)
{
	static const uint8_t loopback_6[16] = {[15] = 1};
	static const uint8_t mapped[13] = {[10] = 0xff, 0xff, 127};

	if (address->family == AF_INET)
		return address->bytes[0] == 127;
	return memcmp(address->bytes, loopback_6, sizeof(loopback_6)) == 0 ||
	       memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

/* Returns whether both can be of one connection. Every machine has the same loopback addresses. */
static bool are_possible(const struct end *x, const struct end *y)
{
	return are_opposite(x, y) && are_of_one_time(x, y) &&
	       (strcmp(x->boot, y->boot) == 0 || !is_loopback(&x->row->local));
}

/* The ends that one may be paired with. */
struct candidates {
	size_t count, one; /* one of them */
};

static void add_candidates(struct candidates *all, const struct end *ends, size_t x, size_t y)
{
	if (!are_possible(&ends[x], &ends[y]))
		return;
	all[x].count++;
	all[y].count++;
	all[x].one = y;
	all[y].one = x;
}

/* Adds the candidates of an end that come after it in the order. If not all of them can be looked
 * at, none is certain. */
static void find_candidates(struct candidates *all, const struct end *ends,
			    struct end *const *sorted, size_t count, size_t at)
{
	const struct end *end = sorted[at];

	for (size_t i = at + 1; i < count && end->row->peer.family != 0; i++) {
		const struct end *other = sorted[i];

		if (compare_pairs(end, other) != 0 ||
		    (other->row->first_ns > end->row->seen_ns &&
		     other->row->first_ns - end->row->seen_ns > OTHER_CLOCK_NS))
			return;
		if (i > at + MOST_TRIED) {
			all[end - ends].count = SIZE_MAX / 2;
			return;
		}
		add_candidates(all, ends, (size_t)(end - ends), (size_t)(other - ends));
	}
}

void ends_pair(struct end *ends, size_t count)
{
	struct end **sorted = allocate((count + 1) * sizeof(struct end *));
	struct candidates *all = allocate((count + 1) * sizeof(all[0]));

	for (size_t i = 0; i < count; i++) {
		sorted[i] = &ends[i];
		all[i] = (struct candidates){0};
	}
	qsort(sorted, count, sizeof(struct end *), compare);
	for (size_t i = 0; i < count; i++)
		find_candidates(all, ends, sorted, count, i);
	for (size_t i = 0; i < count; i++)
		ends[i].partner = all[i].count == 1 && all[all[i].one].count == 1 ? all[i].one
										  : ENDS_NONE;
	free(all);
	free(sorted);
}

/* --- Clocks. --- */

bool ends_is_whole(const struct end *end)
{
	const struct connection_row *row = end->row;

	return !connection_row_is_maybe_shared(row) && !row->is_adopted &&
	       !row->is_opening_missed && !row->has_gaps && row->opened_ns != 0 && end->messages &&
	       !end->messages->has_splice;
}

/* Returns the clocks of two machines in this order. */
static struct clock_pair *find_pair(const struct clock_pairs *pairs, const char *boot,
				    const char *other_boot)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->list[i].boot, boot) == 0 &&
		    strcmp(pairs->list[i].other_boot, other_boot) == 0)
			return &pairs->list[i];
	return NULL;
}

static struct clock_pair *find_or_add(struct clock_pairs *pairs, const struct end *end,
				      const struct end *partner)
{
	struct clock_pair *found = find_pair(pairs, end->boot, partner->boot);

	if (found)
		return found;
	pairs->list = reallocate(pairs->list, (pairs->count + 1) * sizeof(pairs->list[0]));
	found = &pairs->list[pairs->count++];
	*found = (struct clock_pair){.boot = end->boot,
				     .other_boot = partner->boot,
				     .host = end->host,
				     .other_host = partner->host};
	return found;
}

void ends_compare_clocks(const struct end *ends, size_t count, struct clock_pairs *pairs)
{
	*pairs = (struct clock_pairs){0};
	for (size_t i = 0; i < count; i++) {
		const struct end *end = &ends[i], *partner;

		if (end->partner == ENDS_NONE)
			continue;
		partner = &ends[end->partner];
		/* Each two machines in one order. */
		if (strcmp(end->boot, partner->boot) < 0 && ends_is_whole(end) &&
		    ends_is_whole(partner))
			clock_bounds_add(&find_or_add(pairs, end, partner)->bounds, end->messages,
					 partner->messages);
	}
	for (size_t i = 0; i < pairs->count; i++)
		pairs->list[i].estimate = clock_estimate(&pairs->list[i].bounds);
}

void ends_clear(struct clock_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		clock_bounds_clear(&pairs->list[i].bounds);
	free(pairs->list);
	*pairs = (struct clock_pairs){0};
}

bool ends_ahead(const struct clock_pairs *pairs, const struct end *end, const struct end *partner,
		uint64_t at_ns, int64_t *ahead_ns, uint64_t *error_ns)
{
	const struct clock_pair *clocks = find_pair(pairs, end->boot, partner->boot);
	bool is_turned = !clocks;

	*ahead_ns = 0;
	*error_ns = 0;
	if (strcmp(end->boot, partner->boot) == 0)
		return true;
	if (is_turned)
		clocks = find_pair(pairs, partner->boot, end->boot);
	if (!clocks || !clocks->estimate.is_known)
		return false;
	*ahead_ns = clock_ahead_ns(&clocks->estimate, at_ns) * (is_turned ? -1 : 1);
	*error_ns = clocks->estimate.error_ns;
	return true;
}
