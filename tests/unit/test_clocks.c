#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "diagnose/ends.h"

#define SECOND UINT64_C(1000000000)

/* Two machines exchange messages for a time: a question and an answer at each turn. */
struct exchange {
	uint64_t first_ns, pause_ns; /* by our clock */
	unsigned turns;              /* at most MESSAGES_KEPT twice */
	int64_t ahead_ns;            /* of the other clock, at first_ns */
	double drift;
	uint64_t there_ns, back_ns; /* how long the bytes are on the way, at least */
	bool is_one_way;
};

static uint64_t theirs(const struct exchange *exchange, uint64_t ours_ns)
{
	double since = (double)(ours_ns - exchange->first_ns);

	return ours_ns + (uint64_t)exchange->ahead_ns +
	       (uint64_t)(int64_t)(since * exchange->drift);
}

static uint64_t draw(uint64_t below)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return below == 0 ? 0 : (state >> 33) % below;
}

static void add(struct message_list *list, uint64_t start_ns, uint64_t time_ns)
{
	struct message *to = list->count < MESSAGES_KEPT
				     ? &list->first[list->count]
				     : &list->latest[list->count % MESSAGES_KEPT];

	*to = (struct message){start_ns, time_ns, list->bytes, list->bytes + 10};
	list->bytes += 10;
	list->count++;
}

/* Each way takes at least its time, and up to three times as long. */
static void play(const struct exchange *exchange, struct messages *ours, struct messages *other)
{
	uint64_t now_ns = exchange->first_ns;

	*ours = *other = (struct messages){0};
	for (unsigned i = 0; i < exchange->turns; i++) {
		uint64_t arrives = now_ns + exchange->there_ns + draw(2 * exchange->there_ns);
		uint64_t back = arrives + exchange->back_ns + draw(2 * exchange->back_ns);

		add(&ours->written, now_ns, now_ns + 10);
		add(&other->read, theirs(exchange, now_ns), theirs(exchange, arrives));
		if (!exchange->is_one_way) {
			add(&other->written, theirs(exchange, arrives),
			    theirs(exchange, arrives + 10));
			add(&ours->read, now_ns, back);
		}
		now_ns += exchange->pause_ns;
	}
}

