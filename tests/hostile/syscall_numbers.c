/*
 * syscall_numbers: syscall(2) by number: six arguments, every result and errno, known and unknown.
 *
 * `syscall` is interposed, because node closes its sockets through it.  The calls that are known
 * are traced like the call by name; all others pass through with all six arguments.
 */
#include "hostile.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* On i386 SYS_mmap takes a pointer to its arguments, and SYS_mmap2 counts in pages. */
#if defined(__i386__)
enum { NUMBER_OF_MMAP = SYS_mmap2, OFFSET_OF_MMAP = 1 };
#else
enum { NUMBER_OF_MMAP = SYS_mmap, OFFSET_OF_MMAP = 4096 };
#endif

/* What i386 has beside these: socketcall, whose second argument points to the call's, and times of
 * 32 and of 64 bits. */
#if defined(__i386__)
#include <linux/net.h>
#include <poll.h>

static void check_socketcall(int listener, struct sockaddr_in *address)
{
	long made[] = {AF_INET, SOCK_STREAM, 0};
	int client = (int)syscall(SYS_socketcall, SYS_SOCKET, made);
	long connected[] = {client, (long)address, sizeof(*address)};
	long sent[] = {client, (long)"socketcall", 10, 0};
	long shut[] = {client, SHUT_WR};

	CHECK(client >= 0 && syscall(SYS_socketcall, SYS_CONNECT, connected) == 0);
	CHECK(syscall(SYS_socketcall, SYS_SEND, NULL) == -1 && errno == EFAULT);
	CHECK(syscall(SYS_socketcall, 99, sent) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_socketcall, SYS_SEND, sent) == 10);
	CHECK(syscall(SYS_socketcall, SYS_SHUTDOWN, shut) == 0);
	close(accept(listener, NULL, NULL));
	expect("=", 1, "^connect\\(%d, 127[.]0[.]0[.]1:%d, 16\\)[[:blank:]]+= 0$", client,
	       ntohs(address->sin_port));
	expect("=", 1, "^send\\(%d, \" s o c k e t c a l l\", 10, 0\\)[[:blank:]]+= 10$", client);
	expect("=", 1, "^shutdown\\(%d, SHUT_WR\\)[[:blank:]]+= 0$", client);
	close(client);
}

static void check_times(int fd)
{
	struct pollfd entry = {fd, POLLPRI, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	CHECK(syscall(SYS_ppoll, &entry, 1, (long[]){0, 1000000}, NULL, 8) == 0);
	CHECK(syscall(SYS_ppoll_time64, &entry, 1, (int64_t[]){0, 2000000}, NULL, 8) == 0);
	CHECK(syscall(SYS__newselect, fd + 1, NULL, NULL, &set, (long[]){0, 3000}) == 0);
	expect("=", 1, "^ppoll\\(.*, 1, [{]0[.]001000000[}], .*[[:blank:]]= 0$");
	expect("=", 1, "^ppoll\\(.*, 1, [{]0[.]002000000[}], .*[[:blank:]]= 0$");
	expect("=", 1, "^select\\(%d, .*, \\[%d\\], [{]0[.]003000[}]\\)[[:blank:]]+= 0$", fd + 1,
	       fd);
}
#else
#define check_socketcall(listener, address)
#define check_times(fd)
#endif

int main(void)
{
	char bytes[64];
	uint16_t port;

	deadline_set(30);
	CHECK(syscall(SYS_getpid) == getpid());
	CHECK(syscall(9999) == -1 && errno == ENOSYS);
	CHECK(syscall(-1L) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_close, -1) == -1 && errno == EBADF);
	/* The sixth argument, an offset, decides which page is seen. */
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(pread(file, bytes, 4, 4096) == 4);
	char *map = (char *)syscall(NUMBER_OF_MMAP, 0L, 4096L, (long)PROT_READ, (long)MAP_PRIVATE,
				    (long)file, OFFSET_OF_MMAP);
	CHECK(map != MAP_FAILED && memcmp(map, bytes, 4) == 0);
	CHECK(syscall(SYS_munmap, map, 4096L) == 0);
	int64_t start = now_us();
	CHECK(syscall(SYS_futex, &port, 0L, 0L, NULL, NULL, 0L) == -1);
	CHECK(now_us() - start < 1000000);

	int listener = tcp_listen(&port);
	struct sockaddr_in address = loopback(port);
	int client = (int)syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L);
	CHECK(client >= 0);
	CHECK(syscall(SYS_connect, client, &address, sizeof(address)) == 0);
	int server = (int)syscall(SYS_accept4, listener, NULL, NULL, (long)SOCK_NONBLOCK);
	CHECK(server >= 0);
	CHECK(syscall(SYS_write, client, "by number", 9L) == 9);
	sleep_ms(20);
	CHECK(syscall(SYS_recvfrom, server, bytes, 64L, 0L, NULL, NULL) == 9);
	CHECK(syscall(SYS_read, server, bytes, 64L) == -1 && errno == EAGAIN);
	struct iovec vector = {bytes, 5};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};
	CHECK(syscall(SYS_sendmmsg, client, &message, 1L, 0L) == 1 && message.msg_len == 5);
	sleep_ms(20);
	CHECK(syscall(SYS_recvmmsg, server, &message, 1L, 0L, NULL) == 1 && message.msg_len == 5);
	check_times(client);
	check_socketcall(listener, &address);
	CHECK(syscall(SYS_dup3, client, 50L, (long)O_CLOEXEC) == 50);
	CHECK(syscall(SYS_write, 50L, "by number", 9L) == 9);
	CHECK(syscall(SYS_close, 50L) == 0);
	CHECK(syscall(SYS_close, client) == 0);
	CHECK(syscall(SYS_close, server) == 0);

	expect("=", 1, "^connect\\(%d, 127[.]0[.]0[.]1:%d, 16\\)[[:blank:]]+= 0$", client, port);
	expect("=", 1, "^accept4\\(%d, .*SOCK_NONBLOCK\\)[[:blank:]]+= %d( |$)", listener, server);
	expect("=", 1, "^write\\(%d, \" b y   n u m b e r\", 9\\)[[:blank:]]+= 9$", client);
	expect("=", 1, "^recvfrom\\(%d, \" b y   n u m b e r\", 64, 0, .*[[:blank:]]= 9$", server);
	expect("=", 1, "^read\\(%d, .*Err#11 EAGAIN$", server);
	expect("=", 1, "^sendmmsg\\(%d, .*[[:blank:]]= 1( |$)", client);
	expect("=", 1, "^recvmmsg\\(%d, .*[[:blank:]]= 1( |$)", server);
	expect("=", 1, "^write\\(50, \" b y   n u m b e r\", 9\\)[[:blank:]]+= 9$");
	expect("=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", client);
	expect("=", 1, "^close\\(%d\\)[[:blank:]]+= 0$", server);
	return 0;
}
