/*
 * cancel_ordinary: threads are cancelled in a read that takes the fast path into a recording.
 *
 * Hazard: cancellation.  With one thread the library makes the system call of such a read itself,
 * as libc would.  With several threads, a thread that blocks in the read must be cancellable.  With
 * one thread, the thread must end in the read if it requested its own cancellation before: none of
 * the bytes that wait may be read.
 */
#include "hostile.h"

static int ends[2];

/* Makes a few exchanges; those after the first are ordinary ones. */
static void exchange(void)
{
	char bytes[8];

	for (int i = 0; i < 3; i++) {
		CHECK(write(ends[0], "bytes", 5) == 5);
		CHECK(read(ends[1], bytes, sizeof(bytes)) == 5);
	}
}

static void *block(void *argument)
{
	char bytes[8];

	exchange();
	CHECK(read(ends[1], bytes, sizeof(bytes)) < 0);
	return argument;
}

static void end(void *argument)
{
	char bytes[8];

	(void)argument;
	CHECK(recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT) == 5);
	_exit(7);
}

static void cancel_itself(void)
{
	char bytes[8];

	exchange();
	CHECK(write(ends[0], "bytes", 5) == 5);
	pthread_cleanup_push(end, NULL);
	CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL)) == 0);
	CHECK((errno = pthread_cancel(pthread_self())) == 0);
	CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL)) == 0);
	(void)!read(ends[1], bytes, sizeof(bytes));
	pthread_cleanup_pop(0);
	NEVER_REACHED("after a cancelled read");
}

int main(void)
{
	pthread_t thread;
	int status;
	pid_t pid;

	deadline_set(30);
	tcp_pair(ends);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		cancel_itself();
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);

	exchange();
	thread = thread_start(block, NULL);
	sleep_ms(200);
	CHECK((errno = pthread_cancel(thread)) == 0);
	CHECK(thread_join(thread) == PTHREAD_CANCELED);
	exchange();

	expect_of(pid, "=", 3, "^read\\(%d, \" b y t e s\", 8\\)[[:blank:]]+= 5$", ends[1]);
	expect_of(pid, "=", 1, "^recv\\(%d, \" b y t e s\", 8, MSG_DONTWAIT\\)[[:blank:]]+= 5$",
		  ends[1]);
	expect("=", 9, "^read\\(%d, \" b y t e s\", 8\\)[[:blank:]]+= 5$", ends[1]);
	return 0;
}
