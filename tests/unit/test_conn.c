/* The slab: connections, their references, generations and serials. What steps do to a connection
 * is tested by test_notes. */
#include "conn/state.h"
#include "unit.h"

#include <pthread.h>

#include "conn/conn.h"
#include "conn/fdtable.h"

static uint32_t count_references(const struct conn *conn)
{
	return (uint32_t)atomic_load(&conn->life);
}

static void test_fresh(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_CONNECTING, 3, 1000);
	struct conn_view view;

	(void)state;
	assert_non_null(conn);
	assert_int_equal(count_references(conn), 1);
	conn_read(conn, &view);
	assert_int_equal(view.kind, CONN_KIND_TCP);
	assert_int_equal(view.phase, CONN_PHASE_CONNECTING);
	assert_int_equal(view.state, STATE_UNKNOWN);
	assert_int_equal(view.role, ROLE_NONE);
	assert_int_equal(atomic_load(&conn->epoll), 0);
	for (unsigned i = 0; i < CONN_FDS; i++)
		assert_int_equal(atomic_load(&conn->fds[i]), -1);
	assert_int_equal(view.opened_ns, 1000);
	assert_int_equal(view.active_ns, 1000);
	assert_int_equal(view.sent_bytes + view.received_bytes + view.noted + view.flags, 0);
	assert_true(conn_release(conn));
}

/* A connection that takes the place of another keeps nothing of it. */
static void test_reused(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_SOCKET, CONN_PHASE_OPEN, 0, 1000), *again;
	struct conn_view old, view;
	uint64_t slot = conn_slot(conn);

	(void)state;
	atomic_store(&conn->flags, CONN_FLAG_DEAD);
	atomic_store(&conn->sent_bytes, 22);
	atomic_store(&conn->acknowledged_base, 1);
	atomic_store(&conn->fin_ns, 5);
	atomic_store(&conn->unanswered_ns, 5);
	atomic_store(&conn->is_untraced, true);
	atomic_store(&conn->match, 2);
	atomic_store(&conn->enforced, 3);
	atomic_store(&conn->unreported, POLICY_ACTION_REFUSED);
	conn->peer.port = 80;
	conn_note(conn, 6, 0);
	conn_read(conn, &old);
	conn_release(conn);

	again = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 2000);
	assert_ptr_equal(again, conn);
	assert_null(conn_acquire(slot));
	assert_int_not_equal(conn_slot(again), slot);
	conn_read(again, &view);
	assert_int_equal(view.serial, old.serial + 1);
	assert_int_equal(view.kind, CONN_KIND_TCP);
	assert_int_equal(view.peer.port, 0);
	assert_int_equal(view.flags + view.sent_bytes + view.acknowledged_base + view.fin_ns +
				 view.unanswered_ns,
			 0);
	assert_int_equal(view.noted, 0);
	assert_false(atomic_load(&again->is_untraced));
	assert_int_equal(atomic_load(&again->match), 0);
	assert_int_equal(atomic_load(&again->enforced) + atomic_load(&again->unreported), 0);
	conn_release(again);
}

static void test_references(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
	uint64_t slot = conn_slot(conn);

	(void)state;
	assert_int_equal(fdtable_state(slot), FD_WATCHED);
	assert_ptr_equal(conn_acquire(slot), conn);
	assert_int_equal(count_references(conn), 2);
	assert_int_equal(conn_slot(conn), slot);
	assert_false(conn_release(conn));
	assert_ptr_equal(conn_acquire_at(fdtable_index(slot)), conn);
	assert_false(conn_release(conn));
	assert_true(conn_release(conn));
	assert_null(conn_acquire(slot));
	assert_null(conn_acquire_at(fdtable_index(slot)));
}

