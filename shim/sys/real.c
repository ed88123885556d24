#include "sys/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "sys/portable.h"
#include "sys/raw.h"

/* Returns a system call's result as libc does: -errno becomes errno and -1. */
static long answer(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

enum { SIGSET_BYTES = 8 }; /* the kernel's sigset_t */

static int early_socket(int domain, int type, int protocol)
{
	return (int)answer(raw_syscall3(SYS_socket, domain, type, protocol));
}

static int early_bind(int fd, const struct sockaddr *address, socklen_t size)
{
	return (int)answer(raw_syscall3(SYS_bind, fd, (long)address, (long)size));
}

static int early_listen(int fd, int backlog)
{
	return (int)answer(raw_syscall2(SYS_listen, fd, backlog));
}

static int early_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	return (int)answer(raw_syscall3(SYS_connect, fd, (long)address, (long)size));
}

static int early_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	return (int)answer(raw_syscall4(SYS_accept4, fd, (long)address, (long)size, flags));
}

static int early_accept(int fd, struct sockaddr *address, socklen_t *size)
{
	return early_accept4(fd, address, size, 0);
}

static int early_shutdown(int fd, int how)
{
	return (int)answer(raw_syscall2(SYS_shutdown, fd, how));
}

static int early_close(int fd)
{
	return (int)answer(raw_close(fd));
}

static int early_close_range(unsigned first, unsigned last, int flags)
{
	return (int)answer(raw_syscall3(SYS_close_range, (long)first, (long)last, flags));
}

static void early_closefrom(int first)
{
	raw_syscall3(SYS_close_range, first < 0 ? 0 : first, (long)UINT_MAX, 0);
}

static int early_dup(int fd)
{
	return (int)answer(raw_syscall1(SYS_dup, fd));
}

static int early_dup2(int fd, int to)
{
	if (fd == to) /* dup3 refuses what dup2 allows */
		return (int)answer(raw_syscall3(SYS_fcntl, fd, F_GETFD, 0)) < 0 ? -1 : to;
	return (int)answer(raw_syscall3(SYS_dup3, fd, to, 0));
}

static int early_dup3(int fd, int to, int flags)
{
	return (int)answer(raw_syscall3(SYS_dup3, fd, to, flags));
}

static int early_fcntl(int fd, int command, ...)
{
	va_list list;
	long value;

	va_start(list, command);
	value = va_arg(list, long);
	va_end(list);
	return (int)answer(raw_syscall3(RAW_FCNTL, fd, command, value));
}

static int early_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	long value;

	va_start(list, request);
	value = va_arg(list, long);
	va_end(list);
	return (int)answer(raw_syscall3(SYS_ioctl, fd, (long)request, value));
}

static int early_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return (int)answer(
		raw_syscall6(SYS_getsockopt, fd, level, name, (long)value, (long)size, 0));
}

static int early_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return (int)answer(
		raw_syscall6(SYS_setsockopt, fd, level, name, (long)value, (long)size, 0));
}

static int early_getsockname(int fd, struct sockaddr *address, socklen_t *size)
{
	return (int)answer(raw_syscall3(SYS_getsockname, fd, (long)address, (long)size));
}

static int early_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
	return (int)answer(raw_syscall3(SYS_getpeername, fd, (long)address, (long)size));
}

static ssize_t early_read(int fd, void *buf, size_t size)
{
	return answer(raw_syscall3(SYS_read, fd, (long)buf, (long)size));
}

static ssize_t early___read_chk(int fd, void *buf, size_t size, size_t buf_size)
{
	return early_read(fd, buf, size < buf_size ? size : buf_size);
}

static ssize_t early_readv(int fd, const struct iovec *vector, int count)
{
	return answer(raw_syscall3(SYS_readv, fd, (long)vector, count));
}

static ssize_t early_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *address,
			      socklen_t *address_size)
{
	return answer(raw_syscall6(SYS_recvfrom, fd, (long)buf, (long)size, flags, (long)address,
				   (long)address_size));
}

static ssize_t early___recvfrom_chk(int fd, void *buf, size_t size, size_t buf_size, int flags,
				    struct sockaddr *address, socklen_t *address_size)
{
	return early_recvfrom(fd, buf, size < buf_size ? size : buf_size, flags, address,
			      address_size);
}

static ssize_t early_recv(int fd, void *buf, size_t size, int flags)
{
	return early_recvfrom(fd, buf, size, flags, NULL, NULL);
}

static ssize_t early___recv_chk(int fd, void *buf, size_t size, size_t buf_size, int flags)
{
	return early_recv(fd, buf, size < buf_size ? size : buf_size, flags);
}

/* Functions that are not system calls alone are looked up when they are called: libc always has
 * them. */
#define LOOK_UP(symbol) ((__typeof__(symbol) *)portable_find_next(#symbol))

