/*
 * wait_times: a wait takes the time that it was given, whether split or not, and leaves the right
 * results.
 *
 * Hazard: EINTR and time limits.  A wait that is split at 1 s must neither start its time anew nor
 * forget a part of it.  It must return select's remaining time as Linux does, must pass the second
 * part the same sets as the first, and must apply ppoll's signal mask in both parts.
 * Each wait is announced once, and a wait of less than a second is not announced.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/select.h>

static int ends[2];
static volatile sig_atomic_t handled;

static void note_signal(int signal_number)
{
	(void)signal_number;
	handled++;
}

static void took(const char *what, int64_t start_us, int wanted_ms)
{
	int took_ms = (int)((now_us() - start_us) / 1000);

	/* Late is no error on a loaded machine; early is, and so is a part of a second too many. */
	if (took_ms < wanted_ms || took_ms > wanted_ms + 250)
		dprintf(STDOUT_FILENO, "%s took %d ms, not %d\n", what, took_ms, wanted_ms);
	else
		dprintf(STDOUT_FILENO, "%s took %d ms\n", what, wanted_ms);
}

static void *write_later(void *argument)
{
	sleep_ms((long)(intptr_t)argument);
	CHECK(write(ends[0], "later", 5) == 5);
	return NULL;
}

static void polls(void)
{
	struct pollfd waited = {ends[1], POLLIN, 0};
	int64_t start = now_us();

	CHECK(poll(&waited, 1, 300) == 0);
	took("poll(300)", start, 300);
	start = now_us();
	CHECK(poll(&waited, 1, 1500) == 0);
	took("poll(1500)", start, 1500);
	start = now_us();
	CHECK(ppoll(&waited, 1, &(struct timespec){1, 200000000}, NULL) == 0);
	took("ppoll(1200)", start, 1200);
	start = now_us();
	CHECK(poll(NULL, 0, 1100) == 0);
	took("poll(1100) of nothing", start, 1100);
	start = now_us();
	CHECK(poll(&waited, 1, 1000) == 0);
	took("poll(1000)", start, 1000);
	waited.fd = ends[0];
	waited.events = POLLOUT;
	CHECK(poll(&waited, 1, -1) == 1);

	expect("=", 1, "^poll\\(\\[%d:POLLIN\\], 1, 300\\)[[:blank:]]+= 0$", ends[1]);
	expect("=", 0, "^poll\\(\\[%d:POLLIN\\], 1, 300\\)[[:blank:]]+\\(sleeping", ends[1]);
	expect("=", 1, "^poll\\(\\[%d:POLLIN\\], 1, 1500\\)[[:blank:]]+= 0$", ends[1]);
	expect("=", 1, "^poll\\(\\[%d:POLLIN\\], 1, 1500\\)[[:blank:]]+\\(sleeping\\.\\.\\.\\)$",
	       ends[1]);
	expect("=", 1, "^ppoll\\(.*[[:blank:]]+\\(sleeping\\.\\.\\.\\)$");
	expect("=", 1, "^poll\\(\\[%d:POLLOUT\\], 1, -1\\)[[:blank:]]+= 1 ", ends[0]);
	expect("=", 0, "^poll\\(\\[%d:POLLOUT\\], 1, -1\\)[[:blank:]]+\\(sleeping", ends[0]);
}

/* Linux stores in the limit what is left of it; musl gives it a copy. */
#ifdef __GLIBC__
enum { HAS_REST = true };
#else
enum { HAS_REST = false };
#endif

