/*
 * efault: a program that relies on EFAULT, as some garbage collectors and checkers of
 * pointers do.
 *
 * Hands unreadable memory to the kernel in many ways, each time at new addresses.  Each call must
 * give what the kernel alone gives: EFAULT, or a part of what was asked for.  A library that reads
 * arguments before the kernel has vouched for them must find out as the kernel does, and may not
 * remember what was readable a moment ago.  The outcomes are counted, and the runner compares them
 * with the bare run's.
 */
#include "hostile.h"

#include <linux/errqueue.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { ROUNDS = 10, PAGE = 4096 };

/* What one call gave in all the rounds. */
static struct outcome {
	const char *call;
	const char *memory;
	long result;
	int error;
	int count;
} outcomes[1000];

static void count(const char *call, const char *memory, long result)
{
	int error = result < 0 ? errno : 0;

	for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
		struct outcome *outcome = &outcomes[i];

		if (outcome->count == 0)
			*outcome = (struct outcome){call, memory, result, error, 0};
		if (strcmp(outcome->call, call) == 0 && strcmp(outcome->memory, memory) == 0 &&
		    outcome->result == result && outcome->error == error) {
			outcome->count++;
			return;
		}
	}
	NEVER_REACHED("too many outcomes");
}

static void print_outcomes(void)
{
	for (size_t i = 0; i < COUNT_OF(outcomes) && outcomes[i].count > 0; i++)
		dprintf(STDOUT_FILENO, "%s, %s: %ld %s, %d times\n", outcomes[i].memory,
			outcomes[i].call, outcomes[i].result,
			outcomes[i].error ? strerrorname_np(outcomes[i].error) : "",
			outcomes[i].count);
}

#define COUNT(call) (errno = 0, count(#call, memory, (long)(call)))

static int ends[2], epoll_fd;

static void drain(void)
{
	char room[1 << 16];

	while (recv(ends[1], room, sizeof(room), MSG_DONTWAIT) > 0)
		;
}

/* Makes all calls with bad as each of their inputs, of which size bytes are asked for. */
static void try(const char *memory, void *bad, size_t size)
{
	char good[10] = "0123456789";
	struct iovec wild = {bad, size}, two[2] = {{good, sizeof(good)}, {bad, size}};
	struct iovec empty_first[2] = {{bad, 0}, {bad, size}};
	struct msghdr message = {.msg_iov = bad, .msg_iovlen = 1};
	struct mmsghdr messages[2] = {
		{.msg_hdr = {.msg_iov = &(struct iovec){good, sizeof(good)}, .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = &wild, .msg_iovlen = 1}},
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), out = ends[0];

	CHECK(fd >= 0);
	COUNT(write(out, bad, size));
	COUNT(write(out, bad, 0));
	COUNT(syscall(SYS_write, out, bad, size));
	COUNT(send(out, bad, size, MSG_NOSIGNAL));
	COUNT(send(out, bad, size, MSG_DONTWAIT));
	COUNT(sendto(out, bad, size, 0, NULL, 0));
	COUNT(sendto(out, good, sizeof(good), 0, bad, 16));
	COUNT(writev(out, bad, 1));
	COUNT(writev(out, &wild, 1));
	COUNT(writev(out, two, 2));
	COUNT(writev(out, empty_first, 2));
	COUNT(pwritev2(out, bad, 1, -1, 0));
	COUNT(pwritev2(out, two, 2, -1, 0));
	if (KERNEL_READS_MESSAGES)
		COUNT(sendmsg(out, bad, 0));
	COUNT(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = &wild, .msg_iovlen = 1};
	COUNT(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = two, .msg_iovlen = 2};
	COUNT(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = two,
				  .msg_iovlen = 1,
				  .msg_name = bad,
				  .msg_namelen = 16};
	COUNT(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = two,
				  .msg_iovlen = 1,
				  .msg_control = bad,
				  .msg_controllen = 64};
	if (KERNEL_READS_MESSAGES) {
		COUNT(sendmsg(out, &message, 0));
		COUNT(sendmmsg(out, bad, 1, 0));
	}
	COUNT(sendmmsg(out, messages, 2, 0));
	COUNT(sendmmsg(out, messages + 1, 1, 0));
	COUNT(connect(fd, bad, 16));
	COUNT(bind(fd, bad, 16));
	COUNT(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, sizeof(int)));
	COUNT(setsockopt(fd, SOL_SOCKET, SO_LINGER, bad, sizeof(struct linger)));
	COUNT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, bad, sizeof(struct timeval)));
	COUNT(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, bad, 16));
	COUNT(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, bad));
	CHECK(close(fd) == 0);
	drain();
}

