/*
 * syscall(): calls by number.
 *
 * libuv closes its sockets by syscall(SYS_close). Calls that concern connections are handled like
 * the functions of the same names. All others pass through with all six arguments.
 */
#include <limits.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>

#include "conn/tcpinfo.h"
#include "format/facts.h"
#include "guest/memory.h"
#include "interpose/export.h"
#include "sys/restriction.h"
#include "tcpshim/linux.h"
#include "trace/lockdown.h"

struct six {
	long a[6];
};

/* Not every machine has these system calls. NO_NUMBER is never looked up. */
#ifndef SYS_poll
#define SYS_poll NO_NUMBER
#endif
#ifndef SYS_select
#define SYS_select NO_NUMBER
#endif
#ifndef SYS_epoll_wait
#define SYS_epoll_wait NO_NUMBER
#endif

#ifndef SYS_accept
#define SYS_accept NO_NUMBER
#endif
#if defined(__i386__)
#undef SYS_select /* takes one pointer to all of its arguments; no libc uses it */
#define SYS_select SYS__newselect
#endif

enum { NO_NUMBER = -1, NUMBERS = 512 };

static const long numbers[CALL_COUNT] = {
#define CALL(symbol, shown, group, need, effect, number, ...) [CALL_##symbol] = number,
#include "tcpshim/calls.def"
#undef CALL
	[CALL_rehearse] = NO_NUMBER,
	[CALL_exit] = NO_NUMBER,
};

/* Indexed by system call number: the call + 1, or 0. */
static uint8_t calls[NUMBERS];
_Static_assert(CALL_COUNT < UINT8_MAX, "a call fits in a byte");

__attribute__((constructor)) static void find_calls(void)
{
	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (numbers[call] >= 0 && numbers[call] < NUMBERS)
			calls[numbers[call]] = (uint8_t)(call + 1);
}

#if defined(__i386__)
/* Further numbers of calls. */
static const struct {
	int number;
	enum tcpshim_call call;
} more_numbers[] = {
	{SYS_fcntl64, CALL_fcntl},
	{SYS_sendfile64, CALL_sendfile64},
	{SYS_ppoll_time64, CALL_ppoll},
	{SYS_pselect6_time64, CALL_pselect},
	{SYS_recvmmsg_time64, CALL_recvmmsg},
};

__attribute__((constructor)) static void find_more_calls(void)
{
	for (unsigned i = 0; i < sizeof(more_numbers) / sizeof(more_numbers[0]); i++)
		calls[more_numbers[i].number] = (uint8_t)(more_numbers[i].call + 1);
}
#endif

/* Returns the call with this number, or CALL_COUNT. */
static enum tcpshim_call call_of(long number)
{
	unsigned call = number >= 0 && number < NUMBERS ? calls[number] : 0;

	return call > 0 ? (enum tcpshim_call)(call - 1) : CALL_COUNT;
}

static long pass(long number, const struct six *six)
{
	return real.syscall(number, six->a[0], six->a[1], six->a[2], six->a[3], six->a[4],
			    six->a[5]);
}

/* Sets the call's arguments. They are in the same order as the function's; the kernel's additional
 * ones come last. */
static void arguments(struct call *call, const struct six *six)
{
	for (unsigned i = 0; i < EVENT_ARGUMENTS && call_rows[call->id].kinds[i] != ARG_NONE; i++)
		call_integer(call, (int64_t)(unsigned long)six->a[i]);
}

/* Sets the arguments of preadv2 and pwritev2: after the position, which is in two halves, come the
 * flags. */
static void correct_position(struct call *call, const struct six *six)
{
#if __SIZEOF_LONG__ == 4
	call->arguments[3] = (uint64_t)six->a[4] << 32 | (unsigned long)six->a[3];
#endif
	call->arguments[4] = (uint64_t)six->a[5];
}

/* Reads the timeout of a call by number. */
static void timeout_of(struct call *call, long number, const void *timeout)
{
#if __SIZEOF_LONG__ == 4
	if (number == SYS_ppoll_time64 || number == SYS_pselect6_time64 ||
	    number == SYS_epoll_pwait2) {
		call_timespec64(call, timeout);
		return;
	}
#endif
	(void)number;
	call_timeout(call, timeout);
}

/* Makes a poll, select or epoll_wait, in one part, since the caller chose the kernel's own
 * semantics. */
