#include "unit.h"

static void test_strings(void **state)
{
	(void)state;
	strbuf_string(unit_begin(), "");
	assert_string_equal(unit_end(), "");
	strbuf_string(unit_begin(), "abc");
	strbuf_char(&unit_buf, '-');
	assert_string_equal(unit_end(), "abc-");
}

static void test_numbers(void **state)
{
	static const struct {
		int64_t value;
		const char *text;
	} rows[] = {
		{0, "0"},
		{-1, "-1"},
		{22, "22"},
		{1000000, "1000000"},
		{INT64_MAX, "9223372036854775807"},
		{INT64_MIN, "-9223372036854775808"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strbuf_integer(unit_begin(), rows[i].value);
		is_right &= unit_is_text("integer", unit_end(), rows[i].text);
	}
	strbuf_unsigned(unit_begin(), UINT64_MAX);
	is_right &= unit_is_text("unsigned", unit_end(), "18446744073709551615");
	assert_true(is_right);
}

static void test_padded(void **state)
{
	static const struct {
		uint64_t value;
		unsigned width;
		const char *decimal, *hex;
	} rows[] = {
		{0, 0, "0", "0"},
		{0, 1, "0", "0"},
		{7, 4, "0007", "0007"},
		{255, 2, "255", "FF"},
		{12345, 4, "12345", "3039"},
		{UINT64_MAX, 4, "18446744073709551615", "FFFFFFFFFFFFFFFF"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strbuf_padded(unit_begin(), rows[i].value, rows[i].width);
		is_right &= unit_is_text("decimal", unit_end(), rows[i].decimal);
		strbuf_hex(unit_begin(), rows[i].value, rows[i].width);
		is_right &= unit_is_text("hex", unit_end(), rows[i].hex);
	}
	assert_true(is_right);
}

static void test_pointer(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} rows[] = {
		{0, "0x00000000"},
		{0x08043670, "0x08043670"},
		{0x7FFC08043670, "0x7FFC08043670"},
		{UINT64_MAX, "0xFFFFFFFFFFFFFFFF"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strbuf_pointer(unit_begin(), rows[i].value);
		is_right &= unit_is_text("pointer", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

/* Time stamps are rounded to 0.1 ms. */
static void test_stamp(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, " 0.0000"},
		{49999, " 0.0000"},
		{50000, " 0.0001"},
		{149999, " 0.0001"},
		{999949999, " 0.9999"},
		{999950000, " 1.0000"},
		{9999949999, " 9.9999"},
		{9999950000, "10.0000"},
		{126177100000, "126.1771"},
		{3872692000000, "3872.6920"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strbuf_stamp(unit_begin(), rows[i].ns);
		is_right &= unit_is_text("stamp", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

static void test_duration(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "0.0 ms"},
		{49999, "0.0 ms"},
		{50000, "0.1 ms"},
		{200000, "0.2 ms"},
		{999949999, "999.9 ms"},
		{999950000, "1.0 s"},
		{3400000000, "3.4 s"},
		{82000000000, "82.0 s"},
		{119499999999, "119.5 s"},
		{119500000000, "2 min"},
		{120000000000, "2 min"},
		{725000000000, "12 min 5 s"},
		{7199499999999, "119 min 59 s"},
		{7199500000000, "2 h"},
		{7259000000000, "2 h"},
		{12000000000000, "3 h 20 min"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strbuf_duration(unit_begin(), rows[i].ns);
		is_right &= unit_is_text("duration", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

static void test_count(void **state)
{
	(void)state;
	strbuf_count(unit_begin(), 0, "byte");
	assert_string_equal(unit_end(), "0 bytes");
	strbuf_count(unit_begin(), 1, "byte");
	assert_string_equal(unit_end(), "1 byte");
	strbuf_count(unit_begin(), 22, "byte");
	assert_string_equal(unit_end(), "22 bytes");
}

/* What does not fit is cut and remembered; nothing is written after the end. */
static void test_cut(void **state)
{
	char memory[8];
	struct strbuf buf;

	(void)state;
	memset(memory, '#', sizeof(memory));
	strbuf_init(&buf, memory, 4);
	strbuf_string(&buf, "abcd");
	assert_false(buf.is_cut);
	strbuf_char(&buf, 'e');
	assert_true(buf.is_cut);
	strbuf_string(&buf, "fgh");
	strbuf_pointer(&buf, 1);
	assert_int_equal(buf.size, 4);
	assert_memory_equal(memory, "abcd####", sizeof(memory));

	strbuf_init(&buf, memory, 0);
	strbuf_unsigned(&buf, 1);
	assert_true(buf.is_cut);
	assert_int_equal(buf.size, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_padded),  cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_stamp),   cmocka_unit_test(test_duration),
		cmocka_unit_test(test_count),   cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
