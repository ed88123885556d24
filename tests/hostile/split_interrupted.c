/*
 * split_interrupted: signals and events that come exactly when a long wait is cut in two, at 1 s.
 *
 * Hazard: EINTR.  A signal that is handled between the two parts of a wait must still interrupt it:
 * a library that missed it would wait forever.  An event that comes then must not be lost, not even
 * an edge or a one-shot.  Many threads wait at the same time, each hit at its own few microseconds
 * around the second, with each kind of wait in turn.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#ifndef sigev_notify_thread_id /* musl has it, glibc only its member */
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { THREADS = 48, ROUNDS = 2, STEP_US = 25, EARLIEST_US = 999700, LATEST_MS = 1900 };

struct waiter {
	int kind;
	int offset_us;
	int fd;   /* becomes readable, or never */
	int peer; /* writing to it makes fd readable */
	bool by_event;
	int got;
	int error;
	int took_ms;
};

static void ignore_signal(int signal_number)
{
	(void)signal_number;
}

static int wait_once(struct waiter *waiter)
{
	struct pollfd waited = {waiter->fd, POLLIN, 0};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = -1;
	fd_set readable;
	int got = -1;

	FD_ZERO(&readable);
	FD_SET(waiter->fd, &readable);
	if (waiter->kind >= 4) {
		epoll_fd = epoll_create1(0);
		if (waiter->kind == 5)
			event.events |= EPOLLET | EPOLLONESHOT;
		CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, waiter->fd, &event) == 0);
	}
	errno = 0;
	switch (waiter->kind) {
	case 0:
		got = poll(&waited, 1, -1);
		break;
	case 1:
		got = ppoll(&waited, 1, NULL, NULL);
		break;
	case 2:
		got = select(waiter->fd + 1, &readable, NULL, NULL, NULL);
		break;
	case 3:
		got = pselect(waiter->fd + 1, &readable, NULL, NULL, NULL, NULL);
		break;
	case 4:
		got = epoll_wait(epoll_fd, &event, 1, -1);
		break;
	case 5:
		got = epoll_pwait(epoll_fd, &event, 1, -1, NULL);
		break;
	}
	waiter->error = errno;
	if (epoll_fd >= 0)
		close(epoll_fd);
	return got;
}

static void *wait_struck(void *argument)
{
	struct waiter *waiter = argument;
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct itimerspec when = {.it_value = {(EARLIEST_US + waiter->offset_us) / 1000000,
					       (EARLIEST_US + waiter->offset_us) % 1000000 * 1000}};
	timer_t timer;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	int64_t start = now_us();
	if (!waiter->by_event) {
		CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
		CHECK(timer_settime(timer, 0, &when, NULL) == 0);
	}
	waiter->got = wait_once(waiter);
	waiter->took_ms = (int)((now_us() - start) / 1000);
	if (!waiter->by_event)
		timer_delete(timer);
	return NULL;
}

static void *strike(void *argument)
{
	struct waiter *waiter = argument;
	int64_t when_us = now_us() + EARLIEST_US + waiter->offset_us;
	struct timespec when = {when_us / 1000000, when_us % 1000000 * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
	CHECK(write(waiter->peer, "x", 1) == 1);
	return NULL;
}

static void run(bool by_event)
{
	static struct waiter waiters[THREADS];
	pthread_t threads[THREADS];
	pthread_t strikers[THREADS];
	pthread_attr_t attributes;
	int late = 0;

	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, 262144) == 0);
	for (int i = 0; i < THREADS; i++) {
		int ends[2];

		tcp_pair(ends);
		waiters[i] = (struct waiter){.kind = i % 6,
					     .offset_us = i * STEP_US,
					     .fd = ends[0],
					     .peer = ends[1],
					     .by_event = by_event};
		threads[i] = thread_start(wait_struck, &waiters[i]);
		if (by_event)
			strikers[i] = thread_start(strike, &waiters[i]);
	}
	sleep_ms(LATEST_MS);
	for (int i = 0; i < THREADS; i++) {
		/* Wakes those that have missed their signal. */
		CHECK(write(waiters[i].peer, "x", 1) == 1);
		thread_join(threads[i]);
		if (by_event)
			thread_join(strikers[i]);
		CHECK(close(waiters[i].fd) == 0);
		CHECK(close(waiters[i].peer) == 0);
		if (waiters[i].took_ms >= LATEST_MS - 100) {
			dprintf(STDOUT_FILENO, "kind %d, struck at %d us: missed\n",
				waiters[i].kind, EARLIEST_US + waiters[i].offset_us);
			late++;
		} else if (by_event) {
			CHECK(waiters[i].got == 1);
		} else {
			CHECK(waiters[i].got == -1 && waiters[i].error == EINTR);
		}
	}
	CHECK(late == 0);
}

int main(void)
{
	struct pollfd never = {.events = POLLIN};
	int ends[2];

	deadline_set(60);
	handler_set(SIGUSR1, ignore_signal, SA_RESTART);
	handler_set(SIGALRM, ignore_signal, SA_RESTART);
	for (int round = 0; round < ROUNDS; round++) {
		run(false);
		run(true);
	}
	tcp_pair(ends);
	never.fd = ends[0];
	alarm(1);
	CHECK(poll(&never, 1, -1) == -1 && errno == EINTR);
	expect(">=", 1, "^poll\\(\\[%d:POLLIN\\], 1, -1\\)[[:blank:]]+Err#4 EINTR$", ends[0]);
	return 0;
}
