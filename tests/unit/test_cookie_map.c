/* Connections found by their cookies, also by several threads (run under TSan too). */
#include "unit.h"

#include <pthread.h>

#include "conn/cookie_map.h"

static struct conn *make(uint64_t cookie)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);

	atomic_store(&conn->cookie, cookie);
	cookie_map_store(conn);
	return conn;
}

/* Returns whether the cookie leads to conn, or to no connection if conn is NULL. */
static bool leads_to(uint64_t cookie, const struct conn *conn)
{
	struct conn *found = cookie_map_acquire(cookie);

	if (found)
		conn_release(found);
	return found == conn;
}

static void test_found(void **state)
{
	static const uint64_t cookies[] = {
		1, 2, 1 + COOKIE_MAP_ENTRIES, COOKIE_MAP_ENTRIES - 1, UINT64_MAX, 4096,
	};
	struct conn *conns[COUNT(cookies)];

	(void)state;
	assert_true(leads_to(1, NULL));
	for (size_t i = 0; i < COUNT(cookies); i++)
		conns[i] = make(cookies[i]);
	for (size_t i = 0; i < COUNT(cookies); i++)
		assert_true(leads_to(cookies[i], conns[i]));
	assert_true(leads_to(3, NULL));
	/* A released connection is not found, the others are; its place is used again. */
	assert_true(conn_release(conns[0]));
	assert_true(leads_to(cookies[0], NULL));
	for (size_t i = 1; i < COUNT(cookies); i++)
		assert_true(leads_to(cookies[i], conns[i]));
	conns[0] = make(cookies[0]);
	assert_true(leads_to(cookies[0], conns[0]));
	for (size_t i = 0; i < COUNT(cookies); i++)
		assert_true(conn_release(conns[i]));
}

/* A connection that took the place of another in the slab is not found by the other's cookie. */
static void test_reused(void **state)
{
	struct conn *old = make(77), *conn;

	(void)state;
	conn_release(old);
	conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
	assert_ptr_equal(conn, old);
	assert_true(leads_to(77, NULL));
	conn_release(conn);
}

/* An untraced connection is found too, also after it has changed. */
static void test_silent(void **state)
{
	struct conn *conn = make(78);

	(void)state;
	atomic_store(&conn->is_untraced, true);
	assert_true(leads_to(78, conn));
	conn_release(conn);
}

/* More in one place than it has room for: the oldest is forgotten, and no other is found instead.
 */
static void test_crowded(void **state)
{
	struct conn *conns[COOKIE_MAP_PROBES + 1];

	(void)state;
	for (uint64_t i = 0; i <= COOKIE_MAP_PROBES; i++)
		conns[i] = make(9 + i * COOKIE_MAP_ENTRIES);
	assert_true(leads_to(9, NULL));
	for (uint64_t i = 1; i <= COOKIE_MAP_PROBES; i++)
		assert_true(leads_to(9 + i * COOKIE_MAP_ENTRIES, conns[i]));
	for (uint64_t i = 0; i <= COOKIE_MAP_PROBES; i++)
		conn_release(conns[i]);
}

enum { THREADS = 4, ROUNDS = 20000, COOKIES = 24 };

/* What is found is alive and has the cookie that was asked for. */
static void *make_and_find(void *argument)
{
	uint32_t random = *(const uint32_t *)argument;
	bool is_right = true;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t cookie = 1 + (random >> 16) % COOKIES * (COOKIE_MAP_ENTRIES / 2);
		struct conn *conn;

		random = random * 1664525 + 1013904223;
		if (random >> 30 == 0) {
			conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
			if (!conn)
				return argument;
			atomic_store(&conn->cookie, cookie);
			cookie_map_store(conn);
		} else {
			conn = cookie_map_acquire(cookie);
			if (!conn)
				continue;
		}
		is_right &= atomic_load(&conn->cookie) == cookie;
		conn_release(conn);
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
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_find, &seeds[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		is_right &= result == NULL;
	}
	assert_true(is_right);
	for (uint32_t i = 0; i < conn_slab_size(); i++)
		assert_null(conn_acquire_at(i));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),   cmocka_unit_test(test_reused),
		cmocka_unit_test(test_silent),  cmocka_unit_test(test_crowded),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("cookie_map", tests, NULL, NULL);
}
