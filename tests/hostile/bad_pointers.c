/*
 * bad_pointers: each call with a bad pointer gives what the kernel gives, and never crashes.
 *
 * Program memory is read only after the kernel vouched for it (I4).  A library that decodes an
 * argument before the call, or after a failure with EFAULT, dies here of SIGSEGV.  The results are
 * printed, and the runner compares them with the bare run's.  (Where libc itself reads the pointer,
 * as for a time limit, there is nothing to compare: the bare program crashes too.)
 */
#include "hostile.h"

#include <netinet/ip.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* On i386, libc converts some structures, and SYS_select takes a pointer to its arguments. */
#if defined(__i386__)
enum { LIBC_READS_NOTHING = 0 };
#define NUMBER_OF_SELECT SYS__newselect
#else
enum { LIBC_READS_NOTHING = 1 };
#ifdef SYS_select
#define NUMBER_OF_SELECT SYS_select
#endif
#endif

/* Volatile, since the compiler knows what each call wants, and would warn. */
static void *volatile nowhere;
static void *volatile nothing;

static void tell(const char *what, long result)
{
	dprintf(STDOUT_FILENO, "%s: %ld %s\n", what, result,
		result < 0 ? strerrorname_np(errno) : "");
}

#define TELL(call) (errno = 0, tell(#call, (long)(call)))

static void addresses(int listener, uint16_t port)
{
	struct sockaddr_storage room;
	socklen_t length = sizeof(room);
	struct sockaddr *bad = nowhere;
	struct sockaddr *good = (struct sockaddr *)&room;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	TELL(connect(fd, bad, 16));
	TELL(connect(fd, nothing, 16));
	TELL(connect(fd, bad, 0));
	TELL(bind(fd, bad, 16));
	TELL(bind(fd, nothing, 16));
	TELL(getsockname(fd, bad, &length));
	TELL(getsockname(fd, good, nowhere));
	TELL(getsockname(fd, good, nothing));
	TELL(getpeername(fd, bad, &length));
	for (int i = 0; i < 4; i++)
		close(tcp_connect(port));
	TELL(accept(listener, bad, &length) < 0);
	TELL(accept(listener, good, nowhere) < 0);
	TELL(accept4(listener, bad, &length, SOCK_CLOEXEC) < 0);
	TELL(accept(listener, NULL, nowhere) < 0);
	close(fd);
}

static void bytes(int in, int out)
{
	char room[64];
	socklen_t length = sizeof(struct sockaddr_in);
	struct iovec good = {room, sizeof(room)};
	struct iovec wild = {nowhere, 64};
	struct iovec half[2] = {{room, 10}, {nowhere, 64}};
	struct msghdr message = {.msg_iov = nowhere, .msg_iovlen = 1};

	TELL(write(out, nowhere, 10));
	TELL(write(out, nowhere, 0));
	TELL(write(out, nothing, 10));
	TELL(writev(out, nowhere, 1));
	TELL(writev(out, &wild, 1));
	TELL(writev(out, half, 2));
	TELL(send(out, nowhere, 10, 0));
	TELL(sendto(out, nowhere, 10, 0, NULL, 0));
	TELL(sendto(out, room, 10, 0, nowhere, 16));
	TELL(sendto(out, room, 10, 0, nowhere, 0));
	if (KERNEL_READS_MESSAGES) {
		TELL(sendmsg(out, nowhere, 0));
		TELL(sendmsg(out, nothing, 0));
	}
	TELL(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = &wild, .msg_iovlen = 1};
	TELL(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = &good,
				  .msg_iovlen = 1,
				  .msg_name = nowhere,
				  .msg_namelen = 16};
	TELL(sendmsg(out, &message, 0));
	message = (struct msghdr){.msg_iov = &good,
				  .msg_iovlen = 1,
				  .msg_control = nowhere,
				  .msg_controllen = 64};
	if (KERNEL_READS_MESSAGES) {
		TELL(sendmsg(out, &message, 0));
		TELL(sendmmsg(out, nowhere, 2, 0));
	}
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &good, .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = nowhere, .msg_iovlen = 1}}};
	TELL(sendmmsg(out, two, 2, 0));

	TELL(write(out, room, 60));
	sleep_ms(20);
	TELL(read(in, nowhere, 10));
	TELL(read(in, nothing, 10));
	TELL(readv(in, nowhere, 1));
	TELL(readv(in, &wild, 1));
	TELL(recv(in, nowhere, 10, 0));
	TELL(recv(in, nowhere, 10, MSG_PEEK));
	TELL(recvfrom(in, room, 4, 0, nowhere, &length));
	TELL(recvfrom(in, room, 4, 0, (struct sockaddr *)room, nowhere));
	if (KERNEL_READS_MESSAGES) {
		TELL(recvmsg(in, nowhere, 0));
		TELL(recvmsg(in, nothing, 0));
	}
	message = (struct msghdr){.msg_iov = nowhere, .msg_iovlen = 1};
	TELL(recvmsg(in, &message, 0));
	message = (struct msghdr){.msg_iov = &wild, .msg_iovlen = 1};
	TELL(recvmsg(in, &message, 0));
	if (KERNEL_READS_MESSAGES)
		TELL(recvmmsg(in, nowhere, 2, MSG_DONTWAIT, NULL));
	TELL(sendfile(out, STDIN_FILENO, nowhere, 10));
	TELL(splice(in, nowhere, STDOUT_FILENO, NULL, 10, 0));
	/* The discarding reads of TCP: they succeed, and the buffer is never touched. */
	TELL(write(out, room, 20));
	sleep_ms(20);
	TELL(recv(in, nothing, 10, MSG_TRUNC));
	TELL(recv(in, nowhere, 10, MSG_TRUNC));
}

