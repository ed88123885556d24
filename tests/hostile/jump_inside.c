/*
 * jump_inside: the handler jumps out exactly while the library writes a line.
 *
 * Hazard: siglongjmp (I2, I8).  The trace goes to a full pipe, so that the library is certainly at
 * work, with its guard up, when the signal comes.  If the guard stays up, the thread is no longer
 * traced.  The same holds for calls from deeper frames than the one that was left, if only the
 * depth of the stack is checked.  The library may not leave signals blocked that the program had
 * not blocked.  What comes out of the pipe later goes to trace.PID, where the runner looks for it.
 */
#include "hostile.h"

#include <setjmp.h>
#include <sys/time.h>

enum { READ_END = 100, WRITE_END = 101 };

static sigjmp_buf back;
static int ends[2];

static void jump(int signal_number)
{
	(void)signal_number;
	siglongjmp(back, 1);
}

static void set_up(char **argv)
{
	int trace[2];

	CHECK(pipe(trace) == 0);
	CHECK(dup2(trace[0], READ_END) == READ_END);
	CHECK(dup2(trace[1], WRITE_END) == WRITE_END);
	CHECK(close(trace[0]) == 0 && close(trace[1]) == 0);
	CHECK(setenv("TCPSHIM_OUTPUT", "fd:101", 1) == 0);
	/* Nothing else may wait for room in the pipe. */
	CHECK(setenv("TCPSHIM_TRACE", "write", 1) == 0);
	CHECK(setenv("TCPSHIM_SLEEPING", "off", 1) == 0);
	execl("/proc/self/exe", argv[0], "again", NULL);
	NEVER_REACHED("after exec");
}

static void pipe_fill(void)
{
	static const char bytes[4096];

	CHECK(fcntl(WRITE_END, F_SETFL, O_NONBLOCK) == 0);
	while (write(WRITE_END, bytes, sizeof(bytes)) > 0)
		;
	while (write(WRITE_END, bytes, 1) > 0)
		;
	CHECK(errno == EAGAIN);
	CHECK(fcntl(WRITE_END, F_SETFL, 0) == 0);
}

static void pipe_drain(int to)
{
	static char bytes[65536];
	ssize_t got;

	CHECK(fcntl(READ_END, F_SETFL, O_NONBLOCK) == 0);
	while ((got = read(READ_END, bytes, sizeof(bytes))) > 0)
		CHECK(to < 0 || write(to, bytes, (size_t)got) == got);
	CHECK(fcntl(READ_END, F_SETFL, 0) == 0);
}

static __attribute__((noinline)) void marks_from_deeper(int first)
{
	volatile char frame[6000];

	frame[0] = 1;
	frame[sizeof(frame) - 1] = 1;
	four_marks(ends[0], first);
}

int main(int argc, char **argv)
{
	struct itimerval soon = {.it_value = {0, 50000}};
	char path[32];
	sigset_t before;
	sigset_t after;
	volatile int first = 501;

	deadline_set(30);
	if (argc == 1)
		set_up(argv);
	/* Bare, there is nothing to keep. */
	snprintf(path, sizeof(path), "trace.%d", (int)getpid());
	int file = open(getenv("LD_PRELOAD") ? path : "/dev/null",
			O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	CHECK(file >= 0);
	tcp_pair(ends);
	handler_set(SIGALRM, jump, SA_NODEFER);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &before) == 0);

	for (volatile int round = 0; round < 4; round++) {
		pipe_fill();
		/* The mask is not saved, so a signal that the library left blocked stays blocked.
		 */
		if (sigsetjmp(back, 0) == 0) {
			CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
			(void)!write(ends[0], "blocked in the library", 22);
			/* Bare, nothing blocks. */
			pause();
		}
		CHECK(sigprocmask(SIG_BLOCK, NULL, &after) == 0);
		for (int number = 1; number < 32; number++)
			CHECK(sigismember(&before, number) == sigismember(&after, number));
		pipe_drain(-1);
		if (round % 2)
			four_marks(ends[0], first);
		else
			marks_from_deeper(first);
		first += 4;
		pipe_drain(file);
	}
	return 0;
}
