/*
 * syscall(): calls by number.
 *
 * libuv closes its sockets by syscall(SYS_close). Calls that concern connections are handled like
 * the functions of the same names. All others pass through with all six arguments.
 */
#include <limits.h>
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
		call_integer(call, six->a[i]);
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
			call_timeout(&call, (const void *)six->a[i]);
		else if (kind == ARG_MILLISECONDS)
			call.is_unlimited = (int)six->a[i] < 0;
		else if (kind == ARG_READ_SET)
			call_select_sets(&call, &sets);
	}
	return after_call(&call, pass(number, six));
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
	return after_call(&call, pass(number, six));
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
		for (long i = 0; i < (unsigned)six->a[2] && i < IOV_MAX; i++)
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
	if (id == CALL_preadv2 || id == CALL_pwritev2) /* after the two halves of the position */
		call.arguments[4] = (uint64_t)six->a[5];
	before_call(&call);
	if (id == CALL_setsockopt && six->a[1] == IPPROTO_TCP && six->a[2] == TCP_REPAIR)
		tcpinfo_expect_repair();
	if (id == CALL_setsockopt && before_is_left_out(&call))
		return after_call(&call, 0);
	long result = pass_messages(id, six, pass(number, six));
	return after_call(&call, id == CALL_shutdown ? after_shutdown(&call, (int)result) : result);
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
