/*
 * flush: every structure that is decoded ends at the edge of an unreadable page.
 *
 * Program memory is read only as far as the kernel vouched for it (I4).  One byte more than the
 * kernel read or wrote is SIGSEGV here.  Some lengths promise more than the kernel touches: a large
 * length with a small answer, an address cut short, more room for events than events.  They are
 * legal, and a trap for a decoder that believes the program.
 * Results are printed, and the runner compares them with the bare run's.
 */
#include "hostile.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void tell(const char *what, long result)
{
	dprintf(STDOUT_FILENO, "%s: %ld %s\n", what, result,
		result < 0 ? strerrorname_np(errno) : "");
}

#define TELL(call) (errno = 0, tell(#call, (long)(call)))
#define FLUSH(type, ...) ((type *)flush_copy(&(type)__VA_ARGS__, sizeof(type)))

static void *volatile nowhere;

static struct sockaddr *flush_address(uint16_t port, size_t size)
{
	struct sockaddr_in address = loopback(port);

	return flush_copy(&address, size);
}

static struct iovec *flush_vector(void *bytes, size_t size)
{
	return FLUSH(struct iovec, {bytes, size});
}

static void addresses(void)
{
	struct sockaddr *address = flush_address(0, 16);
	struct sockaddr_in found = {0};
	socklen_t *length = FLUSH(socklen_t, {16});
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	TELL(bind(listener, flush_address(0, 2), 2));
	TELL(bind(listener, flush_address(0, 1), 1));
	TELL(bind(listener, address, 16));
	TELL(listen(listener, 8));
	TELL(getsockname(listener, address, length));
	memcpy(&found, address, sizeof(found));
	address = flush_address(ntohs(found.sin_port), 16);
	TELL(connect(fd, address, 15));
	TELL(connect(fd, address, 16));

	/* Four bytes of room: the kernel writes four, and returns 16. */
	*length = 4;
	TELL(accept(listener, flush_alloc(4), length));
	TELL((long)*length);
	*length = 4;
	TELL(getsockname(fd, flush_alloc(4), length));
	TELL((long)*length);
	*length = 3;
	TELL(getpeername(fd, flush_alloc(3), length));
	*length = 0;
	TELL(getpeername(fd, flush_alloc(0), length));
	/* A length far beyond the memory: the kernel still writes 16 bytes. */
	*length = 1000;
	TELL(getpeername(fd, flush_alloc(16), length));
	*length = 1000;
	TELL(getsockname(fd, flush_alloc(16), length));
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), address, 16) == 0);
	*length = 1000;
	TELL(accept4(listener, flush_alloc(16), length, SOCK_NONBLOCK) > 0);
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), address, 16) == 0);
	TELL(accept(listener, NULL, nowhere) > 0);

	/* Dissolving a connection takes a family and nothing else. */
	TELL(connect(fd, FLUSH(struct sockaddr, {.sa_family = AF_UNSPEC}), 16));
	sa_family_t none = AF_UNSPEC;
	TELL(connect(fd, flush_copy(&none, sizeof(none)), sizeof(none)));
	close(fd);
	close(listener);
}

static void bytes_out(int out)
{
	struct iovec vectors[4] = {
		{flush_copy("abc", 3), 3},
		{NULL, 0},
		{flush_copy("defgh", 5), 5},
		{flush_copy("ijklmnopq", 9), 9},
	};
	off_t *offset = FLUSH(off_t, {0});
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	for (size_t size = 0; size <= 14; size++) {
		TELL(write(out, flush_copy("fourteen bytes", size), size));
		TELL(send(out, flush_copy("fourteen bytes", size), size, MSG_NOSIGNAL));
	}
	TELL(sendto(out, flush_copy("x", 1), 1, 0, flush_address(1, 4), 4));
	TELL(sendto(out, flush_copy("x", 1), 1, 0, flush_address(1, 16), 16));
	TELL(sendto(out, flush_copy("x", 1), 1, 0, flush_alloc(0), 0));
	for (int count = 0; count <= 4; count++)
		TELL(writev(out, flush_copy(vectors, (size_t)count * sizeof(*vectors)), count));

	struct msghdr *message = FLUSH(struct msghdr, {0});
	message->msg_iov = flush_copy(vectors, sizeof(vectors));
	message->msg_iovlen = 4;
	TELL(sendmsg(out, message, 0));
	message->msg_name = flush_address(1, 16);
	message->msg_namelen = 16;
	TELL(sendmsg(out, message, 0));
	message->msg_name = flush_address(1, 5);
	message->msg_namelen = 5;
	TELL(sendmsg(out, message, 0));
	message->msg_name = NULL;
	message->msg_namelen = 16;
	TELL(sendmsg(out, message, 0));

	struct mmsghdr messages[3] = {{.msg_hdr = *message}, {.msg_hdr = *message}};
	messages[2].msg_hdr.msg_iov = nowhere;
	messages[2].msg_hdr.msg_iovlen = 1;
	TELL(sendmmsg(out, flush_copy(messages, 2 * sizeof(*messages)), 2, 0));
	/* The third is wild: two are sent, and only two may be looked at. */
	TELL(sendmmsg(out, flush_copy(messages, 3 * sizeof(*messages)), 3, 0));
	/* More messages promised than there are: the kernel never reads after the fault. */
	if (KERNEL_READS_MESSAGES)
		TELL(sendmmsg(out, flush_copy(messages, 2 * sizeof(*messages)), 3, 0));

	TELL(sendfile(out, file, offset, 20));
	TELL((long)*offset);
	close(file);
}