/* What is told is true: the truth is not farther off than error_ns, at both ends of the time. */
static void test_estimate(void **state)
{
	static const struct exchange rows[] = {
		{100 * SECOND, SECOND / 10, 30, 0, 0, 50000, 50000, false},
		{100 * SECOND, SECOND / 10, 30, 3 * (int64_t)SECOND, 0, 50000, 50000, false},
		{100 * SECOND, SECOND / 10, 30, -3 * (int64_t)SECOND, 0, 50000, 50000, false},
		{100 * SECOND, SECOND / 10, 30, 1234567, 0, 20000000, 1000000, false},
		{100 * SECOND, SECOND / 10, 1, 1234567, 0, 50000, 50000, false},
		{100 * SECOND, 10 * SECOND, 30, 5000000, 50e-6, 50000, 50000, false},
		{100 * SECOND, 10 * SECOND, 30, -5000000, -200e-6, 50000, 50000, false},
		/* Too slow to be seen. */
		{100 * SECOND, SECOND / 10, 30, 5000000, 1e-6, 5000000, 5000000, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct exchange *row = &rows[i];
		struct messages ours, other;
		struct clock_bounds bounds = {0};
		struct clock_estimate estimate;
		uint64_t last_ns = row->first_ns + (row->turns - 1) * row->pause_ns;

		play(row, &ours, &other);
		clock_bounds_add(&bounds, &ours, &other);
		estimate = clock_estimate(&bounds);
		clock_bounds_clear(&bounds);
		assert_true(estimate.is_known);
		assert_int_equal(estimate.messages, 2 * row->turns);
		for (unsigned end = 0; end < 2; end++) {
			uint64_t at_ns = end == 0 ? row->first_ns : last_ns;
			int64_t truth = (int64_t)(theirs(row, at_ns) - at_ns);
			int64_t wrong = clock_ahead_ns(&estimate, at_ns) - truth;

			if ((uint64_t)llabs(wrong) > estimate.error_ns + 1000)
				fail_msg("row %zu: %ld ns off, and it says %lu", i, wrong,
					 estimate.error_ns);
		}
		assert_true(estimate.error_ns <= 3 * (row->there_ns + row->back_ns));
		assert_int_equal(estimate.has_drift, fabs(row->drift) > 10e-6);
		if (estimate.has_drift)
			assert_true(fabs(estimate.drift - row->drift) < 5e-6 &&
				    fabs(estimate.drift - row->drift) <=
					    estimate.drift_error + 1e-9);
	}
}

static void test_one_way(void **state)
{
	static const struct exchange row = {.first_ns = SECOND,
					    .pause_ns = SECOND,
					    .turns = 5,
					    .is_one_way = true};
	struct messages ours, other;
	struct clock_bounds bounds = {0};

	(void)state;
	play(&row, &ours, &other);
	clock_bounds_add(&bounds, &ours, &other);
	assert_false(clock_estimate(&bounds).is_known);
	clock_bounds_clear(&bounds);
	assert_false(clock_estimate(&bounds).is_known);
}

/* Times of a damaged recording are any numbers. */
static void test_damaged(void **state)
{
	static const uint64_t times[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(times) * COUNT(times) * COUNT(times); i++) {
		struct messages ours = {0}, other = {0};
		struct clock_bounds bounds = {0};
		struct clock_estimate estimate;

		for (size_t j = 0; j < 3; j++) {
			add(&ours.written, times[i % 5], times[(i + j) % 5]);
			add(&other.read, times[i / 5 % 5], times[(i / 5 + j) % 5]);
			add(&other.written, times[i / 25], times[(i / 25 + j) % 5]);
			add(&ours.read, times[(i + 2 * j) % 5], times[(i / 5 + 2 * j) % 5]);
		}
		clock_bounds_add(&bounds, &ours, &other);
		estimate = clock_estimate(&bounds);
		clock_ahead_ns(&estimate, times[i % 5]);
		unit_begin();
		clock_append(&unit_buf, &estimate);
		clock_append_exactness(&unit_buf, &estimate);
		unit_end();
		clock_bounds_clear(&bounds);
	}
}

static void test_words(void **state)
{
	static const struct {
		struct clock_estimate estimate;
		const char *text;
	} rows[] = {
		{{.is_known = true, .ahead_ns = 2000000000, .error_ns = 100000, .messages = 40},
		 " was 2.0000 s ahead of that of X, within 0.1 ms (by 40 messages)."},
		{{.is_known = true, .ahead_ns = -1234567890, .error_ns = 2000, .messages = 1},
		 " was 1.234568 s behind that of X, within 0.0 ms (by 1 message)."},
		{{.is_known = true,
		  .ahead_ns = 5,
		  .error_ns = 50000000,
		  .messages = 2,
		  .has_drift = true,
		  .drift = -12.4e-6,
		  .drift_error = 2.5e-6},
		 " was 0.0 s ahead of that of X, within 50.0 ms (by 2 messages); it lost 12 us per "
		 "second, within 3 us."},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unit_begin();
		clock_append(&unit_buf, &rows[i].estimate);
		strbuf_char(&unit_buf, 'X');
		clock_append_exactness(&unit_buf, &rows[i].estimate);
		assert_string_equal(unit_end(), rows[i].text);
	}
}

/* --- Pairing. --- */

/* 10.0.0.1, .2 and .3. */
#define AT1(number)                                                           \
	{                                                                     \
		.family = AF_INET, .port = (number), .bytes = { 10, 0, 0, 1 } \
	}
#define AT2(number)                                                           \
	{                                                                     \
		.family = AF_INET, .port = (number), .bytes = { 10, 0, 0, 2 } \
	}
#define AT3(number)                                                           \
	{                                                                     \
		.family = AF_INET, .port = (number), .bytes = { 10, 0, 0, 3 } \
	}

static void test_pair(void **state)
{
	static const struct connection_row rows[] = {
		/* 0 and 1: two ends */
		{.local = AT1(5000), .peer = AT2(80), .first_ns = 10, .seen_ns = 20},
		{.local = AT2(80), .peer = AT1(5000), .first_ns = 11, .seen_ns = 19},
		/* 2: the same addresses later, its other end was not recorded */
		{.local = AT1(5000), .peer = AT2(80), .first_ns = 40, .seen_ns = 50},
		/* 3 and 4: the port is used again */
		{.local = AT2(80), .peer = AT1(5000), .first_ns = 61, .seen_ns = 69},
		{.local = AT1(5000), .peer = AT2(80), .first_ns = 60, .seen_ns = 70},
		/* 5: another port; 6: likewise; 7: itself; 8: not connected */
		{.local = AT2(80), .peer = AT1(5001), .first_ns = 10, .seen_ns = 99},
		{.local = AT1(5002), .peer = AT2(80), .first_ns = 10, .seen_ns = 20},
		{.local = AT3(7), .peer = AT3(7), .first_ns = 10, .seen_ns = 20},
		{.local = AT1(5000), .first_ns = 10, .seen_ns = 20},
	};
	static const size_t partners[COUNT(rows)] = {1,         0,         ENDS_NONE, 4,        3,
						     ENDS_NONE, ENDS_NONE, ENDS_NONE, ENDS_NONE};
	struct end ends[COUNT(rows)];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		ends[i] = (struct end){.row = &rows[i], .boot = "a", .host = ""};
	ends_pair(ends, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(ends[i].partner, partners[i]);
	/* On another machine, clocks may differ by seconds. */
	for (size_t i = 0; i < COUNT(rows); i++)
		ends[i].boot = i % 2 ? "a" : "b";
	ends_pair(ends, 2);
	assert_int_equal(ends[1].partner, 0);
}

/* Connections of one machine that used a port again before the other one accepted. */
static void test_pair_ambiguous(void **state)
{
	static const struct connection_row rows[] = {
		{.local = AT1(5000), .peer = AT2(80), .first_ns = 10, .seen_ns = 20},
		{.local = AT1(5000), .peer = AT2(80), .first_ns = 30, .seen_ns = 60},
		{.local = AT2(80), .peer = AT1(5000), .first_ns = 40, .seen_ns = 50},
		{.local = AT2(80), .peer = AT1(5000), .first_ns = 51, .seen_ns = 60},
	};
	struct end ends[COUNT(rows)];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		ends[i] = (struct end){.row = &rows[i], .boot = "a", .host = ""};
	ends_pair(ends, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(ends[i].partner, ENDS_NONE);
	/* By the clocks of two machines, 2 may be of 0 or of 1. */
	for (size_t i = 0; i < COUNT(rows); i++)
		ends[i].boot = i < 2 ? "a" : "b";
	ends_pair(ends, 3);
	assert_int_equal(ends[2].partner, ENDS_NONE);
}

/* The same end more often than is looked at. */
static void test_pair_many(void **state)
{
	enum { MANY = 1000 };
	static struct connection_row rows[MANY + 1];
	static struct end ends[MANY + 1];

	(void)state;
	for (size_t i = 0; i <= MANY; i++) {
		rows[i] = (struct connection_row){.local = AT1(5000),
						  .peer = AT2(80),
						  .first_ns = i,
						  .seen_ns = MANY};
		ends[i] = (struct end){.row = &rows[i], .boot = "a", .host = ""};
	}
	rows[MANY].local = (struct tcpshim_address)AT2(80);
	rows[MANY].peer = (struct tcpshim_address)AT1(5000);
	ends_pair(ends, MANY + 1);
	for (size_t i = 0; i <= MANY; i++)
		assert_int_equal(ends[i].partner, ENDS_NONE);
}

/* What two machines say to themselves. */
static void test_pair_loopback(void **state)
{
	static const struct tcpshim_address addresses[][2] = {
		{{.family = AF_INET, .port = 5000, .bytes = {127, 0, 0, 1}},
		 {.family = AF_INET, .port = 80, .bytes = {127, 0, 0, 1}}},
		{{.family = AF_INET6, .port = 5000, .bytes = {[15] = 1}},
		 {.family = AF_INET6, .port = 80, .bytes = {[15] = 1}}},
		{{.family = AF_INET6, .port = 5000, .bytes = {[10] = 0xff, 0xff, 127, 0, 0, 1}},
		 {.family = AF_INET6, .port = 80, .bytes = {[10] = 0xff, 0xff, 127, 0, 0, 1}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		const struct tcpshim_address *client = &addresses[i][0], *server = &addresses[i][1];
		const struct connection_row rows[] = {
			{.local = *client, .peer = *server, .first_ns = 10, .seen_ns = 20},
			{.local = *server, .peer = *client, .first_ns = 11, .seen_ns = 19},
		};
		struct end ends[] = {{.row = &rows[0], .boot = "a", .host = ""},
				     {.row = &rows[1], .boot = "b", .host = ""}};

		ends_pair(ends, 2);
		assert_int_equal(ends[0].partner, ENDS_NONE);
		ends[1].boot = "a";
		ends_pair(ends, 2);
		assert_int_equal(ends[0].partner, 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimate),  cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_damaged),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_pair),      cmocka_unit_test(test_pair_ambiguous),
		cmocka_unit_test(test_pair_many), cmocka_unit_test(test_pair_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