/* musl's functions for messages clear what the kernel must not see (message.h). */
static ssize_t early_recvmsg(int fd, struct msghdr *message, int flags)
{
	if (portable_is_musl())
		return LOOK_UP(recvmsg)(fd, message, flags);
	return answer(raw_syscall3(SYS_recvmsg, fd, (long)message, flags));
}

static int early_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
			  struct timespec *timeout)
{
	if (portable_is_musl())
		return LOOK_UP(recvmmsg)(fd, messages, count, flags, timeout);
	return (int)answer(raw_syscall6(SYS_recvmmsg, fd, (long)messages, (long)count, flags,
					(long)timeout, 0));
}

static ssize_t early_write(int fd, const void *buf, size_t size)
{
	return answer(raw_write(fd, buf, size));
}

static ssize_t early_writev(int fd, const struct iovec *vector, int count)
{
	return answer(raw_syscall3(SYS_writev, fd, (long)vector, count));
}

static ssize_t early_sendto(int fd, const void *buf, size_t size, int flags,
			    const struct sockaddr *address, socklen_t address_size)
{
	return answer(raw_syscall6(SYS_sendto, fd, (long)buf, (long)size, flags, (long)address,
				   (long)address_size));
}

static ssize_t early_send(int fd, const void *buf, size_t size, int flags)
{
	return early_sendto(fd, buf, size, flags, NULL, 0);
}

static ssize_t early_sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (portable_is_musl())
		return LOOK_UP(sendmsg)(fd, message, flags);
	return answer(raw_syscall3(SYS_sendmsg, fd, (long)message, flags));
}

static int early_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	if (portable_is_musl())
		return LOOK_UP(sendmmsg)(fd, messages, count, flags);
	return (int)answer(raw_syscall4(SYS_sendmmsg, fd, (long)messages, (long)count, flags));
}

#if __SIZEOF_LONG__ == 4
#define EARLY_SENDFILE64 SYS_sendfile64
#else
#define EARLY_SENDFILE64 SYS_sendfile
#endif

static ssize_t early_sendfile(int to, int from, off_t *offset, size_t size)
{
	return answer(raw_syscall4(SYS_sendfile, to, from, (long)offset, (long)size));
}

static ssize_t early_sendfile64(int to, int from, off64_t *offset, size_t size)
{
	return answer(raw_syscall4(EARLY_SENDFILE64, to, from, (long)offset, (long)size));
}

static ssize_t early_splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size,
			    unsigned flags)
{
	return answer(raw_syscall6(SYS_splice, from, (long)from_offset, to, (long)to_offset,
				   (long)size, (long)flags));
}

static int early_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		       const sigset_t *mask)
{
	struct timespec copy;

	if (timeout) { /* the kernel stores the time that is left, libc does not */
		copy = *timeout;
		timeout = &copy;
	}
	return (int)answer(raw_syscall6(SYS_ppoll, (long)fds, (long)count, (long)timeout,
					(long)mask, SIGSET_BYTES, 0));
}

static int early___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			     const sigset_t *mask, size_t fds_size)
{
	(void)fds_size;
	return early_ppoll(fds, count, timeout, mask);
}

static int early_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec time = {.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L};

	return early_ppoll(fds, count, timeout < 0 ? NULL : &time, NULL);
}

static int early___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t fds_size)
{
	(void)fds_size;
	return early_poll(fds, count, timeout);
}

static int early_pselect(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
			 const struct timespec *timeout, const sigset_t *mask)
{
	struct {
		const sigset_t *mask;
		size_t size;
	} mask_argument = {mask, SIGSET_BYTES};
	struct timespec copy;

	if (timeout) {
		copy = *timeout;
		timeout = &copy;
	}
	return (int)answer(raw_syscall6(SYS_pselect6, count, (long)read_set, (long)write_set,
					(long)except_set, (long)timeout, (long)&mask_argument));
}

static int early_select(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
			struct timeval *timeout)
{
	struct timespec time;

	if (!timeout)
		return early_pselect(count, read_set, write_set, except_set, NULL, NULL);
	time = (struct timespec){.tv_sec = timeout->tv_sec, .tv_nsec = timeout->tv_usec * 1000};
	return early_pselect(count, read_set, write_set, except_set, &time, NULL);
}

static int early_pipe2(int fds[2], int flags)
{
	return (int)answer(raw_syscall2(SYS_pipe2, (long)fds, flags));
}

static int early_epoll_create1(int flags)
{
	return (int)answer(raw_syscall1(SYS_epoll_create1, flags));
}

static int early_epoll_create(int size)
{
	if (size <= 0) {
		errno = EINVAL;
		return -1;
	}
	return early_epoll_create1(0);
}

static int early_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return (int)answer(raw_syscall4(SYS_epoll_ctl, epoll_fd, operation, fd, (long)event));
}

