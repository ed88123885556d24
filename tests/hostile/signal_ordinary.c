/*
 * signal_ordinary: a timer at 20 kHz, whose handler writes, strikes ordinary reads and writes.
 *
 * Hazard: reentrancy (I2).  While an ordinary call is recorded, its record is half written for some
 * tens of nanoseconds.  A handler that writes a record of its own at that moment would damage both.
 * The calls that the handler makes at such a moment are counted, not recorded; the main loop's
 * calls are all there.
 */
#include "hostile.h"

#include <sys/time.h>

enum { CALLS = 300000, SECONDS = 15 };

static int ends[2], others[2];
static volatile sig_atomic_t strikes;

static void strike(int signal_number)
{
	int saved_errno = errno;

	(void)signal_number;
	strikes++;
	if (strikes % 1000 != 0)
		CHECK(write(others[0], "x", 1) == 1);
	else
		while (recv(others[1], (char[1000]){0}, 1000, MSG_DONTWAIT) > 0)
			;
	errno = saved_errno;
}

int main(void)
{
	struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
	int64_t end_us = now_us() + SECONDS * 1000000;
	char bytes[8];
	int calls;

	deadline_set(60);
	tcp_pair(ends);
	tcp_pair(others);
	handler_set(SIGALRM, strike, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (calls = 0; calls < CALLS && now_us() < end_us; calls++) {
		CHECK(write(ends[0], "four", 4) == 4);
		CHECK(read(ends[1], bytes, sizeof(bytes)) == 4);
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(strikes > 1000);
	expect("=", calls, "^write\\(%d, \" f o u r\", 4\\)[[:blank:]]+= 4$", ends[0]);
	expect("=", calls, "^read\\(%d, \" f o u r\", 8\\)[[:blank:]]+= 4$", ends[1]);
	return 0;
}