static void selects(void)
{
	struct timeval limit = {2, 0};
	struct timespec fixed = {1, 200000000};
	char bytes[16];
	fd_set readable;
	fd_set failed;
	int64_t start = now_us();

	/* Ready in the second part: the sets that the first part emptied are back. */
	pthread_t writer = thread_start(write_later, (void *)1300);
	FD_ZERO(&readable);
	FD_SET(ends[1], &readable);
	FD_ZERO(&failed);
	FD_SET(ends[0], &failed);
	CHECK(select(ends[1] + 1, &readable, NULL, &failed, &limit) == 1);
	CHECK(FD_ISSET(ends[1], &readable));
	CHECK(!FD_ISSET(ends[0], &failed));
	took("select", start, 1300);
	thread_join(writer);
	CHECK(HAS_REST ? limit.tv_sec == 0 && limit.tv_usec > 400000 && limit.tv_usec < 720000
		       : limit.tv_sec == 2 && limit.tv_usec == 0);
	CHECK(recv(ends[1], bytes, 5, MSG_WAITALL) == 5);

	/* Nothing is ready: the sets are emptied and the time is used up. */
	limit = (struct timeval){1, 150000};
	FD_SET(ends[1], &readable);
	start = now_us();
	CHECK(select(ends[1] + 1, &readable, NULL, NULL, &limit) == 0);
	CHECK(!FD_ISSET(ends[1], &readable));
	CHECK(HAS_REST ? limit.tv_sec == 0 && limit.tv_usec == 0
		       : limit.tv_sec == 1 && limit.tv_usec == 150000);
	took("select(1150)", start, 1150);

	/* pselect does not change its time limit. */
	FD_SET(ends[1], &readable);
	start = now_us();
	CHECK(pselect(ends[1] + 1, &readable, NULL, NULL, &fixed, NULL) == 0);
	CHECK(fixed.tv_sec == 1 && fixed.tv_nsec == 200000000);
	took("pselect(1200)", start, 1200);

	/* Interrupted: Linux returns what is left of the time, and leaves the sets alone. */
	limit = (struct timeval){5, 0};
	FD_SET(ends[1], &readable);
	start = now_us();
	alarm(2);
	CHECK(select(ends[1] + 1, &readable, NULL, NULL, &limit) == -1 && errno == EINTR);
	took("select until alarm(2)", start, 2000);
	CHECK(FD_ISSET(ends[1], &readable));
	dprintf(STDOUT_FILENO, "select left %ld s\n", (long)limit.tv_sec);
}

static void masks(void)
{
	struct pollfd waited = {ends[1], POLLIN, 0};
	sigset_t none;
	sigset_t only;
	int64_t start;

	sigemptyset(&none);
	sigemptyset(&only);
	sigaddset(&only, SIGALRM);
	CHECK(pthread_sigmask(SIG_BLOCK, &only, NULL) == 0);
	handled = 0;
	/* Blocked outside, open inside the call: it comes in the second part. */
	start = now_us();
	alarm(2);
	CHECK(ppoll(&waited, 1, NULL, &none) == -1 && errno == EINTR);
	took("ppoll until alarm(2)", start, 2000);
	CHECK(handled == 1);
	/* Blocked throughout: it does not come. */
	alarm(1);
	CHECK(poll(&waited, 1, 1400) == 0);
	CHECK(handled == 1);
	/* Pending at entry: it comes at once. */
	start = now_us();
	CHECK(ppoll(&waited, 1, NULL, &none) == -1 && errno == EINTR);
	took("ppoll with a signal pending", start, 0);
	CHECK(handled == 2);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &only, NULL) == 0);
	CHECK(handled == 2);
}

static void epolls(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x1122334455667788};
	int epoll_fd = epoll_create1(0);
	int64_t start;
	char bytes[16];

	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[1], &event) == 0);
	start = now_us();
	CHECK(epoll_wait(epoll_fd, &event, 1, 1200) == 0);
	took("epoll_wait(1200)", start, 1200);
	start = now_us();
	CHECK(epoll_pwait2(epoll_fd, &event, 1, &(struct timespec){1, 200000000}, NULL) == 0);
	took("epoll_pwait2(1200)", start, 1200);

	pthread_t writer = thread_start(write_later, (void *)1200);
	start = now_us();
	event.data.u64 = 0;
	CHECK(epoll_wait(epoll_fd, &event, 1, -1) == 1);
	CHECK(event.data.u64 == 0x1122334455667788);
	took("epoll_wait, an edge", start, 1200);
	thread_join(writer);
	CHECK(epoll_wait(epoll_fd, &event, 1, 100) == 0);
	CHECK(recv(ends[1], bytes, 5, MSG_WAITALL) == 5);

	event.events = EPOLLIN | EPOLLONESHOT;
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, ends[1], &event) == 0);
	writer = thread_start(write_later, (void *)1200);
	start = now_us();
	CHECK(epoll_wait(epoll_fd, &event, 1, 3000) == 1);
	took("epoll_wait, one shot", start, 1200);
	thread_join(writer);
	CHECK(epoll_wait(epoll_fd, &event, 1, 100) == 0);
	close(epoll_fd);
}

static void prepare(void)
{
	tcp_pair(ends);
}

int main(void)
{
	static void (*const areas[])(void) = {polls, selects, masks, epolls};

	handler_set(SIGALRM, note_signal, SA_RESTART);
	run_side_by_side(prepare, areas, COUNT_OF(areas));
	return 0;
}
