/* The states of descriptor numbers, also with threads that reuse the same few (run under TSan too).
 */
#include "unit.h"

#include <pthread.h>

#include "conn/conn.h"
#include "conn/fdtable.h"

static bool is_unwatched(int fd)
{
	return fdtable_state(fdtable_load(fd)) == FD_UNWATCHED;
}

static uint64_t store(int fd, uint64_t slot)
{
	bool is_stored;
	uint64_t before = fdtable_exchange(fd, slot, &is_stored);

	assert_true(is_stored);
	return before;
}

static void test_slot(void **state)
{
	static const struct {
		enum fd_state state;
		uint32_t index, generation, kept_generation;
	} rows[] = {
		{FD_UNKNOWN, 0, 0, 0},
		{FD_UNWATCHED, 0, 0, 0},
		{FD_WATCHED, 1, 1, 1},
		{FD_WATCHED, UINT32_MAX, (1 << 29) - 1, (1 << 29) - 1},
		{FD_WATCHED, 5, UINT32_MAX, (1 << 29) - 1},
		{FD_EPOLL, 0, 0, 0},
		{FD_OURS, 0, 0, 0},
		{FD_CLOSED, 0, 0, 0},
		{FD_UNTRACED, 7, 8, 8},
		{FD_UNTRACED, UINT32_MAX, (1 << 29) - 1, (1 << 29) - 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t slot = fdtable_slot(rows[i].state, rows[i].index, rows[i].generation);

		assert_int_equal(fdtable_state(slot), rows[i].state);
		assert_int_equal(fdtable_index(slot), rows[i].index);
		assert_int_equal(fdtable_generation(slot), rows[i].kept_generation);
		assert_int_equal(fdtable_is_known(slot),
				 rows[i].state != FD_UNKNOWN && rows[i].state != FD_CLOSED);
		assert_int_equal(fdtable_has_conn(slot),
				 rows[i].state == FD_WATCHED || rows[i].state == FD_UNTRACED);
	}
	assert_int_equal(fdtable_slot(FD_UNKNOWN, 0, 0), 0);
}

static void test_every_number(void **state)
{
	static const int numbers[] = {0,    1,    2,       FDTABLE_LOW - 1, FDTABLE_LOW,
				      8191, 8192, 1 << 20, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int fd = numbers[i];
		uint64_t watched = fdtable_slot(FD_WATCHED, (uint32_t)i, 7);

		assert_int_equal(fdtable_load(fd), 0);
		assert_false(is_unwatched(fd));
		assert_int_equal(store(fd, fdtable_slot(FD_UNWATCHED, 0, 0)), 0);
		assert_true(is_unwatched(fd));
		assert_int_equal(store(fd, watched), fdtable_slot(FD_UNWATCHED, 0, 0));
		assert_int_equal(fdtable_load(fd), watched);
		assert_false(is_unwatched(fd));
		assert_false(fdtable_replace(fd, 0, fdtable_slot(FD_OURS, 0, 0)));
		assert_int_equal(fdtable_load(fd), watched);
		assert_true(fdtable_replace(fd, watched, fdtable_slot(FD_CLOSED, 0, 0)));
		assert_int_equal(fdtable_state(fdtable_load(fd)), FD_CLOSED);
		store(fd, 0);
		assert_int_equal(fdtable_load(fd), 0);
	}
}

static void test_no_number(void **state)
{
	static const int numbers[] = {-1, -100, INT32_MIN};
	bool is_stored;

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_int_equal(fdtable_load(numbers[i]), 0);
		assert_false(is_unwatched(numbers[i]));
		assert_int_equal(fdtable_exchange(numbers[i], fdtable_slot(FD_UNWATCHED, 0, 0),
						  &is_stored),
				 0);
		assert_false(is_stored);
		assert_int_equal(fdtable_exchange(numbers[i], 0, &is_stored), 0);
		assert_true(is_stored);
		assert_false(fdtable_replace(numbers[i], 0, fdtable_slot(FD_OURS, 0, 0)));
	}
	/* Forgets a number that was never stored. */
	assert_int_equal(fdtable_exchange(1 << 28, 0, &is_stored), 0);
	assert_true(is_stored);
}

