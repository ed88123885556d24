/*
 * direct: the system call itself, where libc's function would do no more.
 *
 * With one thread libc's read, write, recv and send are a system call and nothing else. Behind a
 * system call each return costs some 20 ns more than usual, since the kernel's own returns have
 * pushed the program's out of the processor's return stack; a call made in our own frame saves one
 * of them. It is made there if the process has one thread, if the function behind ours is libc's
 * and no other library's, and if the process has never asked for a cancellation: a thread may
 * cancel itself, and the function is then where it ends.
 * Context: bypass_start in the constructor; else anywhere. Locks: none. Errno: as libc's functions.
 */
#ifndef SYS_BYPASS_H
#define SYS_BYPASS_H

#include <errno.h>
#include <sys/single_threaded.h>

#include "sys/hot.h"
#include "sys/raw.h"
#include "sys/real.h"

extern bool bypass_is_libc;

/* The waits behind ours are libc's: another library may count their time otherwise (libfaketime
 * does). */
extern bool bypass_is_wait_libcs;

void bypass_start(void);

/* From now on libc's functions are called. */
void bypass_stop(void);

static inline bool bypass_is_allowed(void)
{
	return __libc_single_threaded && __atomic_load_n(&bypass_is_libc, __ATOMIC_RELAXED);
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
