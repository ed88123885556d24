#include "unit.h"

#include "conn/epoll_map.h"

static void test_unknown(void **state)
{
	(void)state;
	assert_int_equal(epoll_map_find(5, 0), -1);
	assert_int_equal(epoll_map_find(5, 7), -1);
}

static void test_found(void **state)
{
	static const struct {
		int epoll_fd;
		uint64_t data;
		int fd;
	} rows[] = {
		{5, 7, 7},          {5, 0, 0},  {5, 0x7FFC08043670, 8},
		{5, UINT64_MAX, 9}, {0, 7, 10}, {INT32_MAX, 7, INT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		epoll_map_store(rows[i].epoll_fd, rows[i].data, rows[i].fd);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(epoll_map_find(rows[i].epoll_fd, rows[i].data), rows[i].fd);
	assert_int_equal(epoll_map_find(6, 7), -1);
	assert_int_equal(epoll_map_find(5, 8), -1);
}

/* The same data for another descriptor: the newer one counts. */
static void test_replaced(void **state)
{
	(void)state;
	epoll_map_store(5, 99, 20);
	epoll_map_store(5, 99, 21);
	assert_int_equal(epoll_map_find(5, 99), 21);
}

/* More than there is room for: the map forgets, but never returns the wrong one. */
static void test_crowded(void **state)
{
	enum { MANY = 300000 };
	unsigned found = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		epoll_map_store(5, 0x7FFC00000000 + (uint64_t)i * 256, i);
		assert_int_equal(epoll_map_find(5, 0x7FFC00000000 + (uint64_t)i * 256), i);
	}
	for (int i = 0; i < MANY; i++) {
		int fd = epoll_map_find(5, 0x7FFC00000000 + (uint64_t)i * 256);

		assert_true(fd == -1 || fd == i);
		found += fd == i;
	}
	assert_in_range(found, 100000, 1 << 17);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_crowded),
	};

	return cmocka_run_group_tests_name("epoll_map", tests, NULL, NULL);
}