static void waits(int fd)
{
	static struct epoll_event event = {.events = EPOLLOUT};
	int epoll_fd = epoll_create1(0);

	TELL(poll(nowhere, 1, 0));
	TELL(poll(nothing, 1, 0));
	TELL(poll(nowhere, 0, 0));
	TELL(poll(nowhere, 1, 1500));
	TELL(ppoll(nowhere, 1, NULL, NULL));
	TELL(ppoll(NULL, 0, &(struct timespec){0, 1000}, nowhere));
	TELL(select(fd + 1, nowhere, NULL, NULL, NULL));
	TELL(select(fd + 1, NULL, nowhere, nowhere, NULL));
	TELL(select(0, nowhere, NULL, NULL, &(struct timeval){0, 1000}));
	TELL(pselect(fd + 1, nowhere, NULL, NULL, NULL, NULL));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, nowhere));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, nothing));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, nowhere));
	TELL(epoll_wait(epoll_fd, nowhere, 1, 1000));
	TELL(epoll_wait(epoll_fd, nothing, 1, 1000));
	TELL(epoll_pwait(epoll_fd, &event, 1, 1000, nowhere));
	if (LIBC_READS_NOTHING)
		TELL(epoll_pwait2(epoll_fd, &event, 1, nowhere, NULL));
	TELL(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nowhere));
	close(epoll_fd);
}

static void options(int fd)
{
	int value = 1;
	socklen_t length = sizeof(value);

	TELL(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, nowhere, sizeof(int)));
	TELL(setsockopt(fd, SOL_SOCKET, SO_LINGER, nowhere, sizeof(struct linger)));
	TELL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, nowhere, sizeof(struct timeval)));
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, nowhere, sizeof(int)));
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, nowhere, 5));
	TELL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, nothing, 0));
	TELL(getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, &length));
	TELL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, nowhere));
	TELL(getsockopt(fd, IPPROTO_TCP, TCP_INFO, nowhere, &length));
	TELL(ioctl(fd, FIONREAD, nowhere));
	TELL(ioctl(fd, FIONBIO, nowhere));
	TELL(ioctl(fd, FIONREAD, nothing));
	if (LIBC_READS_NOTHING)
		TELL(fcntl(fd, F_GETLK, nowhere));
	TELL(fcntl(fd, F_GETOWN_EX, nowhere));
}

static void by_number(int in, int out)
{
	TELL(syscall(SYS_write, out, nowhere, 10L));
	TELL(syscall(SYS_sendmsg, out, nowhere, 0L));
	TELL(syscall(SYS_sendmmsg, out, nowhere, 1L, 0L));
	TELL(syscall(SYS_recvmmsg, in, nowhere, 1L, (long)MSG_DONTWAIT, NULL));
	TELL(syscall(SYS_accept4, in, nowhere, nowhere, 0L));
#ifdef SYS_poll
	TELL(syscall(SYS_poll, nowhere, 1L, 0L));
#endif
	TELL(syscall(SYS_ppoll, nowhere, 1L, nowhere, NULL, 8L));
#if defined(NUMBER_OF_SELECT)
	TELL(syscall(NUMBER_OF_SELECT, 5L, nowhere, NULL, NULL, nowhere));
#endif
	TELL(syscall(SYS_pselect6, 5L, nowhere, NULL, NULL, nowhere, nowhere));
}

int main(void)
{
	uint16_t port;
	int ends[2];

	deadline_set(30);
	nowhere = (char *)flush_alloc(1) + 1;
	int listener = tcp_listen(&port);
	tcp_pair(ends);
	addresses(listener, port);
	bytes(ends[1], ends[0]);
	waits(ends[0]);
	options(ends[0]);
	by_number(ends[1], ends[0]);
	four_marks(ends[0], 501);
	return 0;
}