static long pass_wait(enum tcpshim_call id, long number, const struct six *six)
{
	struct call call;
	struct call_sets sets;
	bool is_on_epoll = call_rows[id].kinds[1] == ARG_EPOLL_SET;

	if (is_on_epoll ? !watch_is_epoll((int)six->a[0]) : !watch_is_any())
		return pass(number, six);

	call_enter(&call, id, is_on_epoll ? (int)six->a[0] : -1);
	arguments(&call, six);
	for (unsigned i = 0; i < call.argument_count; i++) {
		uint8_t kind = call_rows[id].kinds[i];

		if (kind == ARG_TIMESPEC || kind == ARG_TIMEVAL)
			timeout_of(&call, number, (const void *)six->a[i]);
		else if (kind == ARG_MILLISECONDS)
			call.is_unlimited = (int)six->a[i] < 0;
		else if (kind == ARG_READ_SET)
			call_select_sets(&call, &sets);
	}
	return (long)after_call(&call, pass(number, six));
}

static long pass_close(long number, const struct six *six)
{
	int fd = (int)six->a[0];
	CLOSING_CALL call = {.closing = NULL};

	if (watch_is_own(fd)) {
		errno = EBADF;
		return -1;
	}
	if (fd < 0 || !closing_enter(&call, CALL_close, (unsigned)fd, (unsigned)fd))
		return pass(number, six);

	call_integer(&call, fd);
	return (long)after_call(&call, pass(number, six));
}

/* Handles the descriptors that a message brought: unix sockets pass descriptors, even if they are
 * not watched themselves. */
static long pass_messages(enum tcpshim_call id, const struct six *six, long result)
{
	if (result >= 0 && id == CALL_recvmsg)
		rights_received((const struct msghdr *)six->a[1]);
	else if (id == CALL_recvmmsg)
		for (long i = 0; i < result; i++)
			rights_received(&((const struct mmsghdr *)six->a[1])[i].msg_hdr);
	return result;
}

static void before_messages(enum tcpshim_call id, const struct six *six)
{
	if (!watch_is_any())
		return;
	if (id == CALL_sendmsg)
		rights_sent((const struct msghdr *)six->a[1]);
	else if (id == CALL_sendmmsg)
		for (unsigned i = 0; i < (unsigned)six->a[2] && i < IOV_MAX; i++)
			rights_sent(&((const struct mmsghdr *)six->a[1])[i].msg_hdr);
}

static bool passes_through(enum tcpshim_call id, int fd, const struct six *six)
{
	struct call unused;

	switch (id) {
	case CALL_listen:
	case CALL_connect:
	case CALL_accept:
	case CALL_accept4:
		return !watch_has_conn(fd);
	case CALL_setsockopt:
		return !watch_is_setting(fd);
	case CALL_shutdown:
		return !watch_is_shutting(fd);
	case CALL_sendto:
	case CALL_sendmmsg:
		return !watch_is_sending(fd, (int)six->a[3]);
	case CALL_sendmsg:
		return !watch_is_sending(fd, (int)six->a[2]);
	default:
		return call_rows[id].effect == EFFECT_READ ? !watch_is_read(&unused, fd)
							   : !watch_is_on(fd);
	}
}

static long pass_on_descriptor(enum tcpshim_call id, long number, const struct six *six)
{
	int fd = (int)six->a[0];
	struct call call;

	if (id == CALL_splice && !watch_is_on(fd))
		fd = (int)six->a[2];
	before_messages(id, six);
	if (passes_through(id, fd, six))
		return pass_messages(id, six, pass(number, six));

	call_enter(&call, id, fd);
	arguments(&call, six);
	if (id == CALL_preadv2 || id == CALL_pwritev2)
		correct_position(&call, six);
	before_call(&call);
	if (id == CALL_setsockopt && six->a[1] == IPPROTO_TCP && six->a[2] == TCP_REPAIR)
		tcpinfo_expect_repair();
	if (id == CALL_setsockopt && before_is_left_out(&call))
		return (long)after_call(&call, 0);
	long result = pass_messages(id, six, pass(number, six));
	result = id == CALL_shutdown ? after_shutdown(&call, (int)result) : result;
	return (long)after_call(&call, result);
}

/* Restricts the library before the filter is installed, because one forbidden call would end the
 * process. Lifts the restriction if the kernel refused the filter. */
