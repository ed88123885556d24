#include "diagnose/clocks.h"

#include <stdlib.h>

#include "reader/complain.h"

/* WINDOWS: equal parts of the time between the first and the last message. */
enum { WINDOWS = 16 };

static void add(struct clock_bound **list, size_t *count, size_t *capacity, uint64_t at_ns,
		int64_t ahead_ns)
{
	if (*count == *capacity) {
		*capacity = 2 * *capacity + 64;
		*list = reallocate(*list, *capacity * sizeof((*list)[0]));
	}
	(*list)[(*count)++] = (struct clock_bound){at_ns, ahead_ns};
}

/* A byte cannot be read before its write began. */
void clock_bounds_add(struct clock_bounds *bounds, const struct messages *ours,
		      const struct messages *theirs)
{
	for (size_t i = 0; i < messages_kept(&theirs->read); i++) {
		const struct message *read = messages_at(&theirs->read, i);
		const struct message *written = messages_find(&ours->written, read->to - 1);

		if (written)
			add(&bounds->most, &bounds->most_count, &bounds->most_capacity,
			    written->start_ns, (int64_t)(read->time_ns - written->start_ns));
	}
	for (size_t i = 0; i < messages_kept(&ours->read); i++) {
		const struct message *read = messages_at(&ours->read, i);
		const struct message *written = messages_find(&theirs->written, read->to - 1);

		if (written)
			add(&bounds->least, &bounds->least_count, &bounds->least_capacity,
			    read->time_ns, (int64_t)(written->start_ns - read->time_ns));
	}
}

void clock_bounds_clear(struct clock_bounds *bounds)
{
	free(bounds->most);
	free(bounds->least);
	*bounds = (struct clock_bounds){0};
}

struct window {
	bool has_most, has_least;
	int64_t most_ns, least_ns;
	uint64_t most_at_ns, least_at_ns;
};

struct span {
	uint64_t first_ns, last_ns;
};

static struct span span_of(const struct clock_bounds *bounds)
{
	struct span span = {UINT64_MAX, 0};

	for (size_t i = 0; i < bounds->most_count + bounds->least_count; i++) {
		uint64_t at_ns = i < bounds->most_count
					 ? bounds->most[i].at_ns
					 : bounds->least[i - bounds->most_count].at_ns;

		span.first_ns = at_ns < span.first_ns ? at_ns : span.first_ns;
		span.last_ns = at_ns > span.last_ns ? at_ns : span.last_ns;
	}
	return span;
}

static size_t window_of(const struct span *span, uint64_t at_ns)
{
	uint64_t part_ns = (span->last_ns - span->first_ns) / WINDOWS + 1;

	return (size_t)((at_ns - span->first_ns) / part_ns);
}

/* Finds the tightest bounds of each part of the time. */
static void fill(struct window windows[WINDOWS], const struct clock_bounds *bounds,
		 const struct span *span)
{
	for (size_t i = 0; i < bounds->most_count; i++) {
		const struct clock_bound *bound = &bounds->most[i];
		struct window *window = &windows[window_of(span, bound->at_ns)];

		if (window->has_most && window->most_ns <= bound->ahead_ns)
			continue;
		window->has_most = true;
		window->most_ns = bound->ahead_ns;
		window->most_at_ns = bound->at_ns;
	}
	for (size_t i = 0; i < bounds->least_count; i++) {
		const struct clock_bound *bound = &bounds->least[i];
		struct window *window = &windows[window_of(span, bound->at_ns)];

		if (window->has_least && window->least_ns >= bound->ahead_ns)
			continue;
		window->has_least = true;
		window->least_ns = bound->ahead_ns;
		window->least_at_ns = bound->at_ns;
	}
}

/* Damaged times give any number. */
#define MOST_NS 4e18

static int64_t add_clamped(int64_t ns, double more)
{
	double sum = (double)ns + more;

	if (sum > -MOST_NS && sum < MOST_NS)
		return ns + (int64_t)more;
	return sum < 0 ? -(int64_t)MOST_NS : (int64_t)MOST_NS;
}

static uint64_t positive(double ns)
{
	return ns > MOST_NS ? (uint64_t)MOST_NS : ns > 0 ? (uint64_t)ns : 0;
}

/* A straight line through the middles of the windows, each weighted by how exactly it is known.
 * Doubles hold nanoseconds relative to the first time and to the first middle exactly enough. */
struct line {
	double at, ahead, slope; /* through (at, ahead) */
};

