/* Which descriptors refer to one connection, which slots epoll instances get, and threads that copy
 * and close descriptors of one connection (run under TSan too). */
#include "unit.h"

#include <pthread.h>

#include "guest/process.h"
#include "trace/classify.h"
#include "trace/descriptor.h"

enum { HIGH = 5000 }; /* no number that is looked at for one that was not remembered */

static void attach(struct conn *conn, int fd)
{
	struct conn *old = descriptor_attach(fd, conn_acquire(conn_slot(conn)));

	if (old)
		conn_release(old);
}

static void detach(int fd)
{
	bool is_last;
	struct conn *conn = descriptor_detach(fd, &is_last);

	if (conn)
		conn_release(conn);
}

/* Attaching and detaching fd, as entries of a history. */
#define A(fd) ((fd) + 1)
#define D(fd) (-(fd)-1)

static void test_find_other(void **state)
{
	static const struct {
		int history[12]; /* ends at 0 */
		int fd, other;
	} rows[] = {
		{{A(5)}, 5, -1},
		{{A(5), A(7)}, 5, 7},
		{{A(5), A(7)}, 7, 5},
		{{A(7), A(5)}, 7, 5},
		{{A(5), A(7), D(5)}, 5, 7},
		{{A(5), A(7), D(7)}, 5, -1},
		{{A(5), A(7), A(9), D(9)}, 9, 5},
		{{A(9), A(7), A(5), D(9)}, 9, 5},
		{{A(5), A(5)}, 5, -1},
		/* the place of a detached one is used again */
		{{A(HIGH), A(5), D(5), A(6), D(6), A(7), D(7), A(8), D(8), A(9)}, HIGH, 9},
		{{A(HIGH), A(5), D(5), A(6), D(6), A(7), D(7), A(8), D(8), A(9)}, 9, HIGH},
		/* more than are remembered: the lowest number is found, if it is low */
		{{A(11), A(12), A(13), A(14), A(10), D(11)}, 11, 10},
		{{A(HIGH), A(HIGH + 1), A(HIGH + 2), A(HIGH + 3), A(6)}, HIGH, 6},
		/* none of them low: one that is remembered is found */
		{{A(HIGH + 1), A(HIGH + 2), A(HIGH + 3), A(HIGH + 4), A(HIGH)}, HIGH + 1, HIGH + 2},
		/* none remembered, none low: none is found */
		{{A(HIGH + 1), A(HIGH + 2), A(HIGH + 3), A(HIGH + 4), A(HIGH), D(HIGH + 1),
		  D(HIGH + 2), D(HIGH + 3), D(HIGH + 4)},
		 HIGH + 1,
		 -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
		struct conn *stranger = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);

		attach(stranger, 4);
		for (const int *step = rows[i].history; *step != 0; step++) {
			if (*step > 0) {
				attach(conn, *step - 1);
				continue;
			}
			detach(-*step - 1);
			attach(stranger, -*step - 1); /* the number is now another connection's */
		}
		assert_int_equal(descriptor_find_other(conn, rows[i].fd), rows[i].other);
		for (int fd = fdtable_next(0, INT32_MAX); fd >= 0;
		     fd = fdtable_next(fd + 1, INT32_MAX))
			detach(fd);
		assert_true(conn_release(conn));
		assert_true(conn_release(stranger));
	}
}

/* All descriptors of a connection become untraced with it, and traced again. */
static void test_judge(void **state)
{
	static const int counts[] = {0, 1, 2, CONN_FDS, CONN_FDS + 3};

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 1);
		uint32_t before = descriptor_watched_count();

		process_is_tracing = true;
		for (int j = 0; j < counts[i]; j++)
			attach(conn, HIGH + j);
		assert_int_equal(descriptor_watched_count(), before + (uint32_t)counts[i]);
		for (int round = 0; round < 4; round++) {
			process_is_tracing = round % 2 != 0;
			classify_match(HIGH, conn, ROLE_CLIENT);
			assert_int_equal(descriptor_watched_count(),
					 before + (process_is_tracing ? (uint32_t)counts[i] : 0));
			for (int j = 0; j < counts[i]; j++)
				assert_int_equal(fdtable_load(HIGH + j), conn_slot(conn));
		}
		process_is_tracing = false;
		for (int j = 0; j < counts[i]; j++)
			detach(HIGH + j);
		assert_true(conn_release(conn));
	}
}

static void test_epoll(void **state)
{
	uint64_t first = descriptor_mark_epoll(20), second = descriptor_mark_epoll(21), again;

	(void)state;
	assert_int_equal(fdtable_state(first), FD_EPOLL);
	assert_int_equal(fdtable_load(20), first);
	assert_int_not_equal(first, second);
	assert_int_equal(descriptor_mark_epoll(20), first);
	/* The number of a closed instance is given to another instance. */
	descriptor_forget(20);
	assert_int_equal(fdtable_load(20), 0);
	again = descriptor_mark_epoll(20);
	assert_int_equal(fdtable_state(again), FD_EPOLL);
	assert_int_not_equal(again, first);
	/* A copy has a slot of its own. */
	descriptor_replace(22, FD_EPOLL);
	assert_int_equal(fdtable_state(fdtable_load(22)), FD_EPOLL);
	assert_int_not_equal(fdtable_load(22), again);
	assert_int_equal(descriptor_mark_epoll(-1), 0);
	for (int fd = 20; fd <= 22; fd++)
		descriptor_forget(fd);
}

enum { THREADS = 4, ROUNDS = 20000, EACH = 3 };
static struct conn *shared;

/* Each thread has its own numbers. The other descriptor that is found is never the one asked about,
 * and never a number that nobody uses. */
static void *copy_and_close(void *argument)
{
	int base = *(const int *)argument;
	bool is_right = true;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = base + i % EACH, other;

		attach(shared, fd);
		other = descriptor_find_other(shared, fd);
		is_right &= other != fd &&
			    (other == -1 || (other >= HIGH - 1 && other < HIGH + THREADS * EACH));
		if (i % 5 == 0)
			classify_match(fd, shared, ROLE_CLIENT);
		detach(base + (i + i / 7) % EACH);
	}
	for (int i = 0; i < EACH; i++)
		detach(base + i);
	return is_right ? NULL : argument;
}

static void test_threads(void **state)
{
	static int bases[THREADS];
	pthread_t threads[THREADS];
	bool is_right = true;

	(void)state;
	shared = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
	attach(shared, HIGH - 1);
	for (int i = 0; i < THREADS; i++) {
		bases[i] = HIGH + i * EACH;
		assert_int_equal(pthread_create(&threads[i], NULL, copy_and_close, &bases[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		is_right &= result == NULL;
	}
	assert_true(is_right);
	assert_int_equal(atomic_load(&shared->descriptors), 1);
	assert_int_equal(descriptor_find_other(shared, HIGH), HIGH - 1);
	detach(HIGH - 1);
	assert_true(conn_release(shared));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_other),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_epoll),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("sight", tests, NULL, NULL);
}