static long pass_filter(enum restriction restriction, long number, const struct six *six)
{
	if (!process_is_itself())
		return pass(number, six);

	enum restriction before = lockdown_begin(restriction);
	long result = pass(number, six);

	lockdown_end(before, result == 0);
	return result;
}

/* Makes a fork or clone. A new process has our connections open too; a thread is not a new process.
 * The child takes its own identity (I6). */
static long pass_fork(long number, const struct six *six)
{
	uint64_t flags = number == SYS_clone ? (uint64_t)six->a[0] : 0;
	long child;

	/* struct clone_args begins with the flags */
	if (number == SYS_clone3 &&
	    !memory_copy_all(&flags, (const void *)six->a[0], sizeof(flags), process_now_ns()))
		flags = CLONE_VM;
	child = pass(number, six);
	if (child < 0 || (flags & CLONE_VM))
		return child;
	if (child == 0)
		process_note_child();
	else if (process_is_itself())
		process_note_fork();
	return child;
}

/* Makes a call that removes memory or makes it unreadable. */
static long pass_memory(long number, const struct six *six)
{
	long result = pass(number, six);

	memory_forget();
	return result;
}

/* Makes a call that concerns the process as a whole. Returns false if number is none of these. */
static bool pass_for_process(long number, const struct six *six, long *result)
{
	switch (number) {
	case SYS_seccomp:
		*result = six->a[0] == SECCOMP_SET_MODE_STRICT
				  ? pass_filter(RESTRICTION_STRICT, number, six)
			  : six->a[0] == SECCOMP_SET_MODE_FILTER
				  ? pass_filter(RESTRICTION_FILTER, number, six)
				  : pass(number, six);
		return true;
	case SYS_io_uring_setup:
		after_ring();
		*result = pass(number, six);
		return true;
	case SYS_clone:
	case SYS_clone3:
#ifdef SYS_fork
	case SYS_fork:
#endif
		*result = pass_fork(number, six);
		return true;
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_mremap:
	case SYS_shmdt:
#ifdef SYS_ipc /* shmdt too */
	case SYS_ipc:
#endif
		*result = pass_memory(number, six);
		return true;
	case SYS_exit_group:
		finish_process((int)six->a[0], true);
		*result = pass(number, six);
		return true;
	default:
		return false;
	}
}

/* Makes a call through the function of its name. Returns false if number is none of these. */
static bool pass_by_name(long number, const struct six *six, long *result)
{
	const long *a = six->a;

	switch (number) {
	case SYS_prctl:
		*result = prctl((int)a[0], a[1], a[2], a[3], a[4]);
		return true;
	case SYS_mlockall:
		*result = mlockall((int)a[0]);
		return true;
	case SYS_socketpair:
		*result = socketpair((int)a[0], (int)a[1], (int)a[2], (int *)a[3]);
		return true;
	case SYS_pidfd_getfd:
		*result = pidfd_getfd((int)a[0], (int)a[1], (unsigned)a[2]);
		return true;
	case SYS_socket:
		*result = socket((int)a[0], (int)a[1], (int)a[2]);
		return true;
	case SYS_close_range:
		*result = close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
		return true;
	case SYS_dup:
		*result = dup((int)a[0]);
		return true;
#ifdef SYS_dup2
	case SYS_dup2:
		*result = dup2((int)a[0], (int)a[1]);
		return true;
#endif
	case SYS_dup3:
		*result = dup3((int)a[0], (int)a[1], (int)a[2]);
		return true;
#ifdef SYS_epoll_create
	case SYS_epoll_create:
		*result = epoll_create((int)a[0]);
		return true;
#endif
	case SYS_epoll_create1:
		*result = epoll_create1((int)a[0]);
		return true;
	case SYS_epoll_ctl:
		*result = epoll_ctl((int)a[0], (int)a[1], (int)a[2], (struct epoll_event *)a[3]);
		return true;
	default:
		return false;
	}
}

#if defined(__i386__)
/* Makes a socketcall(2) through the function that it stands for. Its second argument points to the
 * function's. */