static void test_next(void **state)
{
	static const int numbers[] = {3,    FDTABLE_LOW - 1, FDTABLE_LOW, 5000,
				      8192, 1 << 24,         INT32_MAX};
	int fd = -1;

	(void)state;
	assert_int_equal(fdtable_next(0, UINT32_MAX), -1);
	store(4, fdtable_slot(FD_CLOSED, 0, 0));
	for (size_t i = 0; i < COUNT(numbers); i++)
		store(numbers[i], fdtable_slot(i % 2 ? FD_UNWATCHED : FD_WATCHED, 1, 1));
	for (size_t i = 0; i < COUNT(numbers); i++) {
		fd = fdtable_next(fd + 1, UINT32_MAX);
		assert_int_equal(fd, numbers[i]);
		assert_int_equal(fdtable_next(fd, (unsigned)fd), fd);
		assert_int_equal(fdtable_next(-5, (unsigned)numbers[0] - 1), -1);
	}
	assert_int_equal(fdtable_next(4, FDTABLE_LOW - 2), -1);
	assert_int_equal(fdtable_next(10, 5), -1);
	assert_int_equal(fdtable_next((1 << 24) + 1, INT32_MAX - 1), -1);
	for (size_t i = 0; i < COUNT(numbers); i++)
		store(numbers[i], 0);
	store(4, 0);
	assert_int_equal(fdtable_next(0, UINT32_MAX), -1);
}

enum { THREADS = 4, NUMBERS = 16, ROUNDS = 20000, STRESS_BASE = FDTABLE_LOW - NUMBERS / 2 };

/* Checks that the connection found by a number is the one that was stored under it: its port says
 * which. */
static bool look_at(int fd)
{
	struct conn *conn = conn_acquire(fdtable_load(fd));
	struct conn_view view;
	bool is_right;

	if (!conn)
		return true;
	conn_read(conn, &view);
	is_right = view.peer.port == fd && view.serial != 0;
	atomic_fetch_add(&conn->sent_bytes, 1);
	conn_release(conn);
	return is_right;
}

static bool drop(uint64_t slot)
{
	struct conn *conn = conn_acquire(slot);

	if (fdtable_state(slot) != FD_WATCHED)
		return true;
	if (!conn)
		return false; /* the table's reference keeps it alive until here */
	conn_release(conn);
	conn_release(conn);
	return true;
}

static void *reuse_numbers(void *argument)
{
	uint32_t random = *(const uint32_t *)argument;
	bool is_right = true, is_stored;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = STRESS_BASE + (int)(random >> 16) % NUMBERS;
		struct conn *conn;

		random = random * 1664525 + 1013904223;
		switch (random >> 30) {
		case 0:
			is_right &= drop(
				fdtable_exchange(fd, fdtable_slot(FD_CLOSED, 0, 0), &is_stored));
			break;
		case 1:
			conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
			if (!conn)
				break;
			conn->peer.port = (uint16_t)fd;
			is_right &= drop(fdtable_exchange(fd, conn_slot(conn), &is_stored)) &&
				    is_stored;
			break;
		default:
			is_right &= look_at(fd);
		}
	}
	return is_right ? NULL : argument;
}

static void test_threads(void **state)
{
	static uint32_t seeds[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];
	bool is_right = true;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reuse_numbers, &seeds[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		is_right &= result == NULL;
	}
	assert_true(is_right);
	for (int fd = STRESS_BASE; fd < STRESS_BASE + NUMBERS; fd++)
		assert_true(drop(store(fd, 0)));
	/* Nothing leaked: at most the numbers were alive, and for each thread two more. */
	assert_in_range(conn_slab_size(), 1, NUMBERS + 2 * THREADS);
	for (uint32_t i = 0; i < conn_slab_size(); i++)
		assert_null(conn_acquire_at(i));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot),      cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_no_number), cmocka_unit_test(test_next),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("fdtable", tests, NULL, NULL);
}
