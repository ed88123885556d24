/* What TCPSHIM_REHEARSE takes, and what follows for a connection. */
#include "unit.h"

#include <stdio.h>

#include "settings/rehearsal.h"

#define S(n) (UINT64_C(1000000000) * (n))
#define MS(n) (UINT64_C(1000000) * (n))
#define SCENARIO_IS(name) .is_on = true, .scenario = SCENARIO_##name
#define USUAL_RATE .rate = 16384

static bool is_same(const char *row, const struct rehearsal *got, const struct rehearsal *wanted)
{
	if (got->is_on == wanted->is_on && got->scenario == wanted->scenario &&
	    got->trigger == wanted->trigger && got->means == wanted->means &&
	    got->has_choice == wanted->has_choice && got->number == wanted->number &&
	    got->every == wanted->every && got->share == wanted->share &&
	    got->seed == wanted->seed && got->delay_ns == wanted->delay_ns &&
	    got->length_ns == wanted->length_ns && got->rate == wanted->rate)
		return true;
	print_error("%s: on %d, scenario %u, trigger %u, means %u, choice %d, number %u, every %u, "
		    "share %u, seed %lu, delay %lu, length %lu, rate %lu\n",
		    row, got->is_on, got->scenario, got->trigger, got->means, got->has_choice,
		    got->number, got->every, got->share, got->seed, got->delay_ns, got->length_ns,
		    got->rate);
	return false;
}

