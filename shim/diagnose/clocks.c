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

	if (sum > -MOST_NS && sum < MOST_NS && more > -MOST_NS && more < MOST_NS)
		return ns + (int64_t)more;
	return sum < 0 ? -(int64_t)MOST_NS : (int64_t)MOST_NS;
}

static uint64_t positive(double ns)
{
	return ns > MOST_NS ? (uint64_t)MOST_NS : ns > 0 ? (uint64_t)ns : 0;
}

/* The difference changes evenly with time, so it is a straight line: first at the time of the first
 * message, and last at that of the last one. Doubles hold nanoseconds relative to one of the bounds
 * exactly enough. at: 0 for the first time, 1 for the last. */
struct line {
	double first, last;
};

/* a * first + b * last <= most. */
struct constraint {
	double a, b, most;
};

enum { CONSTRAINTS = 2 * WINDOWS + 2 };

/* Oscillators differ by less (RFC 5905, appendix A.1: MAXFREQ). */
#define MOST_DRIFT 500e-6

static double part_of(const struct span *span, uint64_t at_ns)
{
	return span->last_ns > span->first_ns
		       ? (double)(at_ns - span->first_ns) / (double)(span->last_ns - span->first_ns)
		       : 0;
}

static unsigned constrain(struct constraint constraints[CONSTRAINTS],
			  const struct window windows[WINDOWS], const struct span *span,
			  int64_t base_ns)
{
	double drift = MOST_DRIFT * (double)(span->last_ns - span->first_ns) + 1;
	unsigned count = 0;

	for (unsigned i = 0; i < WINDOWS; i++) {
		const struct window *window = &windows[i];
		double at;

		if (window->has_most) {
			at = part_of(span, window->most_at_ns);
			constraints[count++] =
				(struct constraint){1 - at, at,
						    (double)window->most_ns - (double)base_ns};
		}
		if (window->has_least) {
			at = part_of(span, window->least_at_ns);
			constraints[count++] =
				(struct constraint){at - 1, -at,
						    (double)base_ns - (double)window->least_ns};
		}
	}
	constraints[count++] = (struct constraint){-1, 1, drift};
	constraints[count++] = (struct constraint){1, -1, drift};
	return count;
}

static bool is_possible(const struct line *line, const struct constraint *constraints,
			unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (constraints[i].a * line->first + constraints[i].b * line->last >
		    constraints[i].most + 1)
			return false;
	return true;
}

static bool cross(struct line *line, const struct constraint *x, const struct constraint *y)
{
	double determinant = x->a * y->b - x->b * y->a;

	if (determinant > -1e-12 && determinant < 1e-12)
		return false;
	line->first = (x->most * y->b - x->b * y->most) / determinant;
	line->last = (x->a * y->most - x->most * y->a) / determinant;
	return true;
}

static void widen(double *least, double *most, double value)
{
	*least = value < *least ? value : *least;
	*most = value > *most ? value : *most;
}

/* All lines that are possible lie between these two at each end. */
struct corridor {
	struct line least, most;
	double least_rise, most_rise; /* from the first time to the last */
};

/* The extremes are where two constraints meet. Returns false if no line is possible: one of the
 * clocks was set meanwhile. */
static bool find_corridor(struct corridor *corridor, const struct constraint *constraints,
			  unsigned count)
{
	bool is_found = false;

	*corridor = (struct corridor){{1e19, 1e19}, {-1e19, -1e19}, 1e19, -1e19};
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++) {
			struct line line;

			if (!cross(&line, &constraints[i], &constraints[j]) ||
			    !is_possible(&line, constraints, count))
				continue;
			is_found = true;
			widen(&corridor->least.first, &corridor->most.first, line.first);
			widen(&corridor->least.last, &corridor->most.last, line.last);
			widen(&corridor->least_rise, &corridor->most_rise, line.last - line.first);
		}
	return is_found;
}

/* Returns the bound of all windows that is the tightest, relative to base_ns. */
static double tightest(const struct window windows[WINDOWS], bool is_most, int64_t base_ns)
{
	double tightest = is_most ? 1e19 : -1e19;

	for (unsigned i = 0; i < WINDOWS; i++) {
		const struct window *window = &windows[i];
		double ns =
			(double)(is_most ? window->most_ns : window->least_ns) - (double)base_ns;

		if (is_most && window->has_most && ns < tightest)
			tightest = ns;
		if (!is_most && window->has_least && ns > tightest)
			tightest = ns;
	}
	return tightest;
}