static bool fit(struct line *line, const struct window windows[WINDOWS], const struct span *span,
		int64_t base_ns)
{
	double weights = 0, x_sum = 0, y_sum = 0, xx = 0, xy = 0;
	unsigned count = 0;

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < WINDOWS; i++) {
			const struct window *window = &windows[i];
			double half, weight, x, y;

			if (!window->has_most || !window->has_least)
				continue;
			half = ((double)window->most_ns - (double)window->least_ns) / 2;
			weight = 1 / (half * half + 1);
			x = (double)(window->most_at_ns - span->first_ns) / 2 +
			    (double)(window->least_at_ns - span->first_ns) / 2;
			y = (double)(window->least_ns - base_ns) + half;
			if (pass == 0) {
				weights += weight;
				x_sum += weight * x;
				y_sum += weight * y;
				count++;
			} else {
				xx += weight * (x - x_sum / weights) * (x - x_sum / weights);
				xy += weight * (x - x_sum / weights) * (y - y_sum / weights);
			}
		}
	if (count == 0)
		return false;
	*line = (struct line){x_sum / weights, y_sum / weights, xx > 0 ? xy / xx : 0};
	return true;
}

/* Returns how far the line is outside of the bounds, 0 if it is within all of them. *room: by how
 * much it could be shifted both ways, at least. */
static double violation(const struct line *line, const struct clock_bounds *bounds,
			const struct span *span, int64_t base_ns, double *room)
{
	double above = 1e18, below = 1e18;

	for (size_t i = 0; i < bounds->most_count + bounds->least_count; i++) {
		bool is_most = i < bounds->most_count;
		const struct clock_bound *bound = is_most ? &bounds->most[i]
							  : &bounds->least[i - bounds->most_count];
		double x = (double)(bound->at_ns - span->first_ns);
		double y = line->ahead + line->slope * (x - line->at);
		double bound_y = (double)(bound->ahead_ns - base_ns);

		if (is_most && bound_y - y < above)
			above = bound_y - y;
		if (!is_most && y - bound_y < below)
			below = y - bound_y;
	}
	*room = above > below ? above : below;
	return above < below ? (above < 0 ? -above : 0) : (below < 0 ? -below : 0);
}

struct clock_estimate clock_estimate(const struct clock_bounds *bounds)
{
	struct clock_estimate estimate = {.messages = bounds->most_count + bounds->least_count};
	struct span span = span_of(bounds);
	struct window windows[WINDOWS] = {0};
	int64_t base_ns;
	struct line line, flat;
	double room, flat_room, wrong, flat_wrong;
	int64_t most_ns = INT64_MAX, least_ns = INT64_MIN;

	if (bounds->most_count == 0 || bounds->least_count == 0)
		return estimate;
	base_ns = bounds->most[0].ahead_ns;
	fill(windows, bounds, &span);
	for (unsigned i = 0; i < WINDOWS; i++) {
		if (windows[i].has_most && windows[i].most_ns < most_ns)
			most_ns = windows[i].most_ns;
		if (windows[i].has_least && windows[i].least_ns > least_ns)
			least_ns = windows[i].least_ns;
	}
	/* A difference that does not change, if that is possible. */
	flat = (struct line){.ahead = (double)(most_ns - base_ns) / 2 +
				      (double)(least_ns - base_ns) / 2};
	flat_wrong = violation(&flat, bounds, &span, base_ns, &flat_room);
	estimate.is_known = true;
	estimate.at_ns = span.first_ns;
	estimate.ahead_ns = add_clamped(base_ns, flat.ahead);
	estimate.error_ns = positive(flat_room) + positive(flat_wrong);
	if (flat_wrong == 0 || !fit(&line, windows, &span, base_ns))
		return estimate;
	wrong = violation(&line, bounds, &span, base_ns, &room);
	if (wrong >= flat_wrong)
		return estimate;
	estimate.has_drift = true;
	estimate.drift = line.slope;
	estimate.ahead_ns = add_clamped(base_ns, line.ahead - line.slope * line.at);
	estimate.error_ns = positive(room) + positive(wrong);
	return estimate;
}

int64_t clock_ahead_ns(const struct clock_estimate *estimate, uint64_t at_ns)
{
	double since = at_ns > estimate->at_ns ? (double)(at_ns - estimate->at_ns)
					       : -(double)(estimate->at_ns - at_ns);

	return estimate->has_drift ? add_clamped(estimate->ahead_ns, since * estimate->drift)
				   : estimate->ahead_ns;
}