static void test_good_values(void **state)
{
	static const struct {
		const char *value;
		struct rehearsal wanted;
	} rows[] = {
		{"off", {0}},
		{"power-off", {SCENARIO_IS(power_off), USUAL_RATE}},
		{"power-cycle", {SCENARIO_IS(power_cycle), USUAL_RATE}},
		{"outage", {SCENARIO_IS(outage), USUAL_RATE, .length_ns = S(10)}},
		{"peer-closes", {SCENARIO_IS(peer_closes), USUAL_RATE}},
		{"half-open", {SCENARIO_IS(half_open), USUAL_RATE}},
		{"unreachable", {SCENARIO_IS(unreachable), USUAL_RATE}},
		{"refused", {SCENARIO_IS(refused), USUAL_RATE}},
		{"slow", {SCENARIO_IS(slow), USUAL_RATE}},
		/* when */
		{"power-off,after=5s",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER,
		  .delay_ns = S(5)}},
		{"power-off,after=5",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER,
		  .delay_ns = S(5)}},
		{"power-off,after=0",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER}},
		{"power-off,after=1.5m",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER,
		  .delay_ns = S(90)}},
		{"power-off,after=250ms",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER,
		  .delay_ns = MS(250)}},
		{"power-off,after=18446744073s", /* the longest in whole seconds */
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_AFTER,
		  .delay_ns = S(18446744073)}},
		{"power-off,idle=10s",
		 {SCENARIO_IS(power_off), USUAL_RATE, .trigger = REHEARSAL_IDLE,
		  .delay_ns = S(10)}},
		{"half-open,at=write:3",
		 {SCENARIO_IS(half_open), USUAL_RATE, .trigger = REHEARSAL_AT_WRITE, .number = 3}},
		{"half-open,at=read:1",
		 {SCENARIO_IS(half_open), USUAL_RATE, .trigger = REHEARSAL_AT_READ, .number = 1}},
		{"half-open,at=accept:10",
		 {SCENARIO_IS(half_open), USUAL_RATE, .trigger = REHEARSAL_AT_ACCEPT,
		  .number = 10}},
		{"refused,at=connect:1000000",
		 {SCENARIO_IS(refused), USUAL_RATE, .trigger = REHEARSAL_AT_CONNECT,
		  .number = 1000000}},
		/* how long */
		{"outage,for=200ms", {SCENARIO_IS(outage), USUAL_RATE, .length_ns = MS(200)}},
		{"power-off,for=1h", {SCENARIO_IS(power_off), USUAL_RATE, .length_ns = S(3600)}},
		{"power-off,for=0.000000001", {SCENARIO_IS(power_off), USUAL_RATE, .length_ns = 1}},
		/* which */
		{"slow,every=1", {SCENARIO_IS(slow), USUAL_RATE, .has_choice = true, .every = 1}},
		{"slow,every=1000000",
		 {SCENARIO_IS(slow), USUAL_RATE, .has_choice = true, .every = 1000000}},
		{"slow,share=1%", {SCENARIO_IS(slow), USUAL_RATE, .has_choice = true, .share = 1}},
		{"slow,share=100%,seed=18446744073709551615",
		 {SCENARIO_IS(slow), USUAL_RATE, .has_choice = true, .share = 100,
		  .seed = UINT64_MAX}},
		{"slow,seed=0,share=7%",
		 {SCENARIO_IS(slow), USUAL_RATE, .has_choice = true, .share = 7}},
		/* how */
		{"slow,rate=1", {SCENARIO_IS(slow), .rate = 1}},
		{"slow,rate=1M", {SCENARIO_IS(slow), .rate = 1 << 20}},
		{"slow,rate=4294967294", {SCENARIO_IS(slow), .rate = UINT32_MAX - 1}},
		{"power-off,by=md5",
		 {SCENARIO_IS(power_off), USUAL_RATE, .means = REHEARSAL_BY_MD5}},
		{"power-off,by=deaf",
		 {SCENARIO_IS(power_off), USUAL_RATE, .means = REHEARSAL_BY_DEAF}},
		/* all, in any order */
		{"slow,rate=2K,seed=5,for=3s,at=accept:2,share=50%",
		 {SCENARIO_IS(slow), .trigger = REHEARSAL_AT_ACCEPT, .number = 2,
		  .has_choice = true, .share = 50, .seed = 5, .length_ns = S(3), .rate = 2048}},
		{"outage,by=deaf,every=4,idle=1s,for=2s",
		 {SCENARIO_IS(outage), USUAL_RATE, .trigger = REHEARSAL_IDLE, .delay_ns = S(1),
		  .means = REHEARSAL_BY_DEAF, .has_choice = true, .every = 4, .length_ns = S(2)}},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		/* What was read before leaves nothing behind. */
		struct rehearsal rehearsal = {.is_on = true,
					      .scenario = SCENARIO_refused,
					      .trigger = REHEARSAL_AT_CONNECT,
					      .means = REHEARSAL_BY_DEAF,
					      .has_choice = true,
					      .number = 9,
					      .every = 9,
					      .share = 9,
					      .seed = 9,
					      .delay_ns = 9,
					      .length_ns = 9,
					      .rate = 9};

		if (!rehearsal_read(&rehearsal, rows[i].value)) {
			print_error("\"%s\" is refused\n", rows[i].value);
			is_right = false;
		}
		is_right &= is_same(rows[i].value, &rehearsal, &rows[i].wanted);
	}
	assert_true(is_right);
}

