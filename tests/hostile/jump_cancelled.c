/*
 * jump_cancelled: a thread leaves a wait by siglongjmp, and is cancelled in a later one.
 *
 * Hazard: siglongjmp and cancellation of the same thread (I1).  musl keeps a list of what a
 * cancelled thread has to run.  What a library puts there for the time of a wait stays when the
 * wait is left by a jump.  If it is on the stack, musl calls what is there by then; if it is put
 * there twice, musl does not find the end of the list.
 */
#include "hostile.h"

#include <setjmp.h>

enum { ROUNDS = 4 };

static sigjmp_buf back;
static int ends[2];
static int cleaned;

static void jump(int signal_number)
{
	(void)signal_number;
	siglongjmp(back, 1);
}

static void clean(void *argument)
{
	CHECK(write(ends[0], "cleaned", 7) == 7);
	*(int *)argument += 1;
}

/* The wait is in its second part when the signal comes. */
static void leave_wait(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1,
	};
	struct itimerspec when = {.it_value.tv_sec = 1, .it_value.tv_nsec = 100000000};
	timer_t timer;

	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	if (sigsetjmp(back, 1) == 0) {
		CHECK(timer_settime(timer, 0, &when, NULL) == 0);
		poll(&waited, 1, -1);
		NEVER_REACHED("after a jump");
	}
	CHECK(timer_delete(timer) == 0);
}

/* Overwrites what the wait had on the stack. */
static __attribute__((noinline)) void overwrite_stack(void)
{
	volatile char bytes[4096];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)0xa5;
}

static void *run(void *is_in_cleanup)
{
	struct pollfd waited = {ends[0], POLLIN, 0};
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &mask, NULL) == 0);
	if (is_in_cleanup) {
		pthread_cleanup_push(clean, &cleaned);
		leave_wait();
		pthread_cleanup_pop(0);
	} else {
		leave_wait();
	}
	overwrite_stack();
	pthread_cleanup_push(clean, &cleaned);
	for (int i = 0; i < 2; i++)
		CHECK(poll(&waited, 1, i * 1100) == 0);
	CHECK((errno = pthread_cancel(pthread_self())) == 0);
	poll(&waited, 1, -1);
	NEVER_REACHED("after a cancellation");
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	sigset_t mask;

	deadline_set(50);
	tcp_pair(ends);
	handler_set(SIGUSR1, jump, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(thread_join(thread_start(run, i % 2 ? ends : NULL)) == PTHREAD_CANCELED);
	CHECK(cleaned == ROUNDS);
	expect("=", ROUNDS, "^write\\([0-9]+, \" c l e a n e d\", 7\\)[[:blank:]]+= 7$");
	four_marks(ends[0], 501);
	return 0;
}