static int early_epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout,
			     const sigset_t *mask)
{
	return (int)answer(raw_syscall6(SYS_epoll_pwait, epoll_fd, (long)events, count, timeout,
					(long)mask, SIGSET_BYTES));
}

static int early_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout)
{
	return early_epoll_pwait(epoll_fd, events, count, timeout, NULL);
}

#if __SIZEOF_LONG__ == 4
/* The kernel's time64 calls ignore the other half of the nanoseconds. */
static int early___epoll_pwait2_time64(int epoll_fd, struct epoll_event *events, int count,
				       const struct timespec64 *timeout, const sigset_t *mask)
{
	return (int)answer(raw_syscall6(SYS_epoll_pwait2, epoll_fd, (long)events, count,
					(long)timeout, (long)mask, SIGSET_BYTES));
}

static int early_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
			      const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec64 wide;

	if (!timeout)
		return early___epoll_pwait2_time64(epoll_fd, events, count, NULL, mask);
	wide = (struct timespec64){.tv_sec = timeout->tv_sec, .tv_nsec = timeout->tv_nsec};
	return early___epoll_pwait2_time64(epoll_fd, events, count, &wide, mask);
}

static int early___ppoll64(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
			   const sigset_t *mask)
{
	struct timespec64 copy;

	if (timeout) {
		copy = *timeout;
		timeout = &copy;
	}
	return (int)answer(raw_syscall6(SYS_ppoll_time64, (long)fds, (long)count, (long)timeout,
					(long)mask, SIGSET_BYTES, 0));
}

static int early___ppoll64_chk(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
			       const sigset_t *mask, size_t fds_size)
{
	(void)fds_size;
	return early___ppoll64(fds, count, timeout, mask);
}

static int early___pselect64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
			     const struct timespec64 *timeout, const sigset_t *mask)
{
	struct {
		const sigset_t *mask;
		size_t size;
	} mask_argument = {mask, SIGSET_BYTES};
	struct timespec64 copy;

	if (timeout) {
		copy = *timeout;
		timeout = &copy;
	}
	return (int)answer(raw_syscall6(SYS_pselect6_time64, count, (long)read_set, (long)write_set,
					(long)except_set, (long)timeout, (long)&mask_argument));
}

static int early___select64(int count, fd_set *read_set, fd_set *write_set, fd_set *except_set,
			    struct timeval64 *timeout)
{
	struct timespec64 time;

	if (!timeout)
		return early___pselect64(count, read_set, write_set, except_set, NULL, NULL);
	time = (struct timespec64){.tv_sec = timeout->tv_sec,
				   .tv_nsec = (int32_t)(timeout->tv_usec * 1000)};
	return early___pselect64(count, read_set, write_set, except_set, &time, NULL);
}

static int early___recvmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags,
			      struct timespec64 *timeout)
{
	return (int)answer(raw_syscall6(SYS_recvmmsg_time64, fd, (long)messages, (long)count, flags,
					(long)timeout, 0));
}
#else
static int early_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count,
			      const struct timespec *timeout, const sigset_t *mask)
{
	return (int)answer(raw_syscall6(SYS_epoll_pwait2, epoll_fd, (long)events, count,
					(long)timeout, (long)mask, SIGSET_BYTES));
}
#endif

static long early_syscall(long number, ...)
{
	va_list list;
	long a, b, c, d, e, f;

	va_start(list, number);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = va_arg(list, long);
	d = va_arg(list, long);
	e = va_arg(list, long);
	f = va_arg(list, long);
	va_end(list);
	return answer(raw_syscall6(number, a, b, c, d, e, f));
}

static int early_prctl(int option, ...)
{
	va_list list;
	long a, b, c, d;

	va_start(list, option);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = va_arg(list, long);
	d = va_arg(list, long);
	va_end(list);
	return (int)answer(raw_syscall6(SYS_prctl, option, a, b, c, d, 0));
}

static int early_socketpair(int domain, int type, int protocol, int pair[2])
{
	return (int)answer(raw_syscall4(SYS_socketpair, domain, type, protocol, (long)pair));
}

static int early_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	return (int)answer(raw_syscall3(SYS_pidfd_getfd, pidfd, fd, (long)flags));
}

/* The kernel takes the position in two halves; on a 64-bit machine the first one holds all of
 * it. */
static long high_half(off64_t position)
{
	return sizeof(long) == sizeof(position) ? 0 : (long)(position >> 32);
}

static ssize_t early_preadv64v2(int fd, const struct iovec *vector, int count, off64_t position,
				int flags)
{
	return answer(raw_syscall6(SYS_preadv2, fd, (long)vector, count, (long)position,
				   high_half(position), flags));
}