/* A bad value changes nothing, whatever was set before. */
static void test_bad_values(void **state)
{
	static const char *const values[] = {
		"",
		",",
		"on",
		"yes",
		"1",
		"Off",
		"off,",
		"off,after=1s",
		"poweroff",
		"power_off",
		"Power-off",
		"power-off ",
		" power-off",
		"power-off,",
		"power-off,,after=1s",
		",power-off",
		"power-off;after=1s",
		"power-off,off",
		"power-off,outage",
		"power-off,half-open",
		"after=1s",
		"after=1s,power-off",
		/* keys */
		"power-off,after",
		"power-off,after=",
		"power-off,=1s",
		"power-off,After=1s",
		"power-off,afte=1s",
		"power-off,after =1s",
		"power-off,after= 1s",
		"power-off,after==1s",
		"power-off,delay=1s",
		"power-off,limit=1s",
		/* durations */
		"power-off,after=soon",
		"power-off,after=-1s",
		"power-off,after=+1s",
		"power-off,after=1s ",
		"power-off,after=1S",
		"power-off,after=1sec",
		"power-off,after=1d",
		"power-off,after=s",
		"power-off,after=18446744074s",
		"power-off,after=18446744073710ms",
		"power-off,after=307445735m",
		"power-off,after=5124096h",
		"power-off,after=18446744073709551616",
		"power-off,after=99999999999999999999999999999999",
		"power-off,idle=18446744074s",
		"power-off,for=18446744074s",
		"power-off,idle=",
		"power-off,idle=never",
		"power-off,for=",
		"power-off,for=0",
		"power-off,for=0ms",
		"power-off,for=0.0000000001",
		"outage,for=0s",
		"outage,for=ever",
		/* places */
		"power-off,at=write",
		"power-off,at=write:",
		"power-off,at=:1",
		"power-off,at=:",
		"power-off,at=",
		"power-off,at=3",
		"power-off,at=write:0",
		"power-off,at=write:-1",
		"power-off,at=write:1s",
		"power-off,at=write:1:2",
		"power-off,at=write=1",
		"power-off,at=write:1000001",
		"power-off,at=write:4294967297",
		"power-off,at=write:18446744073709551617",
		"power-off,at=Write:1",
		"power-off,at=send:1",
		"power-off,at=close:1",
		"power-off,at=%write:1",
		/* choices */
		"power-off,every=",
		"power-off,every=0",
		"power-off,every=-1",
		"power-off,every=1000001",
		"power-off,every=4294967297",
		"power-off,every=10%",
		"power-off,every=1.5",
		"power-off,share=",
		"power-off,share=%",
		"power-off,share=10",
		"power-off,share=0%",
		"power-off,share=101%",
		"power-off,share=266%",
		"power-off,share=4294967297%",
		"power-off,share=10%%",
		"power-off,share=1.5%",
		"power-off,share=-1%",
		"power-off,seed=1",
		"power-off,seed=1,every=2",
		"power-off,share=10%,seed=",
		"power-off,share=10%,seed=-1",
		"power-off,share=10%,seed=x",
		"power-off,share=10%,seed=18446744073709551616",
		/* the rest */
		"slow,rate=",
		"slow,rate=0",
		"slow,rate=0K",
		"slow,rate=-1",
		"slow,rate=4294967295", /* the kernel's word for no limit */
		"slow,rate=4G",
		"slow,rate=18014398509481984K",
		"slow,rate=16KB",
		"slow,rate=16k/s",
		"power-off,by=",
		"power-off,by=any",
		"power-off,by=MD5",
		"power-off,by=md5,deaf",
		"power-off,by=ttl",
		/* given twice */
		"power-off,after=1s,after=1s",
		"power-off,idle=1s,idle=2s",
		"power-off,at=write:1,at=write:1",
		"power-off,for=1s,for=1s",
		"power-off,every=2,every=2",
		"power-off,share=1%,share=1%",
		"power-off,share=1%,seed=1,seed=1",
		"slow,rate=1,rate=1",
		"power-off,by=md5,by=md5",
		/* against each other */
		"power-off,after=1s,idle=1s",
		"power-off,after=1s,at=write:1",
		"power-off,idle=1s,at=read:1",
		"power-off,at=accept:1,at=connect:1",
		"power-off,every=2,share=50%",
		"power-off,share=50%,every=2",
		"power-off,after=1s\n",
		"power-off\x1b",
		"\xff\xfe",
	};
	static const struct rehearsal befores[] = {
		{0},
		{.is_on = true,
		 .scenario = SCENARIO_slow,
		 .trigger = REHEARSAL_IDLE,
		 .means = REHEARSAL_BY_MD5,
		 .has_choice = true,
		 .number = 9,
		 .every = 9,
		 .share = 9,
		 .seed = 9,
		 .delay_ns = 9,
		 .length_ns = 9,
		 .rate = 9},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		for (size_t j = 0; j < COUNT(befores); j++) {
			struct rehearsal rehearsal = befores[j];

			if (rehearsal_read(&rehearsal, values[i])) {
				print_error("\"%s\" is read\n", values[i]);
				is_right = false;
			}
			is_right &= is_same(values[i], &rehearsal, &befores[j]);
		}
	}
	assert_true(is_right);
}

