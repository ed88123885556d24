#include "unit.h"

#include "format/nearest.h"

static const char *const words[] = {"report", "netstat", "explain", "list", "help", "version"};
static const char *const notes[] = {"half-open", "peer-fin", "reset-by-peer", "reset-peer-forgot",
				    "spinning"};
static const char *const variables[] = {"FDS",  "OUTPUT", "COLOR", "CLOSE_ON_EOF",
					"TIME", "TRACE",  "TIMES", "USER_TIMEOUT"};

struct row {
	const char *typed, *found;
	bool is_close;
};

static bool finds(const struct row *row, const char *const *names, size_t count)
{
	struct nearest nearest;

	nearest_start(&nearest, row->typed, strlen(row->typed));
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, names[i]);
	if (strcmp(nearest.found, row->found) == 0 && nearest_is_close(&nearest) == row->is_close)
		return true;
	print_error("%s: %s, %s\n", row->typed, nearest.found,
		    nearest_is_close(&nearest) ? "close" : "not close");
	return false;
}

static void test_words(void **state)
{
	static const struct row rows[] = {
		{"reprot", "report", true},   {"raport", "report", true},
		{"REPORT", "report", true},   {"rep", "report", false},
		{"lst", "list", true},        {"netsat", "netstat", true},
		{"versoin", "version", true}, {"explian", "explain", true},
		{"ls", "list", false},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= finds(&rows[i], words, COUNT(words));
	assert_true(is_right);
}

static void test_notes(void **state)
{
	static const struct row rows[] = {
		{"half-opne", "half-open", true},        {"half_open", "half-open", true},
		{"reset-by-per", "reset-by-peer", true}, {"reset", "reset-by-peer", false},
		{"forgot", "reset-peer-forgot", false},  {"fin", "peer-fin", false},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= finds(&rows[i], notes, COUNT(notes));
	assert_true(is_right);
}

static void test_variables(void **state)
{
	static const struct row rows[] = {
		{"OUT", "OUTPUT", false},           {"CLOSE", "CLOSE_ON_EOF", false},
		{"TIMEOUT", "USER_TIMEOUT", false}, {"TARCE", "TRACE", true},
		{"COLOUR", "COLOR", true},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		is_right &= finds(&rows[i], variables, COUNT(variables));
	assert_true(is_right);
}

/* Names of any length; none offered; typed without an end. */
static void test_limits(void **state)
{
	struct nearest nearest;
	char letters[300];

	(void)state;
	memset(letters, 'x', sizeof(letters) - 1);
	letters[sizeof(letters) - 1] = '\0';
	nearest_start(&nearest, letters, sizeof(letters) - 1);
	assert_false(nearest_is_close(&nearest));
	assert_true(nearest_offer(&nearest, "report"));
	assert_false(nearest_is_close(&nearest));
	nearest_start(&nearest, "", 0);
	assert_true(nearest_offer(&nearest, ""));
	assert_false(nearest_is_close(&nearest));
	nearest_start(&nearest, "listen", 4);
	assert_true(nearest_offer(&nearest, letters));
	assert_true(nearest_offer(&nearest, "list"));
	assert_int_equal(nearest.edits, 0);
	assert_false(nearest_offer(&nearest, "lists"));
	assert_string_equal(nearest.found, "list");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
