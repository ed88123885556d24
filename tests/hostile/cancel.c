/*
 * cancel: a thread is cancelled in each call that blocks; no byte is lost, later calls are traced.
 *
 * Hazard: cancellation (I1, I2).  A guard held across the real call would stay up.  A call of the
 * library's own that is a cancellation point would throw away what the program's call had read.
 * Where the library blocks signals meanwhile, it must unblock them again, also if the request was
 * made before the call.  The thread must really be cancelled, in the call: a library that swallowed
 * the request would leave the join waiting until the deadline.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/select.h>

static int ends[2];
static int full[2];
static int listener;
static int backlogged;
static int epoll_fd;
static char bytes[65536];
static struct sockaddr_in backlogged_address;

static void block_in_read(void)
{
	CHECK(read(ends[0], bytes, sizeof(bytes)) < 0);
}

static void block_in_recv(void)
{
	CHECK(recv(ends[0], bytes, sizeof(bytes), 0) < 0);
}

static void block_in_recvfrom(void)
{
	CHECK(recvfrom(ends[0], bytes, sizeof(bytes), 0, NULL, NULL) < 0);
}

static void block_in_recvmsg(void)
{
	struct iovec vector = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	CHECK(recvmsg(ends[0], &message, 0) < 0);
}

static void block_in_write(void)
{
	CHECK(write(full[0], bytes, sizeof(bytes)) < 0);
}

static void block_in_send(void)
{
	CHECK(send(full[0], bytes, sizeof(bytes), 0) < 0);
}

static void block_in_poll(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};

	CHECK(poll(&waited, 1, -1) < 0);
}

static void block_in_ppoll(void)
{
	struct pollfd waited = {ends[0], POLLIN, 0};

	CHECK(ppoll(&waited, 1, NULL, NULL) < 0);
}

static void block_in_select(void)
{
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	CHECK(select(ends[0] + 1, &readable, NULL, NULL, NULL) < 0);
}

static void block_in_pselect(void)
{
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	CHECK(pselect(ends[0] + 1, &readable, NULL, NULL, NULL, NULL) < 0);
}

static void block_in_epoll_wait(void)
{
	struct epoll_event event;

	CHECK(epoll_wait(epoll_fd, &event, 1, -1) < 0);
}

static void block_in_accept(void)
{
	CHECK(accept(listener, NULL, NULL) < 0);
}

/* Blocks in connect: a listener whose queue is full does not answer a SYN. */
static void block_in_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(connect(fd, (struct sockaddr *)&backlogged_address, sizeof(backlogged_address)) < 0);
}

static const struct {
	const char *name;
	void (*call)(void);
	int after_ms; /* 1100: in the second part of a wait that is split at 1 s */
} blockers[] = {
	{"read", block_in_read, 50},
	{"recv", block_in_recv, 50},
	{"recvfrom", block_in_recvfrom, 50},
	{"recvmsg", block_in_recvmsg, 50},
	{"write", block_in_write, 50},
	{"send", block_in_send, 50},
	{"poll", block_in_poll, 50},
	{"poll, second part", block_in_poll, 1100},
	{"ppoll", block_in_ppoll, 50},
	{"ppoll, second part", block_in_ppoll, 1100},
	{"select", block_in_select, 50},
	{"select, second part", block_in_select, 1100},
	{"pselect", block_in_pselect, 50},
	{"pselect, second part", block_in_pselect, 1100},
	{"epoll_wait", block_in_epoll_wait, 50},
	{"epoll_wait, second part", block_in_epoll_wait, 1100},
	{"accept", block_in_accept, 50},
	{"connect", block_in_connect, 50},
};

static void marks_at_cleanup(void *first)
{
	sigset_t mask;

	/* The unwinding thread itself still takes signals. */
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	for (int number = 1; number < 32; number++)
		CHECK(!sigismember(&mask, number));
	marks_write(ends[0], *(int *)first + 4, 1);
}

struct job {
	void (*call)(void);
	int first;
	bool is_pending; /* the request is made before the call */
};

static void *make_call(void *argument)
{
	struct job *job = argument;

	pthread_cleanup_push(marks_at_cleanup, &job->first);
	if (job->is_pending) {
		CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL)) == 0);
		CHECK((errno = pthread_cancel(pthread_self())) == 0);
		CHECK((errno = pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL)) == 0);
	}
	job->call();
	pthread_cleanup_pop(0);
	return NULL;
}

static void fill_backlog(void)
{
	uint16_t port;

	backlogged = tcp_listen(&port);
	CHECK(listen(backlogged, 0) == 0);
	backlogged_address = loopback(port);
	for (int i = 0; i < 8; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(fd, (struct sockaddr *)&backlogged_address, sizeof(backlogged_address));
	}
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	uint16_t port;
	int first = 500;

	deadline_set(60);
	tcp_pair(ends);
	tcp_pair(full);
	fill_buffers(full[0], full[1]);
	fill_backlog();
	listener = tcp_listen(&port);
	epoll_fd = epoll_create1(0);
	CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ends[0], &event) == 0);

	for (size_t i = 0; i < COUNT_OF(blockers); i++) {
		struct job job = {blockers[i].call, first, false};
		pthread_t thread = thread_start(make_call, &job);
		char got[16];

		sleep_ms(blockers[i].after_ms);
		CHECK((errno = pthread_cancel(thread)) == 0);
		CHECK(thread_join(thread) == PTHREAD_CANCELED);
		dprintf(STDOUT_FILENO, "cancelled in %s\n", blockers[i].name);

		CHECK(write(ends[1], "not a byte lost", 15) == 15);
		CHECK(recv(ends[0], got, 15, MSG_WAITALL) == 15);
		CHECK(memcmp(got, "not a byte lost", 15) == 0);
		four_marks(ends[0], first);
		marks_expect(getpid(), first + 4, 1);
		first += 5;

		job = (struct job){blockers[i].call, first, true};
		CHECK(thread_join(thread_start(make_call, &job)) == PTHREAD_CANCELED);
		marks_expect(getpid(), first + 4, 1);
		first += 5;
	}
	return 0;
}