/* Each setting with each scenario: "+" it fits, "-" it does not. */
static void test_fits(void **state)
{
	static const char *const words[] = {"power-off", "power-cycle", "outage",  "peer-closes",
					    "half-open", "unreachable", "refused", "slow"};
	static const struct {
		const char *setting, *fits;
	} rows[] = {
		{"after=1s", "++++++++"},    {"idle=1s", "+++++--+"},
		{"at=write:1", "+++++--+"},  {"at=read:1", "+++++--+"},
		{"at=accept:1", "+++++--+"}, {"at=connect:1", "++++++++"},
		{"for=1s", "+-+--+++"},      {"every=2", "++++++++"},
		{"share=50%", "++++++++"},   {"share=50%,seed=1", "++++++++"},
		{"rate=1K", "-------+"},     {"by=md5", "+++-++--"},
		{"by=deaf", "+++-++--"},
	};
	bool is_right = true;

	(void)state;
	assert_int_equal(COUNT(words), SCENARIO_COUNT);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(strlen(rows[i].fits), COUNT(words));
		for (size_t j = 0; j < COUNT(words); j++) {
			struct rehearsal rehearsal = {0};
			char value[64];

			snprintf(value, sizeof(value), "%s,%s", words[j], rows[i].setting);
			if (rehearsal_read(&rehearsal, value) == (rows[i].fits[j] == '+'))
				continue;
			print_error("%s: %s\n", value,
				    rows[i].fits[j] == '+' ? "refused" : "not refused");
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* Each scenario has a word of its own, and a sentence. */
static void test_scenarios(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
		const struct scenario_row *row = &scenario_rows[i];

		assert_in_range(strlen(row->word), 3, 20);
		assert_null(strpbrk(row->word, ",=: "));
		assert_int_equal(row->meaning[strlen(row->meaning) - 1], '.');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(row->word, scenario_rows[j].word);
	}
}

/* --- Decisions. --- */

static struct rehearsal read_good(const char *value)
{
	struct rehearsal rehearsal = {0};

	if (!rehearsal_read(&rehearsal, value))
		fail_msg("\"%s\" is refused", value);
	return rehearsal;
}

#define CLIENT(all, of_made, failed)                                                    \
	{                                                                               \
		.role = ROLE_CLIENT, .number = (all), .made = (of_made), .accepted = 3, \
		.is_peer_failed = (failed)                                              \
	}
#define SERVER(all, of_accepted, failed)                                                    \
	{                                                                                   \
		.role = ROLE_SERVER, .number = (all), .accepted = (of_accepted), .made = 3, \
		.is_peer_failed = (failed)                                                  \
	}

static void test_chooses(void **state)
{
	static const struct {
		const char *value;
		struct rehearsal_candidate candidate;
		bool is_chosen;
	} rows[] = {
		/* all to a peer that works, none to one that has failed */
		{"power-off", CLIENT(1, 1, false), true},
		{"power-off", CLIENT(77, 50, false), true},
		{"power-off", SERVER(1, 1, false), true},
		{"power-off", CLIENT(2, 2, true), false},
		{"power-off", SERVER(2, 2, true), false},
		{"power-off,after=5s", CLIENT(2, 2, true), false},
		{"half-open,at=write:3", CLIENT(2, 2, false), true},
		{"half-open,at=write:3", CLIENT(2, 2, true), false},
		/* the last of every few, whether the peer has failed or not */
		{"power-off,every=1", CLIENT(1, 1, true), true},
		{"power-off,every=3", CLIENT(1, 1, false), false},
		{"power-off,every=3", CLIENT(2, 2, false), false},
		{"power-off,every=3", CLIENT(3, 1, false), true},
		{"power-off,every=3", SERVER(3, 1, false), true},
		{"power-off,every=3", CLIENT(4, 3, false), false},
		{"power-off,every=3", CLIENT(6, 6, true), true},
		{"unreachable,every=2", CLIENT(1, 1, false), false},
		{"unreachable,every=2", CLIENT(2, 2, false), true},
		/* all, by chance */
		{"power-off,share=100%", CLIENT(5, 5, true), true},
		/* the nth of one kind */
		{"power-off,at=accept:3", SERVER(5, 3, false), true},
		{"power-off,at=accept:3", SERVER(3, 2, false), false},
		{"power-off,at=accept:3", SERVER(5, 4, false), false},
		{"power-off,at=accept:3", CLIENT(3, 3, false), false},
		{"power-off,at=connect:3", CLIENT(5, 3, false), true},
		{"power-off,at=connect:3", CLIENT(3, 2, false), false},
		{"power-off,at=connect:3", CLIENT(5, 4, false), false},
		{"power-off,at=connect:3", SERVER(3, 3, false), false},
		{"refused,at=connect:1", CLIENT(9, 1, false), true},
		/* both have to hold */
		{"power-off,at=accept:3,every=2", SERVER(5, 3, false), false},
		{"power-off,at=accept:3,every=2", SERVER(6, 3, false), true},
		{"power-off,at=accept:3,every=2", SERVER(6, 4, false), false},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rehearsal rehearsal = read_good(rows[i].value);

		if (rehearsal_chooses(&rehearsal, &rows[i].candidate) == rows[i].is_chosen)
			continue;
		print_error("%s (row %zu): %s\n", rows[i].value, i,
			    rows[i].is_chosen ? "not chosen" : "chosen");
		is_right = false;
	}
	assert_true(is_right);
}

enum { MANY = 10000 };

/* Chooses among many connections. Returns how many were chosen, and in how many of them the choice
 * differs from the one in before, which is then replaced. */
static unsigned choose_many(const char *value, bool before[MANY], unsigned *differing)
{
	const struct rehearsal rehearsal = read_good(value);
	unsigned count = 0;

	*differing = 0;
	for (uint32_t i = 0; i < MANY; i++) {
		const struct rehearsal_candidate candidate = CLIENT(i + 1, i + 1, i > 0);
		bool is_chosen = rehearsal_chooses(&rehearsal, &candidate);

		count += is_chosen;
		*differing += is_chosen != before[i];
		before[i] = is_chosen;
	}
	return count;
}

/* The share is about right for any seed, the same seed makes the same choice, and another one
 * another. */
static void test_share(void **state)
{
	static const struct {
		unsigned percent, least, most;
	} rows[] = {
		{1, 60, 140},     {10, 880, 1120},  {50, 4800, 5200},
		{90, 8880, 9120}, {99, 9860, 9940}, {100, MANY, MANY},
	};
	static const char *const seeds[] = {"",
					    ",seed=1",
					    ",seed=2",
					    ",seed=3",
					    ",seed=1000000",
					    ",seed=18446744073709551615"};
	static bool chosen[MANY];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < COUNT(seeds); j++) {
			unsigned differing, rest = rows[i].percent * (100 - rows[i].percent);
			char value[64];

			snprintf(value, sizeof(value), "power-off,share=%u%%%s", rows[i].percent,
				 seeds[j]);
			assert_in_range(choose_many(value, chosen, &differing), rows[i].least,
					rows[i].most);
			/* Two choices that know nothing of each other differ in 2 p (1 - p). */
			if (j > 0)
				assert_in_range(differing, 2 * rest * 7 / 10, 2 * rest * 13 / 10);
			choose_many(value, chosen, &differing);
			assert_int_equal(differing, 0);
		}
	}
}

