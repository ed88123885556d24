#include "format/stamp.h"

#define NS_PER_S INT64_C(1000000000)

/* gmtime_r without locale, time zone file or lock: days since the epoch to a civil date, in the
 * calendar of 400-year eras that begin on a first of March. */
struct civil {
	int64_t year;
	unsigned month, day, weekday, hour, minute, second;
};

/* Returns the whole seconds, rounded down before 1970 too. */
static int64_t seconds_of(int64_t realtime_ns)
{
	return realtime_ns / NS_PER_S - (realtime_ns % NS_PER_S < 0);
}

static uint64_t rest_of(int64_t realtime_ns)
{
	int64_t rest = realtime_ns % NS_PER_S;

	return (uint64_t)(rest < 0 ? rest + NS_PER_S : rest);
}

/* For 1677 to 2262, the range of 64 bits of nanoseconds: shifted is above 0 there. */
static struct civil civil_from_seconds(int64_t seconds)
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0);
	unsigned rest = (unsigned)(seconds - days * 86400);
	int64_t shifted = days + 719468; /* days from 0000-03-01 to 1970-01-01 */
	int64_t era = shifted / 146097;
	unsigned day_of_era = (unsigned)(shifted % 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_index = (5 * day_of_year + 2) / 153;
	struct civil civil = {
		.day = day_of_year - (153 * month_index + 2) / 5 + 1,
		.month = month_index < 10 ? month_index + 3 : month_index - 9,
		.weekday = (unsigned)((shifted + 3) % 7),
		.hour = rest / 3600,
		.minute = rest / 60 % 60,
		.second = rest % 60,
	};

	civil.year = era * 400 + year_of_era + (civil.month <= 2);
	return civil;
}

void stamp_base_line(struct strbuf *buf, int64_t realtime_ns)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct civil civil = civil_from_seconds(seconds_of(realtime_ns));

	strbuf_string(buf, "Base time stamp:  ");
	strbuf_integer(buf, seconds_of(realtime_ns));
	strbuf_char(buf, '.');
	strbuf_padded(buf, rest_of(realtime_ns) / 100000, 4);
	strbuf_string(buf, "  [ ");
	strbuf_string(buf, days[civil.weekday]);
	strbuf_char(buf, ' ');
	strbuf_string(buf, months[civil.month - 1]);
	strbuf_string(buf, civil.day < 10 ? "  " : " ");
	strbuf_unsigned(buf, civil.day);
	strbuf_char(buf, ' ');
	strbuf_padded(buf, civil.hour, 2);
	strbuf_char(buf, ':');
	strbuf_padded(buf, civil.minute, 2);
	strbuf_char(buf, ':');
	strbuf_padded(buf, civil.second, 2);
	strbuf_string(buf, " UTC ");
	strbuf_integer(buf, civil.year);
	strbuf_string(buf, " ]\n");
}

static void append_utc(struct strbuf *buf, int64_t realtime_ns, unsigned digits, unsigned unit_ns)
{
	struct civil civil = civil_from_seconds(seconds_of(realtime_ns));

	strbuf_padded(buf, (uint64_t)civil.year, 4);
	strbuf_char(buf, '-');
	strbuf_padded(buf, civil.month, 2);
	strbuf_char(buf, '-');
	strbuf_padded(buf, civil.day, 2);
	strbuf_char(buf, 'T');
	strbuf_padded(buf, civil.hour, 2);
	strbuf_char(buf, ':');
	strbuf_padded(buf, civil.minute, 2);
	strbuf_char(buf, ':');
	strbuf_padded(buf, civil.second, 2);
	strbuf_char(buf, '.');
	strbuf_padded(buf, rest_of(realtime_ns) / unit_ns, digits);
	strbuf_char(buf, 'Z');
}

void stamp_utc(struct strbuf *buf, int64_t realtime_ns)
{
	append_utc(buf, realtime_ns, 6, 1000);
}

void stamp_utc_ns(struct strbuf *buf, int64_t realtime_ns)
{
	append_utc(buf, realtime_ns, 9, 1);
}

void stamp_compact(struct strbuf *buf, int64_t realtime_ns)
{
	struct civil civil = civil_from_seconds(seconds_of(realtime_ns));

	strbuf_padded(buf, (uint64_t)civil.year, 4);
	strbuf_padded(buf, civil.month, 2);
	strbuf_padded(buf, civil.day, 2);
	strbuf_char(buf, 'T');
	strbuf_padded(buf, civil.hour, 2);
	strbuf_padded(buf, civil.minute, 2);
	strbuf_padded(buf, civil.second, 2);
	strbuf_char(buf, '.');
	strbuf_padded(buf, rest_of(realtime_ns) / 1000, 6);
	strbuf_char(buf, 'Z');
}