static void test_what_is_no_connection(void **state)
{
	static const enum fd_state states[] = {FD_UNKNOWN, FD_UNWATCHED, FD_EPOLL, FD_OURS,
					       FD_CLOSED};
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
	uint64_t slot = conn_slot(conn);

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++)
		assert_null(conn_acquire(
			fdtable_slot(states[i], fdtable_index(slot), fdtable_generation(slot))));
	assert_null(conn_acquire(
		fdtable_slot(FD_WATCHED, fdtable_index(slot), fdtable_generation(slot) + 1)));
	/* An index in a part of the slab that does not exist yet. */
	assert_null(conn_acquire(fdtable_slot(FD_WATCHED, (1 << 22) - 1, 0)));
	assert_null(conn_acquire_at((1 << 22) - 1));
	conn_release(conn);
}

/* The word in the table says whether anything of the connection is shown; with or without, it is
 * found. */
static void test_silent(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
	uint64_t watched = conn_slot(conn), silent;

	(void)state;
	atomic_store(&conn->is_untraced, true);
	silent = conn_slot(conn);
	assert_int_equal(fdtable_state(watched), FD_WATCHED);
	assert_int_equal(fdtable_state(silent), FD_UNTRACED);
	assert_int_equal(fdtable_index(silent), fdtable_index(watched));
	assert_int_equal(fdtable_generation(silent), fdtable_generation(watched));
	assert_ptr_equal(conn_acquire(silent), conn);
	assert_ptr_equal(conn_acquire(watched), conn);
	assert_int_equal(count_references(conn), 3);
	conn_release(conn);
	conn_release(conn);
	atomic_store(&conn->is_untraced, false);
	assert_int_equal(conn_slot(conn), watched);
	assert_null(conn_acquire(
		fdtable_slot(FD_UNTRACED, fdtable_index(silent), fdtable_generation(silent) + 1)));
	assert_true(conn_release(conn));
	assert_null(conn_acquire(silent));
	assert_null(conn_acquire(watched));
}

/* What policies did is taken once. */
static void test_take_policy(void **state)
{
	static const struct conn_policy nothing = {0};
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
	struct conn_policy policy;

	(void)state;
	memset(&policy, 0xff, sizeof(policy));
	conn_take_policy(conn, &policy);
	assert_memory_equal(&policy, &nothing, sizeof(policy));

	for (int32_t option = 0; option < CONN_OPTION_COUNT; option++)
		atomic_store(&conn->values[option], 10 + option);
	atomic_store(&conn->policy_option, CONN_OPTION_KEEPCNT);
	atomic_store(&conn->policy_error, 92);
	conn_take_policy(conn, &policy); /* no action: nothing to report */
	assert_memory_equal(&policy, &nothing, sizeof(policy));

	atomic_store(&conn->unreported, POLICY_ACTION_SET_KEEPALIVE | POLICY_ACTION_REFUSED);
	conn_take_policy(conn, &policy);
	assert_int_equal(policy.actions, POLICY_ACTION_SET_KEEPALIVE | POLICY_ACTION_REFUSED);
	for (int32_t option = 0; option < CONN_OPTION_COUNT; option++)
		assert_int_equal(policy.values[option], 10 + option);
	assert_int_equal(policy.option, CONN_OPTION_KEEPCNT);
	assert_int_equal(policy.error, 92);
	assert_int_equal(atomic_load(&conn->unreported), 0);
	conn_take_policy(conn, &policy);
	assert_memory_equal(&policy, &nothing, sizeof(policy));

	atomic_store(&conn->unreported, POLICY_ACTION_OVERRULED);
	conn_take_policy(conn, &policy);
	assert_int_equal(policy.actions, POLICY_ACTION_OVERRULED);
	conn_release(conn);
}

