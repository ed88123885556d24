/*
 * bypass: makes system calls directly where libc's function would do nothing more.
 *
 * In a process with one thread, libc's read, write, recv and send are a system call and nothing
 * else. After a system call each function return costs about 20 ns more than usual, because the
 * kernel's own returns have replaced the program's in the processor's return stack. Making the
 * system call in the library's own frame saves one return. This is done only if the process has one
 * thread, if the real function is libc's and not another preloaded library's, and if the process
 * has never requested a cancellation: a thread may cancel itself, and libc's function is then the
 * cancellation point.
 * Context: bypass_start in the constructor; the rest anywhere. Locks: none. Errno: set on failure,
 * as libc's functions do. Keeps I5, I8.
 */
#ifndef SYS_BYPASS_H
#define SYS_BYPASS_H

#include <errno.h>

#include "sys/hot.h"
#include "sys/raw.h"
#include "sys/real.h"
#include "sys/threads.h"

extern bool bypass_is_libc;

/* Whether the real waiting functions (ppoll, pselect, epoll_pwait) are libc's. Another library may
 * count their timeouts differently (libfaketime does). */
extern bool bypass_is_wait_libcs;

void bypass_start(void);

/* Makes all later calls go through libc's functions. */
void bypass_stop(void);

static inline bool bypass_is_allowed(void)
{
	return threads_are_none() && __atomic_load_n(&bypass_is_libc, __ATOMIC_RELAXED);
}

static inline ssize_t bypass_answer(long result)
{
	if (__builtin_expect(result < 0, 0)) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static inline ssize_t bypass_read(int fd, void *buf, size_t size)
{
	if (!bypass_is_allowed())
		return real.read(fd, buf, size);
	return bypass_answer(raw_syscall3(SYS_read, fd, (long)buf, (long)size));
}

static inline ssize_t bypass_write(int fd, const void *buf, size_t size)
{
	if (!bypass_is_allowed())
		return real.write(fd, buf, size);
	return bypass_answer(raw_syscall3(SYS_write, fd, (long)buf, (long)size));
}

static inline ssize_t bypass_recv(int fd, void *buf, size_t size, int flags)
{
	if (!bypass_is_allowed())
		return real.recv(fd, buf, size, flags);
	return bypass_answer(raw_syscall6(SYS_recvfrom, fd, (long)buf, (long)size, flags, 0, 0));
}

static inline ssize_t bypass_send(int fd, const void *buf, size_t size, int flags)
{
	if (!bypass_is_allowed())
		return real.send(fd, buf, size, flags);
	return bypass_answer(raw_syscall6(SYS_sendto, fd, (long)buf, (long)size, flags, 0, 0));
}

#endif
