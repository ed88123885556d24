/*
 * early_free unmap|protect|reuse MESSAGES [CALL...]: memory is given back as soon as the peer has
 * the bytes.
 *
 * The kernel copies what a call was given before the peer can receive it.  So another thread, which
 * sees the effect of the call, may free or overwrite that memory while the call is still on its way
 * back to the caller.  A library that reads the memory after the call dies of SIGSEGV (unmap,
 * protect) or shows bytes that were never sent (reuse).
 *
 * Makes one call after the other, MESSAGES times each; all of them if none is named.  For a call
 * that sends, all memory of its message is given back: payload, iovec array, msghdr, and the
 * address of sendto. (The kernel writes to the mmsghdr array of sendmmsg at the end, so that array
 * stays.)  For connect, bind, setsockopt and epoll_ctl the other thread sees by accept,
 * getsockname, getsockopt or epoll_wait that they took effect.
 *
 * Message N consists of N in 11 digits and a space, repeated; each call that sends has a descriptor
 * of its own, by which the runner finds its messages.  What is overwritten becomes '~', which
 * nothing else in the trace contains.
 */
#include "hostile.h"

#include <limits.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sys/raw.h"

enum { PAGE = 4096, PAGES = 4, FIRST = 5, SECOND = 250, MESSAGE = 600, RING = 8 };

enum mode { MODE_UNMAP, MODE_PROTECT, MODE_REUSE };

/* Each part that can be given back is in a page of its own. */
struct region {
	char payload[PAGE];
	struct {
		struct iovec vector[3];
	} parts __attribute__((aligned(PAGE)));
	struct {
		struct msghdr message;
	} head __attribute__((aligned(PAGE)));
	union {
		struct sockaddr_in address;
		struct epoll_event event;
		int value;
		char page[PAGE];
	} other __attribute__((aligned(PAGE)));
};

static enum mode mode;
static const char *call;
static int ends[2];
static struct region *ring[RING];
static char overwritten[MESSAGE];

/* What the writer gives to the reader, and how many of these the reader has finished. */
static struct region *_Atomic current;
static _Atomic long done;

static struct region *region_get(long number)
{
	struct region *region = ring[number % RING];

	if (!region || mode == MODE_UNMAP) {
		region = mmap(NULL, sizeof(*region), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		CHECK(region != MAP_FAILED);
		ring[number % RING] = region;
	} else if (mode == MODE_PROTECT) {
		CHECK(mprotect(region, sizeof(*region), PROT_READ | PROT_WRITE) == 0);
	}
	return region;
}

static void region_give_back(struct region *region)
{
	if (mode == MODE_UNMAP) {
		CHECK(munmap(region, sizeof(*region)) == 0);
	} else if (mode == MODE_PROTECT) {
		CHECK(mprotect(region, sizeof(*region), PROT_NONE) == 0);
	} else {
		memset(region->payload, '~', MESSAGE);
		for (size_t i = 0; i < COUNT_OF(region->parts.vector); i++)
			region->parts.vector[i] = (struct iovec){overwritten, MESSAGE};
		region->head.message.msg_iovlen = 1;
		memset(region->other.page, '~', 64);
	}
}

static void fill(struct region *region, long number)
{
	static char digits[32];

	snprintf(digits, sizeof(digits), "%011ld ", number);
	for (size_t at = 0; at < MESSAGE; at += 12)
		memcpy(region->payload + at, digits, 12);
	region->parts.vector[0] = (struct iovec){region->payload, FIRST};
	region->parts.vector[1] = (struct iovec){region->payload + FIRST, SECOND};
	region->parts.vector[2] =
		(struct iovec){region->payload + FIRST + SECOND, MESSAGE - FIRST - SECOND};
	region->head.message = (struct msghdr){.msg_iov = region->parts.vector, .msg_iovlen = 3};
	region->other.address = loopback(1);
}

static int send_two(int fd, struct region *region)
{
	struct mmsghdr two[2] = {
		{.msg_hdr = {.msg_iov = region->parts.vector, .msg_iovlen = 2}},
		{.msg_hdr = {.msg_iov = region->parts.vector + 2, .msg_iovlen = 1}},
	};

	return sendmmsg(fd, two, 2, 0);
}

static void send_message(int fd, struct region *region)
{
	const char *bytes = region->payload;

	if (strcmp(call, "write") == 0)
		CHECK(write(fd, bytes, MESSAGE) == MESSAGE);
	else if (strcmp(call, "syscall") == 0)
		CHECK(syscall(SYS_write, fd, bytes, (long)MESSAGE) == MESSAGE);
	else if (strcmp(call, "send") == 0)
		CHECK(send(fd, bytes, MESSAGE, MSG_NOSIGNAL) == MESSAGE);
	else if (strcmp(call, "sendto") == 0)
		CHECK(sendto(fd, bytes, MESSAGE, 0, (struct sockaddr *)&region->other.address,
			     sizeof(region->other.address)) == MESSAGE);
	else if (strcmp(call, "writev") == 0)
		CHECK(writev(fd, region->parts.vector, 3) == MESSAGE);
	else if (strcmp(call, "pwritev2") == 0)
		CHECK(pwritev2(fd, region->parts.vector, 3, -1, 0) == MESSAGE);
	else if (strcmp(call, "sendmsg") == 0)
		CHECK(sendmsg(fd, &region->head.message, 0) == MESSAGE);
	else if (strcmp(call, "sendmmsg") == 0)
		CHECK(send_two(fd, region) == 2);
	else
		NEVER_REACHED(call);
}

static cpu_set_t all_processors;

static void use_all_processors(void)
{
	CHECK(sched_setaffinity(0, sizeof(all_processors), &all_processors) == 0);
}

static void use_one_processor(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CHECK(cpu >= 0);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

/* Lets this thread interrupt the other one as soon as it can run: on the way back from the call
 * that woke it.  Without the privilege it does so most of the time at least. */
static void be_first(void)
{
	const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
	const struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_FIFO, &least) < 0)
		CHECK(syscall(SYS_sched_setscheduler, getpid(), SCHED_IDLE, &none) == 0);
}

