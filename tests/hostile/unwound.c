/*
 * unwound: threads end inside the library's frames, in each way, in a process that has unwound none
 * before.
 *
 * Hazard: cancellation (I1).  The first thread that is unwound makes libc load libgcc_s.  What the
 * library needs from it must be there too, wherever the thread was interrupted: in a wait, in a
 * close that takes long, asynchronously, or by pthread_exit in a signal handler, while another
 * thread is inside the dynamic linker.
 */
#include "hostile.h"

#include <dlfcn.h>

enum { ROUNDS = 20 };

static int ends[2];
static _Atomic bool is_ready, is_cleaned, is_over;

static void clean(void *argument)
{
	sigset_t mask;

	(void)argument;
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	CHECK(!sigismember(&mask, SIGTERM));
	CHECK(write(ends[0], "cleaned", 7) == 7);
	is_cleaned = true;
}

static void leave(int number)
{
	(void)number;
	pthread_exit(PTHREAD_CANCELED);
}

static void *wait_here(void *is_asynchronous)
{
	struct pollfd waited = {ends[0], POLLIN, 0};
	int type = is_asynchronous ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED;

	pthread_cleanup_push(clean, NULL);
	CHECK((errno = pthread_setcanceltype(type, NULL)) == 0);
	is_ready = true;
	for (;;)
		poll(&waited, 1, -1);
	pthread_cleanup_pop(0);
	return NULL;
}

/* Closes a connection that still has bytes to send, and lingers. */
static void *close_slowly(void *argument)
{
	static const char bytes[65536];
	struct linger linger = {1, 20};
	int slow[2];

	(void)argument;
	pthread_cleanup_push(clean, NULL);
	tcp_pair(slow);
	while (send(slow[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	CHECK(setsockopt(slow[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
	is_ready = true;
	close(slow[0]);
	NEVER_REACHED("after a close that a handler left");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *link_all_the_time(void *argument)
{
	(void)argument;
	while (!is_over) {
		void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

		if (library)
			dlclose(library);
	}
	return NULL;
}

enum way { CANCELLED, ASYNCHRONOUSLY, BY_EXIT, IN_CLOSE, WAYS };

static void end_one(enum way way, int after_ms)
{
	void *(*body)(void *) = way == IN_CLOSE ? close_slowly : wait_here;
	pthread_t thread;

	is_ready = is_cleaned = false;
	thread = thread_start(body, way == ASYNCHRONOUSLY ? &ends : NULL);
	while (!is_ready)
		sleep_ms(1);
	sleep_ms(after_ms);
	if (way == BY_EXIT || way == IN_CLOSE)
		CHECK((errno = pthread_kill(thread, SIGUSR2)) == 0);
	else
		CHECK((errno = pthread_cancel(thread)) == 0);
	CHECK(thread_join(thread) == PTHREAD_CANCELED);
	CHECK(is_cleaned);
}

static void unwind(enum way way)
{
	pthread_t linking;

	tcp_pair(ends);
	handler_set(SIGUSR2, leave, SA_RESTART);
	linking = thread_start(link_all_the_time, NULL);
	end_one(way, 1200); /* in the second part of a wait that is split */
	if (way != IN_CLOSE)
		for (int round = 0; round < ROUNDS; round++)
			end_one(way, 10);
	is_over = true;
	thread_join(linking);
	expect("=", way == IN_CLOSE ? 1 : 1 + ROUNDS, "^write\\(.* c l e a n e d");
}

int main(void)
{
	pid_t children[WAYS];

	deadline_set(60);
	for (enum way way = 0; way < WAYS; way++) {
		children[way] = fork();
		CHECK(children[way] >= 0);
		if (children[way] == 0) {
			deadline_set(50);
			unwind(way);
			_exit(0);
		}
	}
	for (enum way way = 0; way < WAYS; way++)
		child_succeeds(children[way]);
	return 0;
}
