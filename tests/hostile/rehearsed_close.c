/*
 * rehearsed_close: connections are closed at the moment when a rehearsed outage begins.
 *
 * Hazard: the library's thread cuts a connection by a copy of its descriptor. If the program closes
 * the last one meanwhile, nobody ends the outage any more: the peer would never read the end.
 */
#include "hostile.h"

enum { THREADS = 4, SECONDS = 8, EARLIEST_US = 900, SPREAD_US = 300 };

static uint16_t port;
static int listener;
static int64_t end_us;
static _Atomic long made, ended;

static void *closes(void *seed)
{
	unsigned random = (unsigned)(uintptr_t)seed;

	while (now_us() < end_us) {
		int fd = tcp_connect(port);
		int64_t until_us = now_us() + EARLIEST_US + rand_r(&random) % SPREAD_US;

		made++;
		while (now_us() < until_us)
			;
		CHECK(close(fd) == 0);
		sleep_ms(1);
	}
	return NULL;
}

static void *reads(void *unused)
{
	static struct pollfd waited[65536 / 8];
	nfds_t count = 1;
	char byte;

	(void)unused;
	waited[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (;;) {
		CHECK(poll(waited, count, -1) > 0);
		for (nfds_t i = count; i-- > 1;) {
			if (waited[i].revents == 0 || read(waited[i].fd, &byte, 1) > 0)
				continue;
			close(waited[i].fd);
			waited[i] = waited[--count];
			ended++;
		}
		if (waited[0].revents != 0 && count < COUNT_OF(waited)) {
			int fd = accept(listener, NULL, NULL);

			CHECK(fd >= 0);
			waited[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	deadline_set(100);
	listener = tcp_listen(&port);
	end_us = now_us() + SECONDS * INT64_C(1000000);
	thread_start(reads, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = thread_start(closes, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	for (int waits = 0; ended < made && waits < 200; waits++)
		sleep_ms(100);
	CHECK(ended == made);
	return 0;
}