static double farther(double a, double b)
{
	return a > b ? a : b;
}

/* Returns how far a possible line may be from this one, at most. */
static double find_error(const struct corridor *corridor, double first, double last)
{
	return farther(farther(corridor->most.first - first, first - corridor->least.first),
		       farther(corridor->most.last - last, last - corridor->least.last));
}

struct clock_estimate clock_estimate(const struct clock_bounds *bounds)
{
	struct clock_estimate estimate = {.messages = bounds->most_count + bounds->least_count};
	struct constraint constraints[CONSTRAINTS];
	struct window windows[WINDOWS] = {0};
	struct corridor corridor;
	struct span span = span_of(bounds);
	double most, least, ahead;
	int64_t base_ns;

	if (bounds->most_count == 0 || bounds->least_count == 0)
		return estimate;
	base_ns = bounds->most[0].ahead_ns;
	fill(windows, bounds, &span);
	most = tightest(windows, true, base_ns);
	least = tightest(windows, false, base_ns);
	ahead = (most + least) / 2;
	estimate.is_known = true;
	estimate.at_ns = span.first_ns;
	if (!find_corridor(&corridor, constraints,
			   constrain(constraints, windows, &span, base_ns))) {
		estimate.error_ns = positive((most > least ? most - least : least - most) / 2);
	} else if (most >= least) {
		/* It may be that it does not change. */
		estimate.error_ns = positive(find_error(&corridor, ahead, ahead));
	} else {
		double rise;

		ahead = (corridor.least.first + corridor.most.first) / 2;
		rise = (corridor.least_rise + corridor.most_rise) / 2;
		estimate.has_drift = span.last_ns > span.first_ns;
		estimate.drift = rise / (double)(span.last_ns - span.first_ns + 1);
		estimate.drift_error = ((corridor.most_rise - corridor.least_rise) / 2 + 2) /
				       (double)(span.last_ns - span.first_ns + 1);
		estimate.error_ns = positive(find_error(&corridor, ahead, ahead + rise));
	}
	estimate.ahead_ns = add_clamped(base_ns, ahead);
	return estimate;
}

int64_t clock_ahead_ns(const struct clock_estimate *estimate, uint64_t at_ns)
{
	double since = at_ns > estimate->at_ns ? (double)(at_ns - estimate->at_ns)
					       : -(double)(estimate->at_ns - at_ns);

	return estimate->has_drift ? add_clamped(estimate->ahead_ns, since * estimate->drift)
				   : estimate->ahead_ns;
}

/* Appends seconds with as many digits as the error leaves. */
static void append_seconds(struct strbuf *buf, uint64_t ns, uint64_t error_ns)
{
	unsigned digits = error_ns < 10000 ? 6 : error_ns < 10000000 ? 4 : 1;
	uint64_t unit_ns = 1000000000;

	for (unsigned i = 0; i < digits; i++)
		unit_ns /= 10;
	ns += unit_ns / 2;
	strbuf_unsigned(buf, ns / 1000000000);
	strbuf_char(buf, '.');
	strbuf_padded(buf, ns % 1000000000 / unit_ns, digits);
	strbuf_string(buf, " s");
}

void clock_append(struct strbuf *buf, const struct clock_estimate *estimate)
{
	bool is_behind = estimate->ahead_ns < 0;
	uint64_t ns = is_behind ? -(uint64_t)estimate->ahead_ns : (uint64_t)estimate->ahead_ns;

	strbuf_string(buf, " was ");
	append_seconds(buf, ns, estimate->error_ns);
	strbuf_string(buf, is_behind ? " behind that of " : " ahead of that of ");
}

void clock_append_exactness(struct strbuf *buf, const struct clock_estimate *estimate)
{
	double drift = estimate->drift < 0 ? -estimate->drift : estimate->drift;

	strbuf_string(buf, ", within ");
	strbuf_duration(buf, estimate->error_ns);
	strbuf_string(buf, " (by ");
	strbuf_count(buf, estimate->messages, "message");
	strbuf_char(buf, ')');
	if (estimate->has_drift) {
		strbuf_string(buf, estimate->drift < 0 ? "; it lost " : "; it gained ");
		strbuf_unsigned(buf, (uint64_t)(drift * 1e6 + 0.5));
		strbuf_string(buf, " us per second, within ");
		strbuf_unsigned(buf, positive(estimate->drift_error * 1e6) + 1);
		strbuf_string(buf, " us");
	}
	strbuf_char(buf, '.');
}
