#include "unit.h"

#include <pthread.h>

#include "sys/clock.h"

/* For how long our clock is compared with the kernel's, and the error that is allowed. */
enum { SECONDS = 1, MOST_OFF_NS = 20000 };
#define NS_PER_S UINT64_C(1000000000)

/* Counts how often our clock was wrong: it must lie between two readings of the kernel's clock,
 * except for the error that is allowed. */
static void *count_off(void *unused)
{
	uint64_t end_ns = clock_read(CLOCK_MONOTONIC) + SECONDS * NS_PER_S, last_ns = 0, off = 0;

	for (uint64_t before_ns = 0; before_ns < end_ns;) {
		uint64_t now_ns, after_ns;

		before_ns = clock_read(CLOCK_MONOTONIC);
		now_ns = clock_now_ns();
		after_ns = clock_read(CLOCK_MONOTONIC);
		if (now_ns + MOST_OFF_NS < before_ns || now_ns > after_ns + MOST_OFF_NS ||
		    now_ns + MOST_OFF_NS < last_ns)
			off++;
		last_ns = now_ns;
	}
	(void)unused;
	return (void *)off;
}

static void test_follows_the_kernels(void **state)
{
	pthread_t thread;
	void *off;

	(void)state;
	clock_start();
	assert_int_equal(pthread_create(&thread, NULL, count_off, NULL), 0);
	assert_null(count_off(NULL));
	pthread_join(thread, &off);
	assert_null(off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_follows_the_kernels)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
