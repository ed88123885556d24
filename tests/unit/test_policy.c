#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "settings/policy.h"

static bool is_same(const char *row, const struct policy *got, const struct policy *wanted)
{
	if (got->has_keepalive == wanted->has_keepalive &&
	    got->has_user_timeout == wanted->has_user_timeout &&
	    got->is_forced == wanted->is_forced &&
	    got->is_user_timeout_auto == wanted->is_user_timeout_auto &&
	    got->on_eof == wanted->on_eof && got->count == wanted->count &&
	    got->jitter_percent == wanted->jitter_percent && got->idle_s == wanted->idle_s &&
	    got->interval_s == wanted->interval_s &&
	    got->user_timeout_ms == wanted->user_timeout_ms)
		return true;
	print_error("%s: keepalive %d, %u s, %u s, %u, jitter %u; timeout %d, auto %d, %u ms; "
		    "eof %u; forced %d\n",
		    row, got->has_keepalive, got->idle_s, got->interval_s, got->count,
		    got->jitter_percent, got->has_user_timeout, got->is_user_timeout_auto,
		    got->user_timeout_ms, got->on_eof, got->is_forced);
	return false;
}

typedef bool read_function(struct policy *policy, const char *value);

#define KEEPALIVE(idle, interval, probes, percent)                                 \
	{                                                                          \
		.has_keepalive = true, .idle_s = (idle), .interval_s = (interval), \
		.count = (probes), .jitter_percent = (percent)                     \
	}
#define TIMEOUT(ms)                                               \
	{                                                         \
		.has_user_timeout = true, .user_timeout_ms = (ms) \
	}

static void test_good_values(void **state)
{
	static const struct {
		read_function *read;
		const char *value;
		struct policy wanted;
	} rows[] = {
		{policy_read_keepalive, "on", KEEPALIVE(30, 10, 3, 0)},
		{policy_read_keepalive, "off", {0}},
		{policy_read_keepalive, "30", KEEPALIVE(30, 10, 3, 0)},
		{policy_read_keepalive, "45", KEEPALIVE(45, 10, 3, 0)},
		{policy_read_keepalive, "45s", KEEPALIVE(45, 10, 3, 0)},
		{policy_read_keepalive, "45s,7s", KEEPALIVE(45, 7, 3, 0)},
		{policy_read_keepalive, "45s,7s,5", KEEPALIVE(45, 7, 5, 0)},
		{policy_read_keepalive, "45,7,5", KEEPALIVE(45, 7, 5, 0)},
		{policy_read_keepalive, "30s,10s,3", KEEPALIVE(30, 10, 3, 0)},
		{policy_read_keepalive, "1m,1m,1", KEEPALIVE(60, 60, 1, 0)},
		{policy_read_keepalive, "2h", KEEPALIVE(7200, 10, 3, 0)},
		{policy_read_keepalive, "9h,9h", KEEPALIVE(32400, 32400, 3, 0)},
		{policy_read_keepalive, "5000ms,2000ms", KEEPALIVE(5, 2, 3, 0)},
		{policy_read_keepalive, "1,1,1", KEEPALIVE(1, 1, 1, 0)},
		{policy_read_keepalive, "1000ms", KEEPALIVE(1, 10, 3, 0)},
		{policy_read_keepalive, "32767s,32767,127", KEEPALIVE(32767, 32767, 127, 0)},
		{policy_read_keepalive, "32767000ms", KEEPALIVE(32767, 10, 3, 0)},
		{policy_read_keepalive, "546m", KEEPALIVE(32760, 10, 3, 0)},
		{policy_read_keepalive, "007,010,003", KEEPALIVE(7, 10, 3, 0)},
		{policy_read_keepalive, "on,jitter=10%", KEEPALIVE(30, 10, 3, 10)},
		{policy_read_keepalive, "60s,jitter=0%", KEEPALIVE(60, 10, 3, 0)},
		{policy_read_keepalive, "60s,jitter=1%", KEEPALIVE(60, 10, 3, 1)},
		{policy_read_keepalive, "60s,20s,jitter=90%", KEEPALIVE(60, 20, 3, 90)},
		{policy_read_keepalive, "60s,20s,4,jitter=25%", KEEPALIVE(60, 20, 4, 25)},
		{policy_read_user_timeout, "1ms", TIMEOUT(1)},
		{policy_read_user_timeout, "999ms", TIMEOUT(999)},
		{policy_read_user_timeout, "1", TIMEOUT(1000)},
		{policy_read_user_timeout, "60s", TIMEOUT(60000)},
		{policy_read_user_timeout, "1.5s", TIMEOUT(1500)},
		{policy_read_user_timeout, "0.25m", TIMEOUT(15000)},
		{policy_read_user_timeout, "5m", TIMEOUT(300000)},
		{policy_read_user_timeout, "596h", TIMEOUT(2145600000)},
		{policy_read_user_timeout, "2147483s", TIMEOUT(2147483000)},
		{policy_read_user_timeout, "2147483647ms", TIMEOUT(INT32_MAX)},
		{policy_read_user_timeout,
		 "auto",
		 {.has_user_timeout = true, .is_user_timeout_auto = true}},
		{policy_read_user_timeout, "off", {0}},
		{policy_read_on_eof, "off", {0}},
		{policy_read_on_eof, "fin", {.on_eof = POLICY_EOF_FIN}},
		{policy_read_on_eof, "rst", {.on_eof = POLICY_EOF_RST}},
		{policy_read_forced, "on", {.is_forced = true}},
		{policy_read_forced, "off", {0}},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy policy = {0};

		if (!rows[i].read(&policy, rows[i].value)) {
			print_error("\"%s\" is refused\n", rows[i].value);
			is_right = false;
		}
		is_right &= is_same(rows[i].value, &policy, &rows[i].wanted);
	}
	assert_true(is_right);
}

