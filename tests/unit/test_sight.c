/* Which slots epoll instances get. */
#include "unit.h"

#include "core/sight.h"

static void test_epoll(void **state)
{
	uint64_t first = sight_note_epoll(20), second = sight_note_epoll(21), again;

	(void)state;
	assert_int_equal(fdtable_state(first), FD_EPOLL);
	assert_int_equal(fdtable_load(20), first);
	assert_int_not_equal(first, second);
	assert_int_equal(sight_note_epoll(20), first);
	/* The number of a closed one is another instance's. */
	sight_forget(20);
	assert_int_equal(fdtable_load(20), 0);
	again = sight_note_epoll(20);
	assert_int_equal(fdtable_state(again), FD_EPOLL);
	assert_int_not_equal(again, first);
	/* A copy has its own. */
	sight_replace(22, FD_EPOLL);
	assert_int_equal(fdtable_state(fdtable_load(22)), FD_EPOLL);
	assert_int_not_equal(fdtable_load(22), again);
	assert_int_equal(sight_note_epoll(-1), 0);
	for (int fd = 20; fd <= 22; fd++)
		sight_forget(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epoll),
	};

	return cmocka_run_group_tests_name("sight", tests, NULL, NULL);
}