/* If a policy ends the connection, the state that the kernel is in is kept, and who ended it. */
static void test_ending(void **state)
{
	static const struct {
		uint8_t policy_end;
		uint32_t flags;
		uint8_t state;
	} rows[] = {
		{0, 0, STATE_CLOSE_WAIT},
		{POLICY_ACTION_SENT_FIN,
		 CONN_FLAG_POLICY_ENDED | CONN_FLAG_SHUT_READ | CONN_FLAG_SHUT_WRITE,
		 STATE_LAST_ACK},
		{POLICY_ACTION_SENT_RST,
		 CONN_FLAG_POLICY_ENDED | CONN_FLAG_SHUT_READ | CONN_FLAG_SHUT_WRITE |
			 CONN_FLAG_DEAD,
		 STATE_CLOSE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
		struct conn_step read = {.effect = EFFECT_READ,
					 .asked_bytes = 1,
					 .now_ns = 7,
					 .after = {.state = STATE_CLOSE_WAIT},
					 .policy_end = rows[i].policy_end};
		struct conn_view view;

		atomic_store(&conn->state, STATE_ESTABLISHED);
		state_advance(conn, &read);
		conn_read(conn, &view);
		assert_int_equal(view.flags, rows[i].flags);
		assert_int_equal(view.state, rows[i].state);
		assert_int_equal(view.fin_ns, 7);
		assert_int_equal(view.eof_count, 1);
		conn_release(conn);
	}
}

/* A socket that is disconnected and connects again is a new connection: the policies apply to it
 * again. */
static void test_cleared(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
	struct conn_step disconnect = {.effect = EFFECT_CONNECT, .is_disconnect = true};
	struct conn_policy policy;

	(void)state;
	atomic_store(&conn->flags,
		     CONN_FLAG_OPTIONS_SET | CONN_FLAG_POLICY_ENDED | CONN_FLAG_SHUT_WRITE);
	atomic_store(&conn->match, 2);
	atomic_store(&conn->enforced, 31);
	atomic_store(&conn->unreported, POLICY_ACTION_SET_KEEPALIVE);
	state_advance(conn, &disconnect);
	assert_int_equal(atomic_load(&conn->flags), 0);
	assert_int_equal(atomic_load(&conn->match) + atomic_load(&conn->enforced), 0);
	conn_take_policy(conn, &policy);
	assert_int_equal(policy.actions, 0);
	conn_release(conn);
}

/* Over several chunks of the slab all connections differ, all are found again, and places are
 * reused. */
static void test_many(void **state)
{
	enum { MANY = 2000 };
	static struct conn *conns[MANY];
	static uint64_t slots[MANY];
	uint32_t size;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		conns[i] = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
		assert_non_null(conns[i]);
		slots[i] = conn_slot(conns[i]);
		conns[i]->peer.port = (uint16_t)i;
		if (i > 0)
			assert_int_equal(conns[i]->serial, conns[i - 1]->serial + 1);
	}
	for (int i = 0; i < MANY; i++) {
		struct conn *conn = conn_acquire(slots[i]);

		assert_ptr_equal(conn, conns[i]);
		assert_int_equal(conn->peer.port, i);
		conn_release(conn);
	}
	size = conn_slab_size();
	assert_true(size >= MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(conn_release(conns[i]));
	for (int i = 0; i < MANY; i++) {
		conns[i] = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
		assert_null(conn_acquire(slots[i]));
	}
	assert_int_equal(conn_slab_size(), size);
	for (int i = 0; i < MANY; i++)
		conn_release(conns[i]);
}

/* The generation has 29 bits: it wraps around, and a wrapped one is not mistaken for a reference.
 */
static void test_generation_wraps(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
	uint64_t slot, life = UINT64_C(0x1fffffff) << 32 | 1;

	(void)state;
	atomic_store(&conn->life, life);
	slot = conn_slot(conn);
	assert_int_equal(fdtable_generation(slot), 0x1fffffff);
	assert_ptr_equal(conn_acquire(slot), conn);
	conn_release(conn);
	assert_true(conn_release(conn));
	assert_null(conn_acquire(slot));
	assert_ptr_equal(conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0), conn);
	assert_int_equal(fdtable_generation(conn_slot(conn)), 0);
	assert_int_equal(count_references(conn), 1);
	conn_release(conn);
}

