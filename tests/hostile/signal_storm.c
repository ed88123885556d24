/*
 * signal_storm: a 1 kHz timer whose handler writes to a socket, while the program makes calls all
 * the time.
 *
 * Hazard: signal handlers (I1, I2, I5).  A lock would deadlock, and a held guard would lose calls:
 * the program would not end, or lines of the main loop would be missing.  The calls of a handler
 * that runs inside the library are not traced, so its lines have only a lower bound; the main
 * loop's are exact.
 */
#include "hostile.h"

#include <sys/time.h>

enum { ROUNDS = 20000, HANDLER_BYTES = 61, LOOP_BYTES = 67 };

static int handler_ends[2];
static volatile sig_atomic_t handler_writes;

static void write_from_handler(int signal_number)
{
	static const char bytes[HANDLER_BYTES];
	int error = errno;

	(void)signal_number;
	if (write(handler_ends[0], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		handler_writes++;
	errno = error;
}

static void *drain(void *argument)
{
	char bytes[65536];

	(void)argument;
	while (recv(handler_ends[1], bytes, sizeof(bytes), 0) > 0)
		;
	return NULL;
}

int main(void)
{
	struct itimerval every_ms = {{0, 1000 * patience()}, {0, 1000 * patience()}};
	struct itimerval never = {0};
	sigset_t alarms;
	char bytes[LOOP_BYTES] = "storm";
	int ends[2];

	deadline_set(60);
	tcp_pair(handler_ends);
	tcp_pair(ends);

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	CHECK(pthread_sigmask(SIG_BLOCK, &alarms, NULL) == 0);
	pthread_t drainer = thread_start(drain, NULL);
	handler_set(SIGALRM, write_from_handler, SA_RESTART);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &alarms, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &every_ms, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(write(ends[0], bytes, sizeof(bytes)) == LOOP_BYTES);
		CHECK(recv(ends[1], bytes, sizeof(bytes), MSG_WAITALL) == LOOP_BYTES);
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(handler_writes > 0);
	CHECK(close(handler_ends[0]) == 0);
	thread_join(drainer);

	expect("=", ROUNDS, "^write\\([0-9]+, .*, %d\\)[[:blank:]]+= %d$", LOOP_BYTES, LOOP_BYTES);
	expect("=", ROUNDS, "^recv\\([0-9]+, .*, %d, MSG_WAITALL\\)[[:blank:]]+= %d$", LOOP_BYTES,
	       LOOP_BYTES);
	expect(">=", 1, "^write\\([0-9]+, .*, %d\\)[[:blank:]]+= %d$", HANDLER_BYTES,
	       HANDLER_BYTES);
	four_marks(ends[0], 501);
	return 0;
}