/* A bad value changes nothing, whatever was set before. */
static void test_bad_values(void **state)
{
	static const struct {
		read_function *read;
		const char *value;
	} rows[] = {
		{policy_read_keepalive, ""},
		{policy_read_keepalive, "yes"},
		{policy_read_keepalive, "ON"},
		{policy_read_keepalive, "on "},
		{policy_read_keepalive, "0"},
		{policy_read_keepalive, "0s"},
		{policy_read_keepalive, "0ms"},
		{policy_read_keepalive, "999ms"},
		{policy_read_keepalive, "1001ms"},
		{policy_read_keepalive, "1500ms"},
		{policy_read_keepalive, "32768"},
		{policy_read_keepalive, "32767001ms"},
		{policy_read_keepalive, "547m"},
		{policy_read_keepalive, "10h"},
		{policy_read_keepalive, "18446744073709551616"},
		{policy_read_keepalive, "18446744073709552s"},
		{policy_read_keepalive, "-30"},
		{policy_read_keepalive, "30s,0"},
		{policy_read_keepalive, "30s,32768s"},
		{policy_read_keepalive, "30s,10s,0"},
		{policy_read_keepalive, "30s,10s,128"},
		{policy_read_keepalive, "30s,10s,256"},
		{policy_read_keepalive, "30s,10s,259"},
		{policy_read_keepalive, "30s,10s,3s"},
		{policy_read_keepalive, "30s,10s,-3"},
		{policy_read_keepalive, "30s,10s,3,4"},
		{policy_read_keepalive, "30s,"},
		{policy_read_keepalive, ",10s"},
		{policy_read_keepalive, "30s,,3"},
		{policy_read_keepalive, "30s,10s,3,"},
		{policy_read_keepalive, "30s;10s;3"},
		{policy_read_keepalive, "30s, 10s"},
		{policy_read_keepalive, "on,10s"},
		{policy_read_keepalive, "on,on"},
		{policy_read_keepalive, "on,off"},
		{policy_read_keepalive, "30s,on"},
		{policy_read_keepalive, "off,10s"},
		{policy_read_keepalive, "off,off"},
		{policy_read_keepalive, "off,jitter=10%"},
		{policy_read_keepalive, "jitter=10%"},
		{policy_read_keepalive, "jitter=10%,30s"},
		{policy_read_keepalive, "30s,jitter=10%,10s"},
		{policy_read_keepalive, "30s,jitter=10%,jitter=10%"},
		{policy_read_keepalive, "30s,jitter=10"},
		{policy_read_keepalive, "30s,jitter=%"},
		{policy_read_keepalive, "30s,jitter="},
		{policy_read_keepalive, "30s,jitter"},
		{policy_read_keepalive, "30s,jitter=91%"},
		{policy_read_keepalive, "30s,jitter=100%"},
		{policy_read_keepalive, "30s,jitter=266%"},
		{policy_read_keepalive, "30s,jitter=-1%"},
		{policy_read_keepalive, "30s,jitter=10%%"},
		{policy_read_keepalive, "30s,jitter=1.5%"},
		{policy_read_keepalive, "30s,Jitter=10%"},
		{policy_read_keepalive, "30s,gitter=10%"},
		{policy_read_keepalive, "30s,=10%"},
		{policy_read_keepalive, "idle=30s"},
		{policy_read_user_timeout, ""},
		{policy_read_user_timeout, "0"},
		{policy_read_user_timeout, "0ms"},
		{policy_read_user_timeout, "0h"},
		{policy_read_user_timeout, "2147483648ms"},
		{policy_read_user_timeout, "2147484s"},
		{policy_read_user_timeout, "597h"},
		{policy_read_user_timeout, "4294967296ms"},
		{policy_read_user_timeout, "4294967297ms"},
		{policy_read_user_timeout, "18446744073709551617ms"},
		{policy_read_user_timeout, "on"},
		{policy_read_user_timeout, "Auto"},
		{policy_read_user_timeout, "auto,"},
		{policy_read_user_timeout, "60s,10s"},
		{policy_read_user_timeout, "60 s"},
		{policy_read_user_timeout, "-1"},
		{policy_read_user_timeout, "0.5ms"},
		{policy_read_on_eof, ""},
		{policy_read_on_eof, "on"},
		{policy_read_on_eof, "FIN"},
		{policy_read_on_eof, "fin "},
		{policy_read_on_eof, "fin,rst"},
		{policy_read_on_eof, "reset"},
		{policy_read_on_eof, "1"},
		{policy_read_forced, ""},
		{policy_read_forced, "yes"},
		{policy_read_forced, "On"},
		{policy_read_forced, "1"},
		{policy_read_forced, "on,off"},
	};
	static const struct policy befores[] = {
		{0},
		{.has_user_timeout = true,
		 .is_user_timeout_auto = true,
		 .on_eof = POLICY_EOF_RST,
		 .count = 9,
		 .jitter_percent = 9,
		 .idle_s = 9,
		 .interval_s = 9,
		 .user_timeout_ms = 9},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < COUNT(befores); j++) {
			struct policy policy = befores[j];

			if (rows[i].read(&policy, rows[i].value)) {
				print_error("\"%s\" is read\n", rows[i].value);
				is_right = false;
			}
			is_right &= is_same(rows[i].value, &policy, &befores[j]);
		}
	}
	assert_true(is_right);
}