static void test_noted(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);

	(void)state;
	conn_note(conn, 5, 0);
	conn_note(conn, 2, 1);
	assert_int_equal(atomic_load(&conn->noted), 6);
	conn_note(conn, 8, 8);
	assert_int_equal(atomic_load(&conn->noted), 14);
	conn_note(conn, 0, UINT64_MAX);
	assert_int_equal(atomic_load(&conn->noted), 0);
	conn_release(conn);
}

static void test_maybe_shared(void **state)
{
	struct conn *conn = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 3, 0);

	(void)state;
	assert_false(conn_is_maybe_shared(conn, 3));
	assert_true(conn_is_maybe_shared(conn, 4));
	atomic_store(&conn->flags, CONN_FLAG_PASSED);
	assert_true(conn_is_maybe_shared(conn, 3));
	conn_release(conn);
}

enum { THREADS = 4, ROUNDS = 20000, HELD = 8 };

/* A connection that one thread holds goes to no other: the thread's mark is still in it afterwards.
 */
static void *create_and_release(void *argument)
{
	uint16_t mark = *(const uint16_t *)argument;
	struct conn *held[HELD] = {0};
	uint64_t slots[HELD] = {0};
	bool is_right = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned place = (i * 7 + i / 5) % HELD;

		if (held[place]) {
			is_right &= held[place]->peer.port == mark &&
				    conn_slot(held[place]) == slots[place];
			conn_release(held[place]);
			is_right &= conn_acquire(slots[place]) == NULL;
		}
		held[place] = conn_create(CONN_KIND_TCP, CONN_PHASE_NEW, 0, 0);
		if (!held[place])
			return argument;
		held[place]->peer.port = mark;
		slots[place] = conn_slot(held[place]);
	}
	for (unsigned i = 0; i < HELD; i++)
		if (held[i])
			conn_release(held[i]);
	return is_right ? NULL : argument;
}

static void test_threads(void **state)
{
	static uint16_t marks[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];
	uint32_t size = conn_slab_size();
	bool is_right = true;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create_and_release, &marks[i]),
				 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		is_right &= result == NULL;
	}
	assert_true(is_right);
	assert_int_equal(conn_slab_size(), size);
	for (uint32_t i = 0; i < size; i++)
		assert_null(conn_acquire_at(i));
}

static struct conn *shared;

/* Steps that several threads make on one connection lose no byte. */
static void *write_and_read(void *argument)
{
	struct conn_step step = {.now_ns = 2, .start_ns = 1};

	for (int i = 0; i < ROUNDS; i++) {
		struct conn_view view;

		step.effect = i % 2 ? EFFECT_WRITE : EFFECT_READ;
		step.result = 3;
		state_advance(shared, &step);
		conn_note(shared, UINT64_C(1) << (i % 40), UINT64_C(1) << (i % 30));
		conn_read(shared, &view);
	}
	return argument;
}

static void test_threads_on_one(void **state)
{
	pthread_t threads[THREADS];
	struct conn_view view;

	(void)state;
	shared = conn_create(CONN_KIND_TCP, CONN_PHASE_OPEN, 0, 1);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	conn_read(shared, &view);
	assert_int_equal(view.sent_bytes, THREADS * ROUNDS / 2 * 3);
	assert_int_equal(view.received_bytes, THREADS * ROUNDS / 2 * 3);
	assert_true(conn_release(shared));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),      cmocka_unit_test(test_reused),
		cmocka_unit_test(test_references), cmocka_unit_test(test_what_is_no_connection),
		cmocka_unit_test(test_silent),     cmocka_unit_test(test_take_policy),
		cmocka_unit_test(test_ending),     cmocka_unit_test(test_cleared),
		cmocka_unit_test(test_many),       cmocka_unit_test(test_generation_wraps),
		cmocka_unit_test(test_noted),      cmocka_unit_test(test_maybe_shared),
		cmocka_unit_test(test_threads),    cmocka_unit_test(test_threads_on_one),
	};

	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