/* Makes a call of the watching thread by number, bypassing the library, so that it is fast. */
static long raw(long number, long a, long b, long c, long d, long e)
{
	return raw_syscall6(number, a, b, c, d, e, 0);
}

static void *receive_messages(void *count)
{
	char room[MESSAGE];

	be_first();
	for (long i = 0; i < *(long *)count; i++) {
		CHECK(raw(SYS_recvfrom, ends[1], (long)room, MESSAGE, MSG_WAITALL, 0) == MESSAGE);
		CHECK(strtol(room, NULL, 10) == i);
		region_give_back(current);
		done = i + 1;
	}
	return NULL;
}

static void await_done(long number)
{
	while (done <= number)
		sched_yield();
}

static void messages(long count)
{
	int on = 1;
	pthread_t reader;

	use_one_processor();
	tcp_pair(ends); /* which stay open */
	CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	reader = thread_start(receive_messages, &count);
	for (long i = 0; i < count; i++) {
		struct region *region = region_get(i);

		fill(region, i);
		current = region;
		send_message(ends[0], region);
		await_done(i);
	}
	thread_join(reader);
	expect("=", count, "^%s\\(%d, .*= %d$", strcmp(call, "syscall") == 0 ? "write" : call,
	       ends[0], strcmp(call, "sendmmsg") == 0 ? 2 : MESSAGE);
	if (strcmp(call, "sendto") == 0)
		expect("=", count, "^sendto\\(.*, 127\\.0\\.0\\.1:1, 16\\)");
}

/* --- Calls whose effect another thread can see. --- */

static _Atomic int watched_fd = -1;
static int epoll_fd;
static uint16_t port;

/* Returns the value that round N sets: never the one before, and never one of the kernel's own. */
static int value_of(long number)
{
	return 2 + (int)(number % 1000);
}

/* Returns true at once if there is something to wait for: a connection, an event. */
static bool has_taken_effect(long number)
{
	int fd = watched_fd, value = 0;
	struct sockaddr_in address = {0};
	struct epoll_event event;
	socklen_t length = sizeof(address);

	if (strncmp(call, "connect", 7) == 0) {
		/* here fd is the listener */
		fd = (int)raw(SYS_accept4, fd, 0, 0, SOCK_CLOEXEC, 0);
		return fd >= 0 && raw(SYS_close, fd, 0, 0, 0, 0) == 0;
	}
	if (strcmp(call, "bind") == 0)
		return raw(SYS_getsockname, fd, (long)&address, (long)&length, 0, 0) == 0 &&
		       address.sin_port != 0;
	if (strcmp(call, "epoll_ctl") == 0)
		return raw(SYS_epoll_pwait, epoll_fd, (long)&event, 1, -1, 0) == 1;
	length = sizeof(value);
	return raw(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, (long)&value, (long)&length) == 0 &&
	       value == value_of(number);
}

/* Returns whether one can wait for the effect; otherwise another processor must poll for it. */
static bool is_waited_for(void)
{
	return strncmp(call, "connect", 7) == 0 || strcmp(call, "epoll_ctl") == 0;
}

static void *watch(void *count)
{
	if (is_waited_for())
		be_first();
	for (long i = 0; i < *(long *)count; i++) {
		struct region *region;

		while (!has_taken_effect(i))
			sched_yield();
		region = current;
		if (strcmp(call, "bind") == 0)
			watched_fd = -1;
		region_give_back(region);
		done = i + 1;
	}
	return NULL;
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	return fd;
}