static void *map(int protection)
{
	void *memory = mmap(NULL, 4 * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* Maps two pages of a file that has one: the second page exists, but cannot be read. */
static char *map_beyond_end(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	char *memory;

	CHECK(fd >= 0);
	CHECK(ftruncate(fd, PAGE) == 0);
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED);
	CHECK(close(fd) == 0);
	return memory;
}

/* Maps memory and lets a call read it. */
static char *map_used(void)
{
	char *memory = map(PROT_READ | PROT_WRITE);

	memset(memory, 'u', PAGE);
	CHECK(write(ends[0], memory, 100) == 100);
	drain();
	return memory;
}

static void one_round(void)
{
	char *memory;

	try("NULL", NULL, 20);
	try("the first page", (char *)8, 20);
	try("the kernel's half", (char *)0xffffffff81000000, 20);
	try("the last page", (char *)-PAGE, 20);
	try("the last byte", (char *)-1, 1);
	try("round the end", (char *)-8, 20);
	try("not canonical", (char *)0x0000800000000000, 20);
	try("not canonical and poisoned", (char *)0xdead000000000100, 20);
	try("the end of the program's half", (char *)0x00007ffffffff000, 20);

	memory = map(PROT_NONE);
	try("PROT_NONE", memory, 20);
	CHECK(munmap(memory, 4 * PAGE) == 0);
	try("never used and unmapped", memory, 20);

	memory = map_used();
	CHECK(munmap(memory, 4 * PAGE) == 0);
	try("used and unmapped", memory, 20);

	memory = map_used();
	CHECK(mprotect(memory, PAGE, PROT_NONE) == 0);
	try("used and protected", memory, 20);
	CHECK(mprotect(memory, PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(write(ends[0], memory, 100) == 100);
	CHECK(mprotect(memory + PAGE, PAGE, PROT_NONE) == 0);
	try("half readable", memory + PAGE - 6, 20);
	try("all but the last byte readable", memory + PAGE - 19, 20);
	CHECK(munmap(memory, 4 * PAGE) == 0);

	memory = map_beyond_end();
	try("beyond the end of the file", memory + PAGE, 20);
	try("half beyond the end of the file", memory + PAGE - 6, 20);
	CHECK(munmap(memory, 2 * PAGE) == 0);
}

/* Sends more than a segment, of which the end is unreadable: the peer must get as much as the call
 * returned. */
static void partial(void)
{
	enum { READABLE = 512 << 10 };
	static char room[READABLE];
	char *memory = flush_alloc(READABLE);
	int fds[2], size = 4 << 20;
	ssize_t sent;

	memset(memory, 'p', READABLE);
	tcp_pair(fds);
	CHECK(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	sent = send(fds[0], memory, READABLE + 2000, MSG_DONTWAIT);
	CHECK(sent > 0 && sent <= READABLE);
	CHECK(send(fds[0], memory + READABLE, 20, 0) < 0 && errno == EFAULT);
	CHECK(shutdown(fds[0], SHUT_WR) == 0);
	read_all(fds[1], room, (size_t)sent);
	CHECK(read(fds[1], (char[1]){0}, 1) == 0);
	for (ssize_t i = 0; i < sent; i++)
		CHECK(room[i] == 'p');
	dprintf(STDOUT_FILENO, "a part was sent\n");
}

static void never(int signal_number)
{
	dprintf(STDOUT_FILENO, "signal %d\n", signal_number);
	_exit(1);
}

int main(void)
{
	deadline_set(40);
	handler_set(SIGSEGV, never, 0);
	handler_set(SIGBUS, never, 0);
	tcp_pair(ends);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_fd >= 0);
	for (int i = 0; i < ROUNDS; i++)
		one_round();
	partial();
	print_outcomes();
	four_marks(ends[0], 501);
	return 0;
}
