#include "unit.h"

#include "format/words.h"

/* Shows the pieces, each in brackets. */
static const char *show_pieces(const char *text, char separator)
{
	const char *rest = text;
	struct word word;

	unit_begin();
	while (word_next(&rest, separator, &word)) {
		strbuf_char(&unit_buf, '[');
		for (size_t i = 0; i < word.size; i++)
			strbuf_char(&unit_buf, word.text[i]);
		strbuf_char(&unit_buf, ']');
	}
	return unit_end();
}

static void test_next(void **state)
{
	static const struct {
		const char *text;
		char separator;
		const char *pieces;
	} rows[] = {
		{"", ',', "[]"},
		{"a", ',', "[a]"},
		{"a,b", ',', "[a][b]"},
		{"one,two,three", ',', "[one][two][three]"},
		{",", ',', "[][]"},
		{"a,", ',', "[a][]"},
		{",a", ',', "[][a]"},
		{"a,,b", ',', "[a][][b]"},
		{" a , b ", ',', "[ a ][ b ]"},
		{"a;b,c", ';', "[a][b,c]"},
		{"a;b,c", ',', "[a;b][c]"},
		{"\xff,\x80", ',', "[\xff][\x80]"},
	};
	const char *none = NULL;
	struct word word;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= unit_is_text(rows[i].text, show_pieces(rows[i].text, rows[i].separator),
					 rows[i].pieces);
	assert_true(is_right);
	assert_false(word_next(&none, ',', &word));
	assert_null(none);
}

