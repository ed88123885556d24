/*
 * raw: system calls without libc. They have no errno, are no cancellation points, and cannot be
 * replaced by another library.
 *
 * Every function that is named after a system call returns the kernel's result: a value, or -errno.
 * Context: anywhere, also before the constructor. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SYS_RAW_H
#define SYS_RAW_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "tcpshim/linux.h"

#if defined(__x86_64__)
static inline long raw_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long raw_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#elif defined(__i386__)
#include "sys/raw_i386.h"
#else
#error "system calls are written for x86-64, arm64 and i386: add raw_syscall6 for this machine here"
#endif

#if !defined(__i386__)
static inline long raw_syscall4(long number, long a, long b, long c, long d)
{
	return raw_syscall6(number, a, b, c, d, 0, 0);
}

static inline long raw_syscall3(long number, long a, long b, long c)
{
	return raw_syscall6(number, a, b, c, 0, 0, 0);
}

static inline long raw_syscall2(long number, long a, long b)
{
	return raw_syscall6(number, a, b, 0, 0, 0, 0);
}

static inline long raw_syscall1(long number, long a)
{
	return raw_syscall6(number, a, 0, 0, 0, 0, 0);
}
#endif

/* The system calls whose 64-bit numbers a 32-bit machine has in calls of their own. Their
 * structures are struct stat64 and struct rlimit64; the last argument of RAW_MMAP is 0. */
#if __SIZEOF_LONG__ == 4
enum {
	RAW_MMAP = SYS_mmap2,
	RAW_FSTAT = SYS_fstat64,
	RAW_FSTATAT = SYS_fstatat64,
	RAW_GETEUID = SYS_geteuid32,
	RAW_FCNTL = SYS_fcntl64,
};

static inline long raw_truncate(int fd, uint64_t size)
{
	return raw_syscall3(SYS_ftruncate64, fd, (long)size, (long)(size >> 32));
}
#else
enum {
	RAW_MMAP = SYS_mmap,
	RAW_FSTAT = SYS_fstat,
	RAW_FSTATAT = SYS_newfstatat,
	RAW_GETEUID = SYS_geteuid,
	RAW_FCNTL = SYS_fcntl,
};

static inline long raw_truncate(int fd, uint64_t size)
{
	return raw_syscall2(SYS_ftruncate, fd, (long)size);
}
#endif

static inline int raw_gettid(void)
{
	return (int)raw_syscall1(SYS_gettid, 0);
}

static inline int raw_getpid(void)
{
	return (int)raw_syscall1(SYS_getpid, 0);
}

static inline long raw_write(int fd, const void *bytes, size_t size)
{
	return raw_syscall3(SYS_write, fd, (long)bytes, (long)size);
}

/* SIGPIPE and SIGXFSZ: the signals that a write may raise. */
#define RAW_SIGNALS_OF_WRITE (UINT64_C(1) << (SIGPIPE - 1) | UINT64_C(1) << (SIGXFSZ - 1))

/* Writes without delivering SIGPIPE (a pipe without a reader) or SIGXFSZ (a file at its limit). The
 * caller has blocked both. A signal that this write raised is removed; one that was pending before
 * stays. */
struct iovec;
long raw_write_without_signal(int fd, const struct iovec *parts, int count);

/* Makes a thread that shares the caller's memory, calls body, and ends when body returns. It is not
 * libc's: musl's clone makes none. stack_end: a multiple of 16. tid: for CLONE_CHILD_SETTID and
 * CLONE_CHILD_CLEARTID. storage: for CLONE_SETTLS. Returns its id, or -errno. */
long raw_clone_thread(int flags, void *stack_end, int *tid, uintptr_t storage, int (*body)(void *),
		      void *argument);

static inline long raw_close(int fd)
{
	return raw_syscall1(SYS_close, fd);
}

/* Maps zeroed private memory. Returns NULL on failure. */
void *raw_map(size_t size);
void raw_unmap(void *memory, size_t size);

bool raw_is_tcp_socket(int fd);

/* Returns whether fd was opened for writing (fcntl F_GETFL). */
bool raw_is_writable(int fd);

/* Returns what poll reports for fd without being asked: POLLERR, POLLHUP, POLLNVAL. Never
 * blocks. */
int raw_poll_events(int fd);

/* Returns 1 if poll reports anything for fd now, asked for events (POLL*), and 0 otherwise. Never
 * blocks. */
int raw_is_ready(int fd, int events);

#endif