static void bytes_in(int in, int out)
{
	char plenty[4096] = "0123456789abcdefghijklmnopqrstuvwxyz";
	socklen_t *length = FLUSH(socklen_t, {16});

	sleep_ms(20);
	while (recv(in, plenty, sizeof(plenty), MSG_DONTWAIT) > 0)
		;
	write_all(out, plenty, 1000);
	sleep_ms(20);
	for (size_t size = 0; size <= 14; size++) {
		TELL(read(in, flush_alloc(size), size));
		TELL(recv(in, flush_alloc(size), size, MSG_PEEK));
	}
	TELL(recv(in, nowhere, 10, MSG_TRUNC));
	TELL(recv(in, nowhere, 10, MSG_TRUNC | MSG_DONTWAIT));
	TELL(recvfrom(in, nowhere, 10, MSG_TRUNC, NULL, NULL));
	*length = 4;
	TELL(recvfrom(in, flush_alloc(3), 3, 0, flush_alloc(4), length));
	struct iovec vectors[3] = {{flush_alloc(3), 3}, {NULL, 0}, {flush_alloc(11), 11}};
	for (int count = 0; count <= 3; count++)
		TELL(readv(in, flush_copy(vectors, (size_t)count * sizeof(*vectors)), count));

	struct msghdr *message = FLUSH(struct msghdr, {0});
	message->msg_iov = flush_copy(vectors, sizeof(vectors));
	message->msg_iovlen = 3;
	message->msg_name = flush_alloc(4);
	message->msg_namelen = 4;
	message->msg_control = flush_alloc(20);
	message->msg_controllen = 20;
	TELL(recvmsg(in, message, 0));
	message->msg_iov = flush_vector(nowhere, 10);
	message->msg_iovlen = 1;
	TELL(recvmsg(in, message, MSG_TRUNC));
	struct mmsghdr messages[2] = {0};
	messages[0].msg_hdr.msg_iov = flush_vector(flush_alloc(5), 5);
	messages[0].msg_hdr.msg_iovlen = 1;
	messages[1].msg_hdr.msg_iov = nowhere;
	messages[1].msg_hdr.msg_iovlen = 1;
	TELL(recvmmsg(in, flush_copy(messages, sizeof(*messages)), 1, MSG_DONTWAIT, NULL));
	TELL(recvmmsg(in, flush_copy(messages, 2 * sizeof(*messages)), 2, MSG_DONTWAIT, NULL));
	TELL(recvmmsg(in, flush_copy(messages, 2 * sizeof(*messages)), 2, 0,
		      FLUSH(struct timespec, {0, 1000})));

	/* Fewer bytes than asked for: the page after them is unmapped, and need not be there. */
	while (recv(in, plenty, sizeof(plenty), MSG_DONTWAIT) > 0)
		;
	write_all(out, "seven b", 7);
	sleep_ms(20);
	TELL(read(in, flush_alloc(7), 100));
	write_all(out, "seven b", 7);
	sleep_ms(20);
	TELL(readv(in, flush_vector(flush_alloc(7), 100), 1));
	/* Nothing to read: the buffer's memory is never looked at. */
	TELL(recv(in, flush_alloc(1), 100, MSG_DONTWAIT));
}

static fd_set *flush_set(int fd)
{
	/* As many bytes as the kernel reads for this fd, not the 128 of the type. */
	size_t size = ((size_t)fd / 64 + 1) * 8;
	uint64_t *words = flush_alloc(size);

	memset(words, 0, size);
	words[fd / 64] = 1ULL << fd % 64;
	return (fd_set *)words;
}