static long pass_socketcall(long number, const struct six *six)
{
	static const uint8_t counts[] = {
		[SYS_SOCKET] = 3,      [SYS_BIND] = 3,       [SYS_CONNECT] = 3,
		[SYS_LISTEN] = 2,      [SYS_ACCEPT] = 3,     [SYS_GETSOCKNAME] = 3,
		[SYS_GETPEERNAME] = 3, [SYS_SOCKETPAIR] = 4, [SYS_SEND] = 4,
		[SYS_RECV] = 4,        [SYS_SENDTO] = 6,     [SYS_RECVFROM] = 6,
		[SYS_SHUTDOWN] = 2,    [SYS_SETSOCKOPT] = 5, [SYS_GETSOCKOPT] = 5,
		[SYS_SENDMSG] = 3,     [SYS_RECVMSG] = 3,    [SYS_ACCEPT4] = 4,
		[SYS_RECVMMSG] = 5,    [SYS_SENDMMSG] = 4,
	};
	unsigned function = (unsigned)six->a[0];
	long a[6];

	if (function >= sizeof(counts) || counts[function] == 0 ||
	    !memory_copy_all(a, (const void *)six->a[1], counts[function] * sizeof(a[0]),
			     process_now_ns()))
		return pass(number, six);
	switch (function) {
	case SYS_SOCKET:
		return socket((int)a[0], (int)a[1], (int)a[2]);
	case SYS_BIND:
		return bind((int)a[0], (const struct sockaddr *)a[1], (socklen_t)a[2]);
	case SYS_CONNECT:
		return connect((int)a[0], (const struct sockaddr *)a[1], (socklen_t)a[2]);
	case SYS_LISTEN:
		return listen((int)a[0], (int)a[1]);
	case SYS_ACCEPT:
		return accept((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2]);
	case SYS_GETSOCKNAME:
		return getsockname((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2]);
	case SYS_GETPEERNAME:
		return getpeername((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2]);
	case SYS_SOCKETPAIR:
		return socketpair((int)a[0], (int)a[1], (int)a[2], (int *)a[3]);
	case SYS_SEND:
		return send((int)a[0], (const void *)a[1], (size_t)a[2], (int)a[3]);
	case SYS_RECV:
		return recv((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
	case SYS_SENDTO:
		return sendto((int)a[0], (const void *)a[1], (size_t)a[2], (int)a[3],
			      (const struct sockaddr *)a[4], (socklen_t)a[5]);
	case SYS_RECVFROM:
		return recvfrom((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3],
				(struct sockaddr *)a[4], (socklen_t *)a[5]);
	case SYS_SHUTDOWN:
		return shutdown((int)a[0], (int)a[1]);
	case SYS_SETSOCKOPT:
		return setsockopt((int)a[0], (int)a[1], (int)a[2], (const void *)a[3],
				  (socklen_t)a[4]);
	case SYS_GETSOCKOPT:
		return getsockopt((int)a[0], (int)a[1], (int)a[2], (void *)a[3], (socklen_t *)a[4]);
	case SYS_SENDMSG:
		return sendmsg((int)a[0], (const struct msghdr *)a[1], (int)a[2]);
	case SYS_RECVMSG:
		return recvmsg((int)a[0], (struct msghdr *)a[1], (int)a[2]);
	case SYS_ACCEPT4:
		return accept4((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2], (int)a[3]);
	case SYS_RECVMMSG:
		return recvmmsg((int)a[0], (struct mmsghdr *)a[1], (unsigned)a[2], (int)a[3],
				(struct timespec *)a[4]);
	default:
		return sendmmsg((int)a[0], (struct mmsghdr *)a[1], (unsigned)a[2], (int)a[3]);
	}
}
#endif

EXPORT long syscall(long number, ...)
{
	struct six six;
	enum tcpshim_call id;
	long result;
	va_list list;

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		six.a[i] = va_arg(list, long);
	va_end(list);
#if defined(__i386__)
	if (number == SYS_socketcall && process_is_watching)
		return pass_socketcall(number, &six);
#endif
	id = process_is_watching ? call_of(number) : CALL_COUNT;
	if (id == CALL_COUNT) {
		if (process_is_watching && (pass_for_process(number, &six, &result) ||
					    pass_by_name(number, &six, &result)))
			return result;
		return pass(number, &six);
	}
	if (id == CALL_close)
		return pass_close(number, &six);
	if (id == CALL_fcntl && (six.a[1] == F_DUPFD || six.a[1] == F_DUPFD_CLOEXEC))
		return fcntl((int)six.a[0], (int)six.a[1], six.a[2]);
	if (call_rows[id].effect == EFFECT_WAIT)
		return pass_wait(id, number, &six);
	return pass_on_descriptor(id, number, &six);
}