/* The last of several values counts, and no variable changes what another sets. */
static void test_read_again(void **state)
{
	static const struct policy wanted = {
		.has_keepalive = true,
		.is_forced = true,
		.has_user_timeout = true,
		.on_eof = POLICY_EOF_FIN,
		.idle_s = 60,
		.interval_s = 10,
		.count = 3,
		.user_timeout_ms = 5000,
	};
	struct policy policy = {0};

	(void)state;
	assert_true(policy_read_keepalive(&policy, "5s,2s,9,jitter=50%"));
	assert_true(policy_read_user_timeout(&policy, "auto"));
	assert_true(policy_read_on_eof(&policy, "rst"));
	assert_true(policy_read_forced(&policy, "on"));
	assert_true(policy_read_keepalive(&policy, "60s"));
	assert_true(policy_read_user_timeout(&policy, "5s"));
	assert_true(policy_read_on_eof(&policy, "fin"));
	assert_true(is_same("all", &policy, &wanted));
	assert_true(policy_read_keepalive(&policy, "off"));
	assert_true(policy_read_user_timeout(&policy, "off"));
	assert_true(policy_read_on_eof(&policy, "off"));
	assert_true(policy_read_forced(&policy, "off"));
	assert_false(policy_is_any(&policy));
	assert_false(policy.is_forced);
}