static void waits(int in, int out)
{
	struct pollfd wanted[10];
	uint64_t no_signals = 0;
	sigset_t *mask = flush_copy(&no_signals, sizeof(no_signals)); /* the kernel's 8 bytes */
	int nfds = (in > out ? in : out) + 1;
	int epoll_fd = epoll_create1(0);

	write_all(out, "ready", 5);
	sleep_ms(20);
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		wanted[i] = (struct pollfd){i % 2 ? in : out, POLLIN | POLLOUT, 0};
	for (nfds_t count = 0; count <= COUNT_OF(wanted); count += 5) {
		struct pollfd *flush = flush_copy(wanted, count * sizeof(*wanted));

		TELL(poll(flush, count, 0));
		TELL(ppoll(flush, count, FLUSH(struct timespec, {0, 1000}), mask));
	}
	struct pollfd quiet = {out, POLLIN, 0};
	TELL(poll(flush_copy(&quiet, sizeof(quiet)), 1, 1100));
	TELL(ppoll(flush_copy(&quiet, sizeof(quiet)), 1, FLUSH(struct timespec, {1, 100000000}),
		   mask));

	TELL(select(nfds, flush_set(in), flush_set(out), NULL, NULL));
	TELL(select(nfds, flush_set(in), NULL, flush_set(out), FLUSH(struct timeval, {0, 1000})));
	TELL(select(out + 1, flush_set(out), NULL, NULL, FLUSH(struct timeval, {1, 100000})));
	TELL(select(0, NULL, NULL, NULL, FLUSH(struct timeval, {0, 1000})));
	TELL(pselect(out + 1, flush_set(out), NULL, NULL, FLUSH(struct timespec, {0, 1000}), mask));
	TELL(pselect(out + 1, flush_set(out), NULL, NULL, FLUSH(struct timespec, {1, 100000000}),
		     mask));

	struct epoll_event event = {.events = EPOLLIN, .data.ptr = nowhere};
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in, flush_copy(&event, sizeof(event))));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, in, flush_copy(&event, sizeof(event))));
	/* One event arrives: room is promised for ten, and there is room for one. */
	TELL(epoll_wait(epoll_fd, flush_alloc(sizeof(event)), 10, 1000));
	TELL(epoll_pwait(epoll_fd, flush_alloc(sizeof(event)), 10, 1000, mask));
	TELL(epoll_pwait2(epoll_fd, flush_alloc(sizeof(event)), 10, FLUSH(struct timespec, {1, 0}),
			  mask));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, in, nowhere));
	TELL(epoll_wait(epoll_fd, flush_alloc(0), 1, 1));
	TELL(epoll_pwait2(epoll_fd, flush_alloc(0), 1, FLUSH(struct timespec, {1, 100000000}),
			  mask));
	close(epoll_fd);
}

static void options(int fd)
{
	socklen_t *length = FLUSH(socklen_t, {4});
	int *one = FLUSH(int, {1});
	char *byte = flush_copy("\1", 1);

	TELL(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, one, 4));
	TELL(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, byte, 1));
	TELL(setsockopt(fd, IPPROTO_IP, IP_TTL, byte, 1));
	/* The kernel reads an int and ignores the rest of what is promised. */
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 100));
	TELL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4096));
	TELL(setsockopt(fd, SOL_SOCKET, SO_LINGER, FLUSH(struct linger, {0, 0}), 8));
	TELL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, FLUSH(struct timeval, {1, 0}), 16));
	TELL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, FLUSH(struct timeval, {0, 0}), 16));
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, flush_copy("cubic", 5), 5));
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, flush_copy("none such", 9), 9));
	TELL(setsockopt(fd, SOL_SOCKET, 9999, byte, 1));
	TELL(setsockopt(fd, 999, 999, byte, 1));

	TELL(getsockopt(fd, SOL_SOCKET, SO_ERROR, flush_alloc(4), length));
	*length = 100;
	TELL(getsockopt(fd, SOL_SOCKET, SO_TYPE, flush_alloc(4), length));
	TELL((long)*length);
	*length = 1;
	TELL(getsockopt(fd, SOL_SOCKET, SO_TYPE, flush_alloc(1), length));
	*length = 0;
	TELL(getsockopt(fd, SOL_SOCKET, SO_TYPE, flush_alloc(0), length));
	*length = 8;
	TELL(getsockopt(fd, IPPROTO_TCP, TCP_INFO, flush_alloc(8), length));
	*length = 3;
	TELL(getsockopt(fd, IPPROTO_TCP, TCP_INFO, flush_alloc(3), length));
	*length = 4;
	TELL(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, flush_alloc(4), length));
	*length = 4;
	TELL(getsockopt(fd, SOL_SOCKET, SO_LINGER, flush_alloc(4), length));
	TELL(ioctl(fd, FIONREAD, flush_alloc(sizeof(int))));
	TELL(ioctl(fd, SIOCOUTQ, flush_alloc(sizeof(int))));
	TELL(ioctl(fd, FIONBIO, FLUSH(int, {0})));
	TELL(fcntl(fd, F_GETFD));
	TELL(fcntl(fd, F_GETFL));
}

int main(void)
{
	int ends[2];

	deadline_set(30);
	nowhere = (char *)flush_alloc(1) + 1;
	addresses();
	tcp_pair(ends);
	bytes_out(ends[0]);
	bytes_in(ends[1], ends[0]);
	waits(ends[1], ends[0]);
	options(ends[0]);
	four_marks(ends[0], 501);
	return 0;
}
