/* Whether there are children: how long an answer is used, and the real question. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "guest/children.h"

#define MS UINT64_C(1000000)

static void test_kept(void **state)
{
	static const struct {
		bool has_any;
		uint32_t forks;
		uint64_t took_ns;
		/* how long after the answer it is read, and at how many forks */
		uint64_t later_ns;
		uint32_t forks_then;
		enum children_answer answer;
	} rows[] = {
		/* a quick answer is not kept */
		{true, 0, 300, 0, 0, CHILDREN_UNKNOWN},
		{false, 0, CHILDREN_QUICK_NS - 1, 0, 0, CHILDREN_UNKNOWN},
		/* a slow one is, CHILDREN_REST times as long as it took */
		{true, 0, MS, 0, 0, CHILDREN_MAYBE},
		{false, 0, MS, 0, 0, CHILDREN_NONE},
		{false, 0, MS, 63 * MS, 0, CHILDREN_NONE},
		{true, 0, MS, 63 * MS, 0, CHILDREN_MAYBE},
		{false, 0, MS, 65 * MS, 0, CHILDREN_UNKNOWN},
		{true, 0, MS, 65 * MS, 0, CHILDREN_UNKNOWN},
		{false, 0, CHILDREN_QUICK_NS, 250000, 0, CHILDREN_NONE},
		{false, 0, CHILDREN_QUICK_NS, 260000, 0, CHILDREN_UNKNOWN},
		/* there was a fork since */
		{false, 5, MS, MS, 5, CHILDREN_NONE},
		{false, 5, MS, MS, 6, CHILDREN_MAYBE},
		{true, 5, MS, MS, 6, CHILDREN_MAYBE},
		{false, 5, MS, 65 * MS, 6, CHILDREN_UNKNOWN},
		{false, UINT32_MAX, MS, MS, UINT32_MAX, CHILDREN_NONE},
		{false, UINT32_MAX, MS, MS, 0, CHILDREN_MAYBE},
	};
	/* since boot: a second, ten days, three years */
	static const uint64_t times_ns[] = {UINT64_C(1000000000), UINT64_C(864000000000000),
					    UINT64_C(94608000000000000)};

	(void)state;
	assert_int_equal(children_read(0, 0, 1), CHILDREN_UNKNOWN);
	for (size_t t = 0; t < COUNT(times_ns); t++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			uint64_t word = children_word(rows[i].has_any, rows[i].forks, times_ns[t],
						      rows[i].took_ns);

			assert_int_equal(children_read(word, rows[i].forks_then,
						       times_ns[t] + rows[i].later_ns),
					 rows[i].answer);
		}
}

static void test_asked(void **state)
{
	pid_t child;

	(void)state;
	assert_false(children_may_exist());
	child = vfork();
	if (child == 0)
		_exit(0);
	/* A child that nobody has waited for counts. An answer that took long would be used again
	 * for a moment. */
	usleep(100000);
	assert_true(children_may_exist());
	assert_int_equal(waitpid(child, NULL, 0), child);
	usleep(100000);
	assert_false(children_may_exist());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_asked),
	};

	return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}
