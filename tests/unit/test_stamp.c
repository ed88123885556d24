#include "unit.h"

#include <stdio.h>
#include <time.h>

#include "format/stamp.h"

#define SECOND INT64_C(1000000000)

static void test_base_line(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		/* the example of the format's documentation; 0.1 ms, cut and not rounded */
		{1464310447629599999,
		 "Base time stamp:  1464310447.6295  [ Fri May 27 00:54:07 UTC 2016 ]\n"},
		{0, "Base time stamp:  0.0000  [ Thu Jan  1 00:00:00 UTC 1970 ]\n"},
		{999999999, "Base time stamp:  0.9999  [ Thu Jan  1 00:00:00 UTC 1970 ]\n"},
		{951782400 * SECOND,
		 "Base time stamp:  951782400.0000  [ Tue Feb 29 00:00:00 UTC 2000 ]\n"},
		{1735689599 * SECOND,
		 "Base time stamp:  1735689599.0000  [ Tue Dec 31 23:59:59 UTC 2024 ]\n"},
		{4107542400 * SECOND,
		 "Base time stamp:  4107542400.0000  [ Mon Mar  1 00:00:00 UTC 2100 ]\n"},
		/* of a damaged recording */
		{-SECOND, "Base time stamp:  -1.0000  [ Wed Dec 31 23:59:59 UTC 1969 ]\n"},
		{INT64_MIN,
		 "Base time stamp:  -9223372037.1452  [ Tue Sep 21 00:12:43 UTC 1677 ]\n"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		stamp_base_line(unit_begin(), rows[i].ns);
		is_right &= unit_is_text("base line", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

static void test_utc(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{1464310447629512999, "2016-05-27T00:54:07.629512Z"},
		{0, "1970-01-01T00:00:00.000000Z"},
		{1709164800 * SECOND + 1000, "2024-02-29T00:00:00.000001Z"},
		{4107542399 * SECOND, "2100-02-28T23:59:59.000000Z"},
		{-1000, "1969-12-31T23:59:59.999999Z"},
		{INT64_MIN, "1677-09-21T00:12:43.145224Z"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		stamp_utc(unit_begin(), rows[i].ns);
		is_right &= unit_is_text("UTC", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

/* Every day to the year 2262, where 64 bits of nanoseconds end, is as libc gives it. */
static void test_every_day(void **state)
{
	(void)state;
	for (int64_t seconds = 0; seconds < INT64_MAX / SECOND - 86400; seconds += 86400 + 3661) {
		time_t time = (time_t)seconds;
		char wanted[64];
		struct tm tm;

		gmtime_r(&time, &tm);
		strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
		stamp_utc(unit_begin(), seconds * SECOND);
		assert_string_equal(unit_end(), wanted);
		strftime(wanted, sizeof(wanted), "  [ %a %b %e %H:%M:%S UTC %Y ]\n", &tm);
		stamp_base_line(unit_begin(), seconds * SECOND);
		assert_string_equal(strstr(unit_end(), "  [ "), wanted);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_line),
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_every_day),
	};

	return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