static void connect_to(struct region *region)
{
	bool may_block = strcmp(call, "connect") == 0;
	struct linger abort_it = {1, 0};
	struct pollfd waited = {.events = POLLOUT};
	int result;

	waited.fd = open_socket();
	CHECK(may_block || fcntl(waited.fd, F_SETFL, O_NONBLOCK) == 0);
	/* Leaves no port in TIME_WAIT. */
	CHECK(setsockopt(waited.fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it)) == 0);
	region->other.address = loopback(port);
	current = region;
	result = connect(waited.fd, (struct sockaddr *)&region->other.address,
			 sizeof(region->other.address));
	CHECK(result == 0 || (!may_block && errno == EINPROGRESS));
	CHECK(poll(&waited, 1, 5000) == 1);
	CHECK(close(waited.fd) == 0);
}

static void other_call(struct region *region, long number, int fd)
{
	int bound;

	if (strncmp(call, "connect", 7) == 0) {
		connect_to(region);
	} else if (strcmp(call, "bind") == 0) {
		region->other.address = loopback(0);
		region->other.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
		current = region;
		bound = watched_fd = open_socket();
		CHECK(bind(bound, (struct sockaddr *)&region->other.address,
			   sizeof(region->other.address)) == 0);
		await_done(number);
		CHECK(close(bound) == 0);
	} else if (strcmp(call, "epoll_ctl") == 0) {
		region->other.event = (struct epoll_event){.events = EPOLLOUT | EPOLLONESHOT};
		current = region;
		CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &region->other.event) == 0);
		await_done(number);
		CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
	} else {
		region->other.value = value_of(number);
		current = region;
		CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &region->other.value, sizeof(int)) ==
		      0);
	}
}

static void expect_others(long count)
{
	if (strncmp(call, "connect", 7) == 0)
		expect("=", count, "^connect\\([0-9]+, 127\\.0\\.0\\.1:%d, 16\\)", port);
	else if (strcmp(call, "bind") == 0)
		expect("=", count, "^bind\\([0-9]+, 127\\.0\\.0\\.2:0, 16\\)");
	else if (strcmp(call, "epoll_ctl") == 0)
		expect("=", count,
		       "^epoll_ctl\\(%d, EPOLL_CTL_ADD, [0-9]+, \\{EPOLLOUT\\|EPOLLONESHOT\\}\\)",
		       epoll_fd);
	else
		for (int last = 0; last < 2; last++)
			expect("=", (count - last + 1) / 2,
			       "^setsockopt\\(.*, SO_RCVLOWAT, \\[[0-9]{0,2}[%s]\\], 4\\)",
			       last ? "13579" : "02468");
}

static void others(long count)
{
	int listener = tcp_listen(&port);
	pthread_t watcher;

	if (is_waited_for())
		use_one_processor();
	else
		use_all_processors();
	tcp_pair(ends);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll_fd >= 0);
	watched_fd = strncmp(call, "connect", 7) == 0 ? listener
		     : strcmp(call, "bind") == 0      ? -1
						      : ends[0];
	watcher = thread_start(watch, &count);
	for (long i = 0; i < count; i++) {
		other_call(region_get(i), i, ends[0]);
		await_done(i);
	}
	thread_join(watcher);
	expect_others(count);
}

static const char *const senders[] = {"write",  "syscall",  "send",    "sendto",
				      "writev", "pwritev2", "sendmsg", "sendmmsg"};
static const char *const changers[] = {"connect", "connect-nonblocking", "bind", "setsockopt",
				       "epoll_ctl"};

static bool is_sender(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(senders); i++)
		if (strcmp(senders[i], name) == 0)
			return true;
	return false;
}

static void one_call(const char *name, long count)
{
	call = name;
	done = 0;
	if (is_sender(name))
		messages(count);
	else
		others(count);
	dprintf(STDOUT_FILENO, "%ld times %s\n", count, name);
}

int main(int argc, char **argv)
{
	long count;

	deadline_set(50);
	CHECK(argc >= 3);
	mode = strcmp(argv[1], "unmap") == 0     ? MODE_UNMAP
	       : strcmp(argv[1], "protect") == 0 ? MODE_PROTECT
						 : MODE_REUSE;
	count = atol(argv[2]);
	CHECK(count > 0 && count < 1000); /* so that value_of never gives one twice */
	memset(overwritten, '~', sizeof(overwritten));
	CHECK(sched_getaffinity(0, sizeof(all_processors), &all_processors) == 0);
	for (int i = 3; i < argc; i++)
		one_call(argv[i], count);
	for (size_t i = 0; argc == 3 && i < COUNT_OF(changers); i++)
		one_call(changers[i], count);
	for (size_t i = 0; argc == 3 && i < COUNT_OF(senders); i++)
		one_call(senders[i], count);
	return 0;
}