static ssize_t early_preadv2(int fd, const struct iovec *vector, int count, off_t position,
			     int flags)
{
	return early_preadv64v2(fd, vector, count, position, flags);
}

static ssize_t early_pwritev64v2(int fd, const struct iovec *vector, int count, off64_t position,
				 int flags)
{
	return answer(raw_syscall6(SYS_pwritev2, fd, (long)vector, count, (long)position,
				   high_half(position), flags));
}

static ssize_t early_pwritev2(int fd, const struct iovec *vector, int count, off_t position,
			      int flags)
{
	return early_pwritev64v2(fd, vector, count, position, flags);
}

static int early_munmap(void *memory, size_t size)
{
	return (int)answer(raw_syscall2(SYS_munmap, (long)memory, (long)size));
}

static int early_mprotect(void *memory, size_t size, int protection)
{
	return (int)answer(raw_syscall3(SYS_mprotect, (long)memory, (long)size, protection));
}

static int early_pkey_mprotect(void *memory, size_t size, int protection, int key)
{
	if (key == -1) /* like mprotect, even if the processor has no keys */
		return early_mprotect(memory, size, protection);
	return (int)answer(
		raw_syscall4(SYS_pkey_mprotect, (long)memory, (long)size, protection, key));
}

static void *early_mremap(void *memory, size_t size, size_t new_size, int flags, ...)
{
	va_list list;
	void *wanted;

	va_start(list, flags);
	wanted = va_arg(list, void *);
	va_end(list);
	return (void *)answer(raw_syscall6(SYS_mremap, (long)memory, (long)size, (long)new_size,
					   flags, (long)wanted, 0));
}

static int early_mlockall(int flags)
{
	return (int)answer(raw_syscall1(SYS_mlockall, flags));
}

static int early_shmdt(const void *memory)
{
	return (int)answer(raw_syscall1(SYS_shmdt, (long)memory));
}

/* The attribute is written as libc declares it, because clang treats it as part of the type. */
static __attribute__((noreturn)) void early__exit(int status)
{
	for (;;)
		raw_syscall1(SYS_exit_group, status);
}

static int early_fclose(FILE *file)
{
	return LOOK_UP(fclose)(file);
}

static FILE *early_freopen(const char *path, const char *mode, FILE *file)
{
	return LOOK_UP(freopen)(path, mode, file);
}

static FILE *early_freopen64(const char *path, const char *mode, FILE *file)
{
	__typeof__(freopen64) *found = LOOK_UP(freopen64);

	return (found ? found : LOOK_UP(freopen))(path, mode, file); /* musl since 1.2.4 */
}

static FILE *early_fdopen(int fd, const char *mode)
{
	return LOOK_UP(fdopen)(fd, mode);
}

static int early_daemon(int stays, int keeps)
{
	return LOOK_UP(daemon)(stays, keeps);
}

static int early_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from,
						  int to)
{
	return LOOK_UP(posix_spawn_file_actions_adddup2)(actions, from, to);
}

static int early_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			     struct addrinfo **result)
{
	return LOOK_UP(getaddrinfo)(node, service, hints, result);
}

static int early_pthread_cancel(pthread_t thread)
{
	__typeof__(pthread_cancel) *found = LOOK_UP(pthread_cancel);
	void *library;

	/* Before glibc 2.34 it is in libpthread, which dlopen may have loaded out of dlsym's sight.
	 */
	if (!found && (library = portable_open("libpthread.so.0", RTLD_LAZY | RTLD_NOLOAD)))
		found = (__typeof__(found))portable_symbol(library, "pthread_cancel");
	return found ? found(thread) : ENOSYS;
}

static __attribute__((noreturn)) void early_quick_exit(int status)
{
	LOOK_UP(quick_exit)(status);
	early__exit(status);
}

#define early_fcntl64 early_fcntl
#define early__Exit early__exit
#if __SIZEOF_LONG__ == 4
#define early___fcntl_time64 early_fcntl
#define early___ioctl_time64 early_ioctl
#define early___prctl_time64 early_prctl
#define early___getsockopt64 early_getsockopt
#define early___setsockopt64 early_setsockopt
#define early___recvmsg64 early_recvmsg
#define early___sendmsg64 early_sendmsg
#define early___sendmmsg64 early_sendmmsg
#endif

struct real real = {
#define CALL(symbol, ...) .symbol = early_##symbol,
#include "tcpshim/calls.def"
#undef CALL
};

/* Looks up all names. A name that libc lacks keeps the bare system call. Runs in the constructor
 * only, because dlsym allocates when it fails. */
void real_resolve(void)
{
	void *found;

#define CALL(symbol, ...)                    \
	found = portable_find_next(#symbol); \
	if (found)                           \
		memcpy(&real.symbol, &found, sizeof(found));
#include "tcpshim/calls.def"
#undef CALL
}