/* A word is a view: what follows its end is not looked at. */
static void test_is(void **state)
{
	const char *rest = "on,off";
	struct word word;

	(void)state;
	assert_true(word_next(&rest, ',', &word));
	assert_true(word_is(word, "on"));
	assert_false(word_is(word, "on,off"));
	assert_false(word_is(word, "o"));
	assert_false(word_is(word, "ON"));
	assert_false(word_is(word, ""));
	assert_true(word_next(&rest, ',', &word));
	assert_true(word_is(word, "off"));
	assert_false(word_next(&rest, ',', &word));
	assert_true(word_is(word_of(""), ""));
	assert_int_equal(word_of("abc").size, 3);
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		bool is_cut;
		const char *front, *behind;
	} rows[] = {
		{"key=value", true, "key", "value"}, {"key=", true, "key", ""},
		{"=value", true, "", "value"},       {"=", true, "", ""},
		{"a=b=c", true, "a", "b=c"},         {"==", true, "", "="},
		{"key", false, "key", "untouched"},  {"", false, "", "untouched"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct word word = word_of(rows[i].text), behind = word_of("untouched");

		if (word_cut(&word, '=', &behind) != rows[i].is_cut ||
		    !word_is(word, rows[i].front) || !word_is(behind, rows[i].behind)) {
			print_error("\"%s\": \"%.*s\" and \"%.*s\"\n", rows[i].text, (int)word.size,
				    word.text, (int)behind.size, behind.text);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* A separator after the word's end does not belong to it. */
static void test_cut_stays_inside(void **state)
{
	struct word word = {"ab=c", 2}, behind;

	(void)state;
	assert_false(word_cut(&word, '=', &behind));
	assert_int_equal(word.size, 2);
	word.size = 3;
	assert_true(word_cut(&word, '=', &behind));
	assert_int_equal(word.size, 2);
	assert_int_equal(behind.size, 0);
}

struct row {
	const char *text;
	bool is_good;
	uint64_t wanted;
};

static bool reads_as(const struct row *row, bool (*read)(struct word word, uint64_t *number))
{
	uint64_t number = 0;
	bool is_good = read(word_of(row->text), &number);

	if (is_good == row->is_good && (!is_good || number == row->wanted))
		return true;
	print_error("\"%s\" is %s, %llu\n", row->text, is_good ? "read" : "refused",
		    (unsigned long long)number);
	return false;
}

static void test_number(void **state)
{
	static const struct row rows[] = {
		{"0", true, 0},
		{"7", true, 7},
		{"10", true, 10},
		{"007", true, 7},
		{"00000000000000000000000000000000000001", true, 1},
		{"4294967296", true, UINT64_C(4294967296)},
		{"18446744073709551614", true, UINT64_MAX - 1},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551620", false, 0},
		{"18446744073709551625", false, 0},
		{"99999999999999999999", false, 0},
		{"184467440737095516150", false, 0},
		{"340282366920938463463374607431768211456", false, 0},
		{"", false, 0},
		{" ", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1 2", false, 0},
		{"+1", false, 0},
		{"-1", false, 0},
		{"-0", false, 0},
		{"1.0", false, 0},
		{"1e3", false, 0},
		{"0x10", false, 0},
		{"1,000", false, 0},
		{"1a", false, 0},
		{"a1", false, 0},
		{"/", false, 0},
		{":", false, 0},
		{"\xb1", false, 0},
		{"\xff", false, 0},
		{"1\n", false, 0},
	};
	struct word part = {"123456", 3};
	uint64_t number;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= reads_as(&rows[i], word_number);
	assert_true(is_right);
	assert_true(word_number(part, &number));
	assert_int_equal(number, 123);
}

static void test_milliseconds(void **state)
{
	static const struct row rows[] = {
		{"0", true, 0},
		{"0ms", true, 0},
		{"1", true, 1000},
		{"1ms", true, 1},
		{"1s", true, 1000},
		{"1m", true, 60000},
		{"1h", true, 3600000},
		{"30", true, 30000},
		{"1500ms", true, 1500},
		{"090s", true, 90000},
		{"24h", true, 86400000},
		{"1.5s", true, 1500},
		{"0.2", true, 200},
		{"1.0s", true, 1000},
		{"0.5m", true, 30000},
		{"1.25h", true, 4500000},
		{"1.000000000000", true, 1000},
		{"1.0ms", true, 1},
		{"18446744073709ms", true, UINT64_C(18446744073709)},
		{"18446744073710ms", false, 0},
		{"18446744073s", true, UINT64_C(18446744073000)},
		{"18446744073.709", true, UINT64_C(18446744073709)},
		{"18446744073.710", false, 0},
		{"18446744074s", false, 0},
		{"18446744074", false, 0},
		{"307445734m", true, UINT64_C(18446744040000)},
		{"307445735m", false, 0},
		{"5124095h", true, UINT64_C(18446742000000)},
		{"5124096h", false, 0},
		{"18446744073709551615ms", false, 0},
		{"18446744073709551616h", false, 0},
		/* not a whole number of them */
		{"0.5ms", false, 0},
		{"0.0005", false, 0},
		{"1.2345s", false, 0},
		{"", false, 0},
		{"s", false, 0},
		{"ms", false, 0},
		{" ", false, 0},
		{" 1s", false, 0},
		{"1s ", false, 0},
		{"1 s", false, 0},
		{"+1s", false, 0},
		{"-1s", false, 0},
		{"1,5s", false, 0},
		{"1.s", false, 0},
		{"1.", false, 0},
		{".", false, 0},
		{"1..5s", false, 0},
		{"1.5.5s", false, 0},
		{"1.-5s", false, 0},
		{"1. 5s", false, 0},
		{"1s.5", false, 0},
		{".5s", false, 0},
		{"1e3s", false, 0},
		{"0x1s", false, 0},
		{"1S", false, 0},
		{"1M", false, 0},
		{"1H", false, 0},
		{"1MS", false, 0},
		{"1Ms", false, 0},
		{"1mS", false, 0},
		{"1d", false, 0},
		{"1us", false, 0},
		{"1sec", false, 0},
		{"1min", false, 0},
		{"1sm", false, 0},
		{"1ss", false, 0},
		{"1s1", false, 0},
		{"1m30s", false, 0},
		{"s1", false, 0},
		{"off", false, 0},
		{"1s\n", false, 0},
		{"1\xff", false, 0},
	};
	struct word part = {"15ms", 2};
	uint64_t milliseconds;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= reads_as(&rows[i], word_milliseconds);
	assert_true(is_right);
	assert_true(word_milliseconds(part, &milliseconds));
	assert_int_equal(milliseconds, 15000);
	part.size = 3;
	assert_true(word_milliseconds(part, &milliseconds));
	assert_int_equal(milliseconds, 900000);
}

static void test_duration(void **state)
{
	static const struct row rows[] = {
		{"0.5ms", true, 500000},
		{"1.5s", true, 1500000000},
		{"0.000000001", true, 1},
		{"0.0000000019", true, 1},
		{"0.1234567891234567890123", true, 123456789},
		{"0.1h", true, UINT64_C(360000000000)},
		{"2m", true, UINT64_C(120000000000)},
		{"18446744073.709551615", true, UINT64_MAX},
		{"18446744073.709551616", false, 0},
		{"1.5", true, 1500000000},
		{"1.5d", false, 0},
		{".5", false, 0},
		{"5.", false, 0},
		{"-1.5s", false, 0},
		{"", false, 0},
		{"nan", false, 0},
		{"1e9", false, 0},
	};
	struct word part = {"1.5ms", 4};
	uint64_t ns;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= reads_as(&rows[i], word_duration);
	assert_true(is_right);
	assert_true(word_duration(part, &ns)); /* "1.5m" */
	assert_int_equal(ns, UINT64_C(90000000000));
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} rows[] = {
		{"1", 1},
		{"4096", 4096},
		{"256K", 262144},
		{"256M", 268435456},
		{"2G", UINT64_C(2147483648)},
		{"17179869183G", UINT64_C(18446744072635809792)},
		{"17179869184G", 0},
		{"", 0},
		{"K", 0},
		{"1KB", 0},
		{"1k", 0},
		{"-1", 0},
		{" 1", 0},
		{"1.5G", 0},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t bytes = 0;
		bool is_read = word_bytes(word_of(rows[i].text), &bytes);

		if (is_read == (rows[i].bytes != 0) && (!is_read || bytes == rows[i].bytes))
			continue;
		print_error("%s: %d %lu\n", rows[i].text, is_read, bytes);
		is_right = false;
	}
	assert_true(is_right);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),     cmocka_unit_test(test_is),
		cmocka_unit_test(test_cut),      cmocka_unit_test(test_cut_stays_inside),
		cmocka_unit_test(test_number),   cmocka_unit_test(test_milliseconds),
		cmocka_unit_test(test_duration), cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
