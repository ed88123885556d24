#include "sys/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

void *raw_map(size_t size)
{
	long result = raw_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return result < 0 && result > -4096 ? NULL : (void *)result;
}

void raw_unmap(void *memory, size_t size)
{
	raw_syscall2(SYS_munmap, (long)memory, (long)size);
}

long raw_write_without_signal(int fd, const struct iovec *parts, int count)
{
	const struct timespec none = {0};
	uint64_t pending = 0, fresh;
	long result;

	raw_syscall2(SYS_rt_sigpending, (long)&pending, sizeof(pending));
	result = raw_syscall3(SYS_writev, fd, (long)parts, count);
	fresh = RAW_SIGNALS_OF_WRITE & ~pending;
	if (result == -EPIPE || result == -EFBIG)
		raw_syscall4(SYS_rt_sigtimedwait, (long)&fresh, 0, (long)&none, sizeof(fresh));
	return result;
}

static long poll_now(struct pollfd *entry)
{
#ifdef SYS_poll /* seccomp filters allow poll more often than ppoll */
	return raw_syscall3(SYS_poll, (long)entry, 1, 0);
#else
	struct timespec none = {0};

	return raw_syscall6(SYS_ppoll, (long)entry, 1, (long)&none, 0, 0, 0);
#endif
}

int raw_poll_events(int fd)
{
	struct pollfd entry = {.fd = fd};

	return poll_now(&entry) > 0 ? entry.revents : 0;
}

int raw_is_ready(int fd, int events)
{
	struct pollfd entry = {.fd = fd, .events = (short)events};

	return poll_now(&entry) > 0;
}

bool raw_is_writable(int fd)
{
	long flags = raw_syscall3(SYS_fcntl, fd, F_GETFL, 0);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool raw_is_tcp_socket(int fd)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	return raw_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, (long)&protocol,
			    (long)&size, 0) == 0 &&
	       protocol == IPPROTO_TCP;
}