static void test_is_any(void **state)
{
	static const struct {
		struct policy policy;
		bool is_any;
	} rows[] = {
		{{0}, false},
		{{.is_forced = true}, false},
		{{.has_keepalive = true}, true},
		{{.has_user_timeout = true}, true},
		{{.on_eof = POLICY_EOF_FIN}, true},
		{{.on_eof = POLICY_EOF_RST}, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(policy_is_any(&rows[i].policy), rows[i].is_any);
}

/* --- How long an idle connection to a dead peer lasts. --- */

static void test_idle_end(void **state)
{
	static const struct {
		uint64_t idle_ms, interval_ms, count, user_timeout_ms, end_ms;
	} rows[] = {
		/* without a user timeout the count decides */
		{2000, 1000, 3, 0, 5000},
		{1000, 1000, 1, 0, 2000},
		{1000, 4000, 3, 0, 13000},
		{30000, 10000, 3, 0, 60000},
		/* with one the count is ignored */
		{1000, 4000, 3, 2000, 5000},
		{1000, 1000, 2, 8000, 8000},
		{1000, 1000, 3, 4000, 4000},
		{1000, 1000, 9, 4000, 4000},
		/* it ends at the first probe that finds the timeout over */
		{1000, 1000, 3, 1, 2000},
		{1000, 1000, 3, 1000, 2000},
		{1000, 1000, 3, 2000, 2000},
		{1000, 1000, 3, 2001, 3000},
		{1000, 1000, 3, 3000, 3000},
		{1000, 1000, 3, 3001, 4000},
		{30000, 10000, 3, 50000, 50000},
		{30000, 10000, 3, 50001, 60000},
		{30000, 10000, 3, 60000, 60000},
		{30000, 10000, 3, 60001, 70000},
		{30000, 10000, 3, 5000, 40000},
		{1000, 7000, 3, 20000, 22000},
		/* the limits */
		{32767000, 32767000, 127, 0, UINT64_C(4194176000)},
		{32767000, 32767000, 127, INT32_MAX, UINT64_C(2162622000)},
		{1000, 1000, 1, INT32_MAX, UINT64_C(2147484000)},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t end_ms = policy_idle_end_ms(rows[i].idle_ms, rows[i].interval_ms,
						     rows[i].count, rows[i].user_timeout_ms);

		if (end_ms == rows[i].end_ms)
			continue;
		print_error("row %zu: %llu ms\n", i, (unsigned long long)end_ms);
		is_right = false;
	}
	assert_true(is_right);
}

/* Runs the kernel's timer step by step (tcp_keepalive_timer, net/ipv4/tcp_timer.c): it goes off
 * after idle, then every interval. */
static uint64_t run_timer(uint64_t idle, uint64_t interval, uint64_t count, uint64_t user_timeout)
{
	uint64_t probes_out = 0, elapsed = idle;

	while (!(user_timeout != 0 && elapsed >= user_timeout && probes_out > 0) &&
	       !(user_timeout == 0 && probes_out >= count)) {
		probes_out++;
		elapsed += interval;
	}
	return elapsed;
}

static void test_idle_end_against_timer(void **state)
{
	(void)state;
	for (uint64_t idle = 1; idle <= 8; idle++)
		for (uint64_t interval = 1; interval <= 8; interval++)
			for (uint64_t count = 1; count <= 5; count++)
				for (uint64_t user_timeout = 0; user_timeout <= 60; user_timeout++)
					assert_int_equal(policy_idle_end_ms(idle, interval, count,
									    user_timeout),
							 run_timer(idle, interval, count,
								   user_timeout));
}

/* --- Settings that contradict each other. --- */

static void collect(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++)
		strbuf_char(&unit_buf, line[i]);
	strbuf_char(&unit_buf, '\n');
}

/* Sets the variables; NULL: the variable is not set. */
static const char *settle(struct policy *policy, const char *keepalive, const char *user_timeout,
			  const char *on_eof, const char *forced)
{
	*policy = (struct policy){0};
	assert_true(!keepalive || policy_read_keepalive(policy, keepalive));
	assert_true(!user_timeout || policy_read_user_timeout(policy, user_timeout));
	assert_true(!on_eof || policy_read_on_eof(policy, on_eof));
	assert_true(!forced || policy_read_forced(policy, forced));
	unit_begin();
	policy_settle(policy, collect);
	return unit_end();
}

#define MISFIT(user_timeout, keepalive)                \
	"tcpshim: TCPSHIM_USER_TIMEOUT=" user_timeout  \
	" does not match TCPSHIM_KEEPALIVE=" keepalive \
	". The timeout overrides COUNT, so that an idle connection to a dead peer ends after "
#define FITS(user_timeout) ". Use TCPSHIM_USER_TIMEOUT=" user_timeout " (or auto)"
#define OR(keepalive) ", or TCPSHIM_KEEPALIVE=" keepalive ".\n"
#define AUTO_ALONE                                                                               \
	"tcpshim: TCPSHIM_USER_TIMEOUT=\"auto\" needs TCPSHIM_KEEPALIVE, which is off: set it, " \
	"for example TCPSHIM_KEEPALIVE=30s,10s,3, or use a duration instead of auto. It is ignored.\n"
#define AUTO_TOO_LARGE                                                                     \
	"tcpshim: TCPSHIM_USER_TIMEOUT=\"auto\" is not valid: IDLE + INTERVAL x COUNT of " \
	"TCPSHIM_KEEPALIVE is more than the kernel's limit of 2147483647ms. Use shorter "  \
	"keepalive times. It is ignored.\n"
#define NO_EFFECT                                                                                  \
	"tcpshim: the jitter of TCPSHIM_KEEPALIVE has no effect: it is less than one second, the " \
	"unit of the kernel. Use a longer IDLE or a larger percentage.\n"
#define NOTHING_TO_FORCE                                                       \
	"tcpshim: TCPSHIM_FORCE has no effect: no policy sets an option. Set " \
	"TCPSHIM_KEEPALIVE or TCPSHIM_USER_TIMEOUT too.\n"

static void test_settle(void **state)
{
	static const struct {
		const char *keepalive, *user_timeout, *on_eof, *forced, *lines;
	} rows[] = {
		/* no complaint */
		{NULL, NULL, NULL, NULL, ""},
		{"on", NULL, NULL, NULL, ""},
		{NULL, "60s", NULL, NULL, ""},
		{"off", "60s", NULL, NULL, ""},
		{"on", "off", NULL, NULL, ""},
		{"on", "auto", NULL, NULL, ""},
		{"on,jitter=10%", "auto", NULL, NULL, ""},
		{"on", "60s", NULL, NULL, ""},
		{"on", "1m", NULL, NULL, ""},
		{"on", "59999ms", NULL, NULL, ""},
		{"on", "50001ms", NULL, NULL, ""},
		{"on,jitter=10%", "55s", NULL, NULL, ""},
		{"on,jitter=10%", "57s", NULL, NULL, ""},
		{"on,jitter=10%", NULL, NULL, NULL, ""},
		{"on,jitter=0%", NULL, NULL, NULL, ""},
		{"9s,1s,1", "1ms", NULL, NULL, ""},
		{NULL, NULL, "fin", NULL, ""},
		{NULL, NULL, "rst", "off", ""},
		{"on", NULL, NULL, "on", ""},
		{NULL, "1s", NULL, "on", ""},
		{"on", "auto", "fin", "on", ""},
		{"32298s,16655s,127", "auto", NULL, NULL, ""},
		/* too long */
		{"on", "90s", NULL, NULL,
		 MISFIT("90s", "30s,10s,3") "90s instead of 60s" FITS("60s") OR("30s,10s,6")},
		{"on", "60001ms", NULL, NULL,
		 MISFIT("60001ms", "30s,10s,3") "70s instead of 60s" FITS("60s") OR("30s,10s,4")},
		{"30,10,3", "61", NULL, NULL,
		 MISFIT("61s", "30s,10s,3") "70s instead of 60s" FITS("60s") OR("30s,10s,4")},
		{"1s,1s,2", "8s", NULL, NULL,
		 MISFIT("8s", "1s,1s,2") "8s instead of 3s" FITS("3s") OR("1s,1s,7")},
		{"1s,1s,3", "128s", NULL, NULL,
		 MISFIT("128s", "1s,1s,3") "128s instead of 4s" FITS("4s") OR("1s,1s,127")},
		{"1s,1s,3", "129s", NULL, NULL,
		 MISFIT("129s", "1s,1s,3") "129s instead of 4s" FITS("4s") ".\n"},
		{"1s,1s,3", "2147483647ms", NULL, NULL,
		 MISFIT("2147483647ms", "1s,1s,3") "2147484s instead of 4s" FITS("4s") ".\n"},
		/* too short */
		{"on", "20s", NULL, NULL,
		 MISFIT("20s", "30s,10s,3") "40s instead of 60s" FITS("60s") OR("30s,10s,1")},
		{"on", "1ms", NULL, NULL,
		 MISFIT("1ms", "30s,10s,3") "40s instead of 60s" FITS("60s") OR("30s,10s,1")},
		{"on", "50s", NULL, NULL,
		 MISFIT("50s", "30s,10s,3") "50s instead of 60s" FITS("60s") OR("30s,10s,2")},
		{"1s,4s,3", "2s", NULL, NULL,
		 MISFIT("2s", "1s,4s,3") "5s instead of 13s" FITS("13s") OR("1s,4s,1")},
		{"2h,75s,9", "5m", NULL, NULL,
		 MISFIT("300s", "7200s,75s,9") "7275s instead of 7875s" FITS("7875s")
			 OR("7200s,75s,1")},
		/* with jitter */
		{"on,jitter=10%", "60s", NULL, NULL,
		 MISFIT("60s",
			"30s,10s,3,jitter=10%") "60s or, if jitter shortens IDLE, after 67s. Use "
						"TCPSHIM_USER_TIMEOUT=auto.\n"},
		{"on,jitter=90%", "50001ms", NULL, NULL,
		 MISFIT("50001ms",
			"30s,10s,3,jitter=90%") "60s or, if jitter shortens IDLE, after 53s. Use "
						"TCPSHIM_USER_TIMEOUT=auto.\n"},
		{"on,jitter=10%", "90s", NULL, NULL,
		 MISFIT("90s",
			"30s,10s,3,jitter=10%") "90s instead of 60s. Use TCPSHIM_USER_TIMEOUT=auto.\n"},
		{"on,jitter=10%", "50s", NULL, NULL,
		 MISFIT("50s",
			"30s,10s,3,jitter=10%") "50s instead of 60s. Use TCPSHIM_USER_TIMEOUT=auto.\n"},
		/* auto */
		{NULL, "auto", NULL, NULL, AUTO_ALONE},
		{"off", "auto", NULL, NULL, AUTO_ALONE},
		{NULL, "auto", "fin", NULL, AUTO_ALONE},
		{"32767s,32767s,127", "auto", NULL, NULL, AUTO_TOO_LARGE},
		{"32299s,16655s,127", "auto", NULL, NULL, AUTO_TOO_LARGE},
		/* jitter without effect */
		{"1s,jitter=90%", NULL, NULL, NULL, NO_EFFECT},
		{"9s,jitter=10%", NULL, NULL, NULL, NO_EFFECT},
		{"9s,jitter=11%", NULL, NULL, NULL, NO_EFFECT},
		{"9s,jitter=12%", NULL, NULL, NULL, ""},
		{"10s,jitter=10%", NULL, NULL, NULL, ""},
		{"9s,jitter=10%", "auto", NULL, NULL, NO_EFFECT},
		{"99s,jitter=1%", NULL, NULL, NULL, NO_EFFECT},
		{"100s,jitter=1%", NULL, NULL, NULL, ""},
		/* nothing to force */
		{NULL, NULL, NULL, "on", NOTHING_TO_FORCE},
		{NULL, NULL, "fin", "on", NOTHING_TO_FORCE},
		{"off", "off", "rst", "on", NOTHING_TO_FORCE},
		/* several at once */
		{NULL, "auto", NULL, "on", AUTO_ALONE NOTHING_TO_FORCE},
		{"9s,10s,3,jitter=10%", "60s", NULL, "on",
		 NO_EFFECT MISFIT(
			 "60s",
			 "9s,10s,3,jitter=10%") "69s instead of 39s. Use TCPSHIM_USER_TIMEOUT=auto.\n"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy policy;
		const char *lines = settle(&policy, rows[i].keepalive, rows[i].user_timeout,
					   rows[i].on_eof, rows[i].forced);
		char row[8];
		struct strbuf number;

		strbuf_init(&number, row, sizeof(row) - 1);
		strbuf_unsigned(&number, i);
		row[number.size] = '\0';
		is_right &= unit_is_text(row, lines, rows[i].lines);
	}
	assert_true(is_right);
}

/* A setting that is refused is off afterwards; the rest stays as it was asked for. */
static void test_what_settles(void **state)
{
	static const struct {
		const char *keepalive, *user_timeout;
		struct policy wanted;
	} rows[] = {
		{NULL, "auto", {0}},
		{"off", "auto", {0}},
		{"32767s,32767s,127", "auto", KEEPALIVE(32767, 32767, 127, 0)},
		{"9s,jitter=10%", NULL, KEEPALIVE(9, 10, 3, 10)},
		{NULL, "90s", TIMEOUT(90000)},
		{"on",
		 "90s",
		 {.has_keepalive = true,
		  .has_user_timeout = true,
		  .idle_s = 30,
		  .interval_s = 10,
		  .count = 3,
		  .user_timeout_ms = 90000}},
		{"on",
		 "auto",
		 {.has_keepalive = true,
		  .has_user_timeout = true,
		  .is_user_timeout_auto = true,
		  .idle_s = 30,
		  .interval_s = 10,
		  .count = 3}},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy policy;

		settle(&policy, rows[i].keepalive, rows[i].user_timeout, NULL, NULL);
		is_right &= is_same("settled", &policy, &rows[i].wanted);
	}
	assert_true(is_right);
}

/* Copies the value that follows this text in the line. */
static bool take_value(const char *line, const char *text, char value[64])
{
	const char *from = strstr(line, text);
	size_t size;

	if (!from)
		return false;
	from += strlen(text);
	size = strspn(from, "0123456789,smh");
	if (size > 0 && from[size - 1] == ',')
		size--;
	assert_in_range(size, 1, 63);
	memcpy(value, from, size);
	value[size] = '\0';
	return true;
}

/* Returns the complaint about the policy, in memory of its own. */
static const char *say_again(struct policy policy)
{
	static char line[1024];

	unit_begin();
	policy_settle(&policy, collect);
	assert_in_range(unit_buf.size, 0, sizeof(line) - 1);
	return strcpy(line, unit_end());
}

/* Checks that each value that the line suggests is accepted. Returns whether there are two. */
static bool has_good_advice(const struct policy *policy, const char *line)
{
	struct policy advised = *policy;
	char value[64];

	assert_true(take_value(line, ". Use TCPSHIM_USER_TIMEOUT=", value));
	assert_true(policy_read_user_timeout(&advised, value));
	assert_string_equal(say_again(advised), "");
	if (!take_value(line, ", or TCPSHIM_KEEPALIVE=", value))
		return false;
	advised = *policy;
	assert_true(policy_read_keepalive(&advised, value));
	assert_string_equal(say_again(advised), "");
	return true;
}

/* There is a complaint exactly where the timeout does not end the connection when the count would.
 */
static void test_settle_against_timer(void **state)
{
	struct policy policy = {.has_keepalive = true, .has_user_timeout = true};
	unsigned misfits = 0, advices = 0;

	(void)state;
	for (policy.idle_s = 1; policy.idle_s <= 6; policy.idle_s++)
		for (policy.interval_s = 1; policy.interval_s <= 5; policy.interval_s++)
			for (policy.count = 1; policy.count <= 4; policy.count++)
				for (uint32_t ms = 250; ms <= 30000; ms += 250) {
					uint32_t interval_ms = policy.interval_s * 1000U;
					uint32_t last_ms =
						policy.idle_s * 1000U + interval_ms * policy.count;
					bool fits = ms <= last_ms && (ms > last_ms - interval_ms ||
								      policy.count == 1);
					char line[1024];

					policy.user_timeout_ms = ms;
					strcpy(line, say_again(policy));
					assert_int_equal(line[0] == '\0', fits);
					misfits += !fits;
					advices += !fits && has_good_advice(&policy, line);
				}
	assert_in_range(misfits, 1000, UINT32_MAX);
	assert_int_equal(advices, misfits);
}

/* With jitter there is none exactly where it fits for each idle time that jitter may give. */
static void test_settle_with_jitter(void **state)
{
	(void)state;
	for (uint8_t percent = 1; percent <= 90; percent++) {
		for (uint32_t ms = 500; ms <= 60000; ms += 500) {
			struct policy policy = {.has_keepalive = true,
						.has_user_timeout = true,
						.idle_s = 20,
						.interval_s = 6,
						.count = 3,
						.jitter_percent = percent,
						.user_timeout_ms = ms};
			uint32_t shortened = 20U * percent / 100;
			bool fits = true;

			for (uint32_t idle = 20 - shortened; idle <= 20; idle++)
				fits &= run_timer(idle * 1000, 6000, 3, ms) ==
					run_timer(idle * 1000, 6000, 3, 0);
			unit_begin();
			policy_settle(&policy, collect);
			assert_int_equal(!strstr(unit_end(), "does not match"), fits);
			assert_int_equal(!strstr(unit_end(), "no effect"), shortened > 0);
		}
	}
}

/* --- The options of one connection. --- */

enum {
	ALL_OF_KEEPALIVE = 1 << CONN_OPTION_KEEPIDLE | 1 << CONN_OPTION_KEEPINTVL |
			   1 << CONN_OPTION_KEEPCNT | 1 << CONN_OPTION_KEEPALIVE
};

static void test_options(void **state)
{
	static const struct {
		int level, name;
		enum conn_option option;
	} rows[] = {
		{IPPROTO_TCP, TCP_KEEPIDLE, CONN_OPTION_KEEPIDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL, CONN_OPTION_KEEPINTVL},
		{IPPROTO_TCP, TCP_KEEPCNT, CONN_OPTION_KEEPCNT},
		{SOL_SOCKET, SO_KEEPALIVE, CONN_OPTION_KEEPALIVE},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, CONN_OPTION_USER_TIMEOUT},
		/* the same numbers at other levels */
		{SOL_SOCKET, TCP_KEEPIDLE, CONN_OPTION_COUNT},
		{SOL_SOCKET, TCP_KEEPINTVL, CONN_OPTION_COUNT},
		{SOL_SOCKET, TCP_KEEPCNT, CONN_OPTION_COUNT},
		{IPPROTO_TCP, SO_KEEPALIVE, CONN_OPTION_COUNT},
		{SOL_SOCKET, TCP_USER_TIMEOUT, CONN_OPTION_COUNT},
		{IPPROTO_IP, TCP_KEEPIDLE, CONN_OPTION_COUNT},
		/* others */
		{IPPROTO_TCP, TCP_NODELAY, CONN_OPTION_COUNT},
		{SOL_SOCKET, SO_LINGER, CONN_OPTION_COUNT},
		{SOL_SOCKET, SO_REUSEADDR, CONN_OPTION_COUNT},
		{0, 0, CONN_OPTION_COUNT},
		{-1, -1, CONN_OPTION_COUNT},
	};
	static const enum conn_option times[] = {CONN_OPTION_KEEPIDLE, CONN_OPTION_KEEPINTVL,
						 CONN_OPTION_KEEPCNT};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(conn_option_find(rows[i].level, rows[i].name), rows[i].option);
	for (unsigned option = 0; option < CONN_OPTION_COUNT; option++)
		assert_int_equal(conn_option_find(conn_option_rows[option].level,
						  conn_option_rows[option].name),
				 option);
	/* They are set in this order: first the times, then what starts the timer. */
	for (size_t i = 0; i < COUNT(times); i++)
		assert_true(times[i] < CONN_OPTION_KEEPALIVE);
}

static void test_values(void **state)
{
	static const struct {
		struct policy policy;
		struct policy_values wanted;
	} rows[] = {
		{{0}, {0}},
		{{.is_forced = true, .on_eof = POLICY_EOF_FIN}, {0}},
		/* what is off sets nothing */
		{{.idle_s = 30, .interval_s = 10, .count = 3, .user_timeout_ms = 1}, {0}},
		{KEEPALIVE(30, 10, 3, 0),
		 {ALL_OF_KEEPALIVE,
		  {[CONN_OPTION_KEEPIDLE] = 30,
		   [CONN_OPTION_KEEPINTVL] = 10,
		   [CONN_OPTION_KEEPCNT] = 3,
		   [CONN_OPTION_KEEPALIVE] = 1}}},
		{KEEPALIVE(32767, 32767, 127, 0),
		 {ALL_OF_KEEPALIVE,
		  {[CONN_OPTION_KEEPIDLE] = 32767,
		   [CONN_OPTION_KEEPINTVL] = 32767,
		   [CONN_OPTION_KEEPCNT] = 127,
		   [CONN_OPTION_KEEPALIVE] = 1}}},
		{KEEPALIVE(1, 2, 4, 90),
		 {ALL_OF_KEEPALIVE,
		  {[CONN_OPTION_KEEPIDLE] = 1,
		   [CONN_OPTION_KEEPINTVL] = 2,
		   [CONN_OPTION_KEEPCNT] = 4,
		   [CONN_OPTION_KEEPALIVE] = 1}}},
		{TIMEOUT(1), {1 << CONN_OPTION_USER_TIMEOUT, {[CONN_OPTION_USER_TIMEOUT] = 1}}},
		{TIMEOUT(INT32_MAX),
		 {1 << CONN_OPTION_USER_TIMEOUT, {[CONN_OPTION_USER_TIMEOUT] = INT32_MAX}}},
		{{.has_keepalive = true,
		  .has_user_timeout = true,
		  .idle_s = 5,
		  .interval_s = 6,
		  .count = 7,
		  .user_timeout_ms = 8},
		 {ALL_OF_KEEPALIVE | 1 << CONN_OPTION_USER_TIMEOUT,
		  {[CONN_OPTION_KEEPIDLE] = 5,
		   [CONN_OPTION_KEEPINTVL] = 6,
		   [CONN_OPTION_KEEPCNT] = 7,
		   [CONN_OPTION_KEEPALIVE] = 1,
		   [CONN_OPTION_USER_TIMEOUT] = 8}}},
		{{.has_keepalive = true,
		  .has_user_timeout = true,
		  .is_user_timeout_auto = true,
		  .idle_s = 30,
		  .interval_s = 10,
		  .count = 3},
		 {ALL_OF_KEEPALIVE | 1 << CONN_OPTION_USER_TIMEOUT,
		  {[CONN_OPTION_KEEPIDLE] = 30,
		   [CONN_OPTION_KEEPINTVL] = 10,
		   [CONN_OPTION_KEEPCNT] = 3,
		   [CONN_OPTION_KEEPALIVE] = 1,
		   [CONN_OPTION_USER_TIMEOUT] = 60000}}},
		/* the longest value that auto may give */
		{{.has_keepalive = true,
		  .has_user_timeout = true,
		  .is_user_timeout_auto = true,
		  .idle_s = 32298,
		  .interval_s = 16655,
		  .count = 127},
		 {ALL_OF_KEEPALIVE | 1 << CONN_OPTION_USER_TIMEOUT,
		  {[CONN_OPTION_KEEPIDLE] = 32298,
		   [CONN_OPTION_KEEPINTVL] = 16655,
		   [CONN_OPTION_KEEPCNT] = 127,
		   [CONN_OPTION_KEEPALIVE] = 1,
		   [CONN_OPTION_USER_TIMEOUT] = 2147483000}}},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (uint64_t seed = 0; seed < 100; seed++) {
			struct policy_values values;

			memset(&values, 0xff, sizeof(values));
			policy_decide_values(&rows[i].policy, seed * UINT64_C(0x123456789abcdef),
					     &values);
			if (memcmp(&values, &rows[i].wanted, sizeof(values)) == 0)
				continue;
			print_error("row %zu: set 0x%x, idle %d, timeout %d\n", i, values.set,
				    values.values[CONN_OPTION_KEEPIDLE],
				    values.values[CONN_OPTION_USER_TIMEOUT]);
			is_right = false;
			break;
		}
	}
	assert_true(is_right);
}

/* Returns seeds as they occur: consecutive, far apart, or differing only in the upper half. */
static uint64_t make_seed(unsigned way, uint64_t i)
{
	switch (way) {
	case 0:
		return i;
	case 1:
		return UINT64_C(123456789012345) ^ UINT64_C(4242) << 32 ^ i;
	case 2:
		return i << 32;
	default:
		return i * UINT64_C(1000000007);
	}
}

static void test_jitter(void **state)
{
	enum { SEEDS = 10000, WAYS = 4 };
	static const struct {
		uint16_t idle_s;
		uint8_t percent;
		uint16_t least;
	} rows[] = {
		{100, 20, 80},  {30, 10, 27}, {20, 90, 2},       {10, 10, 9}, {60, 1, 60},
		{100, 1, 99},   {1, 90, 1},   {2, 90, 1},        {7, 50, 4},  {3600, 1, 3564},
		{300, 10, 270}, {10, 0, 10},  {32767, 0, 32767},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (unsigned way = 0; way < WAYS; way++) {
			const struct policy policy = {.has_keepalive = true,
						      .has_user_timeout = true,
						      .is_user_timeout_auto = true,
						      .idle_s = rows[i].idle_s,
						      .interval_s = 10,
						      .count = 3,
						      .jitter_percent = rows[i].percent};
			unsigned places = rows[i].idle_s - rows[i].least + 1U;
			unsigned counts[64] = {0}, outside = 0, misfits = 0;
			unsigned fewest = SEEDS, most = 0;

			assert_in_range(places, 1, COUNT(counts));
			for (uint64_t seed = 0; seed < SEEDS; seed++) {
				struct policy_values values;
				int32_t idle;

				policy_decide_values(&policy, make_seed(way, seed), &values);
				idle = values.values[CONN_OPTION_KEEPIDLE];
				misfits += values.values[CONN_OPTION_USER_TIMEOUT] !=
					   (idle + 30) * 1000;
				if (idle < rows[i].least || idle > rows[i].idle_s)
					outside++;
				else
					counts[idle - rows[i].least]++;
			}
			for (unsigned place = 0; place < places; place++) {
				fewest = counts[place] < fewest ? counts[place] : fewest;
				most = counts[place] > most ? counts[place] : most;
			}
			/* Within a third of an even share. */
			if (outside == 0 && misfits == 0 && fewest >= SEEDS / places * 2 / 3 &&
			    most <= SEEDS / places * 4 / 3 + 1)
				continue;
			print_error("%u s, %u%%, way %u: %u outside, %u timeouts of another idle, "
				    "from %u to %u of each\n",
				    rows[i].idle_s, rows[i].percent, way, outside, misfits, fewest,
				    most);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* A seed gives the same values again. */
static void test_same_seed(void **state)
{
	const struct policy policy = KEEPALIVE(1000, 10, 3, 50);

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct policy_values first, second;

		policy_decide_values(&policy, seed, &first);
		policy_decide_values(&policy, seed, &second);
		assert_memory_equal(&first, &second, sizeof(first));
	}
}

static void test_left_out(void **state)
{
	static const struct policy policies[] = {{.has_keepalive = true},
						 {.has_keepalive = true, .is_forced = true}};

	(void)state;
	for (uint32_t held = 0; held < 1U << CONN_OPTION_COUNT; held++) {
		for (unsigned option = 0; option < CONN_OPTION_COUNT; option++) {
			assert_false(
				policy_is_left_out(&policies[0], held, (enum conn_option)option));
			assert_int_equal(policy_is_left_out(&policies[1], held,
							    (enum conn_option)option),
					 held >> option & 1);
		}
		assert_false(policy_is_left_out(&policies[1], held, CONN_OPTION_COUNT));
	}
	assert_false(policy_is_left_out(&policies[1], UINT32_MAX, CONN_OPTION_COUNT));
}

/* --- The peer's end of stream. --- */

static void test_is_end(void **state)
{
	static const struct {
		const char *does;
		struct conn_step step;
		bool is_end;
	} rows[] = {
		{"read = 0", {.effect = EFFECT_READ, .asked_bytes = 1024}, true},
		{"read of one byte = 0", {.effect = EFFECT_READ, .asked_bytes = 1}, true},
		{"read of all = 0", {.effect = EFFECT_READ, .asked_bytes = UINT64_MAX}, true},
		{"read = 0, sampled",
		 {.effect = EFFECT_READ, .asked_bytes = 1, .after = {.state = STATE_CLOSE_WAIT}},
		 true},
		{"read of nothing = 0", {.effect = EFFECT_READ}, false},
		{"read = 1", {.effect = EFFECT_READ, .asked_bytes = 1024, .result = 1}, false},
		{"read = 1024",
		 {.effect = EFFECT_READ, .asked_bytes = 1024, .result = 1024},
		 false},
		{"read EAGAIN",
		 {.effect = EFFECT_READ, .asked_bytes = 1024, .result = -1, .error = EAGAIN},
		 false},
		{"read ECONNRESET",
		 {.effect = EFFECT_READ, .asked_bytes = 1024, .result = -1, .error = ECONNRESET},
		 false},
		{"recv(MSG_PEEK) = 0",
		 {.effect = EFFECT_READ, .asked_bytes = 1024, .is_peek = true},
		 false},
		{"read sleeps",
		 {.effect = EFFECT_READ, .asked_bytes = 1024, .is_sleeping = true},
		 false},
		{"write = 0", {.effect = EFFECT_WRITE, .asked_bytes = 1024}, false},
		{"poll = 0", {.effect = EFFECT_WAIT, .asked_bytes = 1024}, false},
		{"shutdown", {.effect = EFFECT_SHUTDOWN, .asked_bytes = 1024}, false},
		{"close", {.effect = EFFECT_CLOSE, .asked_bytes = 1024}, false},
		{"nothing", {.asked_bytes = 1024}, false},
	};
	static const struct policy policies[] = {{.on_eof = POLICY_EOF_FIN},
						 {.on_eof = POLICY_EOF_RST},
						 {.has_keepalive = true}};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < COUNT(policies); j++) {
			bool is_wanted = rows[i].is_end && policies[j].on_eof != POLICY_EOF_OFF;

			if (policy_is_end(&policies[j], &rows[i].step) == is_wanted)
				continue;
			print_error("%s, policy %zu: not %d\n", rows[i].does, j, is_wanted);
			is_right = false;
		}
	}
	assert_true(is_right);
}

static void test_ends_state(void **state)
{
	(void)state;
	for (uint8_t tcp_state = 0; tcp_state < STATE_COUNT; tcp_state++)
		assert_int_equal(policy_ends_state(tcp_state), tcp_state == STATE_CLOSE_WAIT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_values),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_read_again),
		cmocka_unit_test(test_is_any),
		cmocka_unit_test(test_idle_end),
		cmocka_unit_test(test_idle_end_against_timer),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_what_settles),
		cmocka_unit_test(test_settle_against_timer),
		cmocka_unit_test(test_settle_with_jitter),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_same_seed),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_is_end),
		cmocka_unit_test(test_ends_state),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
