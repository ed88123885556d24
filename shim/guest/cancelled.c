#include "guest/cancelled.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "sys/portable.h"

/* struct __ptcb of musl's <pthread.h>. */
struct entry {
	void (*function)(void *);
	void *argument;
	struct entry *next;
};

static void (*real_push)(struct entry *, void (*)(void *), void *);
static void (*real_pop)(struct entry *, int);

static __thread struct {
	struct entry entry;
	void (*put_right)(uint64_t held);
	uint64_t held;
	bool is_registered;
} mine __attribute__((tls_model("initial-exec")));

void cancelled_start(void)
{
	void *push = portable_is_musl() ? portable_find("_pthread_cleanup_push") : NULL;
	void *pop = push ? portable_find("_pthread_cleanup_pop") : NULL;

	if (!pop)
		return;
	memcpy(&real_pop, &pop, sizeof(pop));
	memcpy(&real_push, &push, sizeof(push));
}

/* Called by musl, after it has taken the entry out of its list. */
static void run(void *unused)
{
	(void)unused;
	mine.is_registered = false;
	mine.put_right(mine.held);
}

bool cancelled_register(void (*put_right)(uint64_t held), uint64_t held)
{
	if (!real_push || mine.is_registered)
		return false;
	mine.is_registered = true;
	mine.put_right = put_right;
	mine.held = held;
	atomic_signal_fence(memory_order_seq_cst);
	real_push(&mine.entry, run, NULL);
	return true;
}

void cancelled_forget(void)
{
	real_pop(&mine.entry, 0);
	atomic_signal_fence(memory_order_seq_cst);
	mine.is_registered = false;
}