static void test_due(void **state)
{
	static const struct {
		const char *value;
		uint64_t opened_ns, active_ns, due_ns;
	} rows[] = {
		{"power-off", S(3), S(4), S(3)},
		{"power-off,after=0", S(3), S(4), S(3)},
		{"power-off,after=5s", S(3), S(4), S(8)},
		{"power-off,after=1ms", 0, 0, MS(1)},
		{"power-off,idle=5s", S(3), S(4), S(9)},
		{"power-off,idle=0", S(3), S(4), S(4)},
		{"power-off,at=accept:2", S(3), S(4), S(3)},
		{"power-off,at=connect:2", S(3), S(4), S(3)},
		{"power-off,at=write:1", S(3), S(4), UINT64_MAX},
		{"power-off,at=read:1", S(3), S(4), UINT64_MAX},
		/* what is later than all times is never */
		{"power-off,after=18446744073s", S(3), S(4), UINT64_MAX},
		{"power-off,idle=18446744073s", S(3), S(4), UINT64_MAX},
		{"power-off,after=18446744073s", MS(709), 0, S(18446744073) + MS(709)},
		{"power-off,after=1s", UINT64_MAX - S(1), 0, UINT64_MAX},
		{"power-off,after=1s", UINT64_MAX - S(1) - 1, 0, UINT64_MAX - 1},
		{"power-off,after=1s", UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rehearsal rehearsal = read_good(rows[i].value);
		uint64_t due_ns =
			rehearsal_due_ns(&rehearsal, rows[i].opened_ns, rows[i].active_ns);

		if (due_ns == rows[i].due_ns)
			continue;
		print_error("%s (row %zu): %lu\n", rows[i].value, i, due_ns);
		is_right = false;
	}
	assert_true(is_right);
}

static void test_due_at(void **state)
{
	static const struct {
		const char *value;
		bool is_write;
		uint32_t calls_before;
		bool is_due;
	} rows[] = {
		{"power-off,at=write:1", true, 0, true},
		{"power-off,at=write:1", false, 0, false},
		{"power-off,at=write:3", true, 0, false},
		{"power-off,at=write:3", true, 1, false},
		{"power-off,at=write:3", true, 2, true},
		{"power-off,at=write:3", true, 3, true}, /* one that was missed */
		{"power-off,at=write:3", false, 2, false},
		{"power-off,at=read:2", false, 0, false},
		{"power-off,at=read:2", false, 1, true},
		{"power-off,at=read:2", true, 1, false},
		{"power-off,at=accept:1", true, 5, false},
		{"power-off,at=connect:1", false, 5, false},
		{"power-off,after=1s", true, 5, false},
		{"power-off,idle=1s", false, 5, false},
		{"power-off", true, 5, false},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rehearsal rehearsal = read_good(rows[i].value);

		if (rehearsal_is_due_at(&rehearsal, rows[i].is_write, rows[i].calls_before) ==
		    rows[i].is_due)
			continue;
		print_error("%s (row %zu): %s\n", rows[i].value, i,
			    rows[i].is_due ? "not due" : "due");
		is_right = false;
	}
	assert_true(is_right);
}

static void test_is_time(void **state)
{
	static const struct {
		const char *value;
		uint64_t base_ns, now_ns;
		bool is_time;
	} rows[] = {
		{"unreachable", S(100), S(100), true},
		{"unreachable", S(100), S(9999), true},
		{"unreachable", S(100), S(100) - 1, false},
		{"unreachable,after=5s", S(100), S(105) - 1, false},
		{"unreachable,after=5s", S(100), S(105), true},
		{"unreachable,after=5s", S(100), S(9999), true},
		{"unreachable,for=5s", S(100), S(100), true},
		{"unreachable,for=5s", S(100), S(105) - 1, true},
		{"unreachable,for=5s", S(100), S(105), false},
		{"unreachable,after=5s,for=2s", S(100), S(104), false},
		{"unreachable,after=5s,for=2s", S(100), S(105), true},
		{"unreachable,after=5s,for=2s", S(100), S(107) - 1, true},
		{"unreachable,after=5s,for=2s", S(100), S(107), false},
		{"refused,at=connect:2", S(100), S(100), true},
		{"refused,at=connect:2,for=2s", S(100), S(102), false},
		{"refused,after=18446744073s", S(100), UINT64_MAX - 1, false},
		{"refused,for=18446744073s", S(100), UINT64_MAX - 1, true},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rehearsal rehearsal = read_good(rows[i].value);

		if (rehearsal_is_time(&rehearsal, rows[i].base_ns, rows[i].now_ns) ==
		    rows[i].is_time)
			continue;
		print_error("%s (row %zu): %s\n", rows[i].value, i,
			    rows[i].is_time ? "not the time" : "the time");
		is_right = false;
	}
	assert_true(is_right);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_values), cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_fits),        cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_chooses),     cmocka_unit_test(test_share),
		cmocka_unit_test(test_due),         cmocka_unit_test(test_due_at),
		cmocka_unit_test(test_is_time),
	};

	return cmocka_run_group_tests_name("rehearsal", tests, NULL, NULL);
}
