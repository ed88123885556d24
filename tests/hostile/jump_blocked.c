/*
 * jump_blocked: siglongjmp out of each call that blocks; four calls after it are traced, each time.
 *
 * Hazard: siglongjmp out of a blocked call (I1, I2).  A guard that stayed up across the real call
 * would never come down, and one of the four later calls, or all, would be missing.  The handler
 * itself writes before it jumps: that line is missing if the guard is up, even where a guard that
 * was left up is detected later.
 */
#include "hostile.h"

#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>

static sigjmp_buf back;
static int ends[2];
static int listener;
static int epoll_fd;
static volatile int mark = 500;

static void jump(int signal_number)
{
	(void)signal_number;
	marks_write(ends[0], mark, 1);
	siglongjmp(back, 1);
}

static void block_in_read(void)
{
	char byte;

	(void)!read(ends[0], &byte, 1);
}

static void block_in_readv(void)
{
	char byte;
	struct iovec vector = {&byte, 1};

	(void)!readv(ends[0], &vector, 1);
}

static void block_in_recv(void)
{
	char byte;

	recv(ends[0], &byte, 1, 0);
}

static void block_in_recvfrom(void)
{
	char byte;

	recvfrom(ends[0], &byte, 1, 0, NULL, NULL);
}

static void block_in_recvmsg(void)
{
	char byte;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	recvmsg(ends[0], &message, 0);
}

static void block_in_accept(void)
{
	accept(listener, NULL, NULL);
}

static void block_in_poll(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};

	poll(&waited, 1, -1);
}

static void block_in_ppoll(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};

	ppoll(&waited, 1, NULL, NULL);
}

static void block_in_select(void)
{
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	select(ends[0] + 1, &readable, NULL, NULL, NULL);
}

static void block_in_pselect(void)
{
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	pselect(ends[0] + 1, &readable, NULL, NULL, NULL, NULL);
}

static void block_in_epoll_wait(void)
{
	struct epoll_event event;

	epoll_wait(epoll_fd, &event, 1, -1);
}

int main(void)
{
	static void (*const block[])(void) = {
		block_in_read,    block_in_readv,   block_in_recv,       block_in_recvfrom,
		block_in_recvmsg, block_in_accept,  block_in_poll,       block_in_ppoll,
		block_in_select,  block_in_pselect, block_in_epoll_wait,
	};
	enum { FIRST_WAIT = 6 };
	struct epoll_event event = {.events = EPOLLIN};
	struct itimerval soon = {.it_value = {0, 30000}};
	/* Waits are split at 1 s: in the second round the jump leaves the second part. */
	struct itimerval later = {.it_value = {1, 100000}};
	uint16_t port;

	deadline_set(60);
	tcp_pair(ends);
	listener = tcp_listen(&port);
	epoll_fd = epoll_create1(0);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[0], &event) == 0);
	handler_set(SIGALRM, jump, 0);

	for (volatile size_t i = 0; i < COUNT_OF(block); i++) {
		for (volatile int round = 0; round < (i < FIRST_WAIT ? 1 : 2); round++) {
			if (sigsetjmp(back, 1) == 0) {
				CHECK(setitimer(ITIMER_REAL, round ? &later : &soon, NULL) == 0);
				block[i]();
				NEVER_REACHED("back from a call that blocks for ever");
			}
			marks_expect(getpid(), mark, 1);
			four_marks(ends[0], mark + 1);
			mark += 5;
		}
	}
	return 0;
}
