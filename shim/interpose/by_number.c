/*
 * Calls by number.
 *
 * libuv closes its sockets by syscall(SYS_close). The calls that concern connections go the same
 * way as the functions of their names; everything else passes through with all six arguments.
 */
#include <limits.h>
#include <linux/seccomp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "conn/tcpinfo.h"
#include "format/facts.h"
#include "guest/memory.h"
#include "interpose/export.h"
#include "sys/restriction.h"
#include "trace/lockdown.h"

struct six {
	long a[6];
};

/* The call that this number is, or CALL_COUNT. */
static enum tcpshim_call call_of(long number)
{
	switch (number) {
	case SYS_bind:
		return CALL_bind;
	case SYS_listen:
		return CALL_listen;
	case SYS_connect:
		return CALL_connect;
	case SYS_accept:
		return CALL_accept;
	case SYS_accept4:
		return CALL_accept4;
	case SYS_shutdown:
		return CALL_shutdown;
	case SYS_close:
		return CALL_close;
	case SYS_fcntl:
		return CALL_fcntl;
	case SYS_ioctl:
		return CALL_ioctl;
	case SYS_getsockopt:
		return CALL_getsockopt;
	case SYS_setsockopt:
		return CALL_setsockopt;
	case SYS_getsockname:
		return CALL_getsockname;
	case SYS_getpeername:
		return CALL_getpeername;
	case SYS_read:
		return CALL_read;
	case SYS_readv:
		return CALL_readv;
	case SYS_recvfrom:
		return CALL_recvfrom;
	case SYS_recvmsg:
		return CALL_recvmsg;
	case SYS_recvmmsg:
		return CALL_recvmmsg;
	case SYS_write:
		return CALL_write;
	case SYS_writev:
		return CALL_writev;
	case SYS_sendto:
		return CALL_sendto;
	case SYS_sendmsg:
		return CALL_sendmsg;
	case SYS_sendmmsg:
		return CALL_sendmmsg;
	case SYS_sendfile:
		return CALL_sendfile;
	case SYS_splice:
		return CALL_splice;
	case SYS_preadv2:
		return CALL_preadv2;
	case SYS_pwritev2:
		return CALL_pwritev2;
	case SYS_ppoll:
		return CALL_ppoll;
	case SYS_pselect6:
		return CALL_pselect;
	case SYS_epoll_pwait:
		return CALL_epoll_pwait;
	case SYS_epoll_pwait2:
		return CALL_epoll_pwait2;
#ifdef SYS_poll
	case SYS_poll:
		return CALL_poll;
#endif
#ifdef SYS_select
	case SYS_select:
		return CALL_select;
#endif
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
		return CALL_epoll_wait;
#endif
	default:
		return CALL_COUNT;
	}
}

static long pass(long number, const struct six *six)
{
	return real.syscall(number, six->a[0], six->a[1], six->a[2], six->a[3], six->a[4],
			    six->a[5]);
}

/* Arguments stand in the same order as in the function; the kernel's extra ones come behind. */
static void arguments(struct call *call, const struct six *six)
{
	for (unsigned i = 0; i < EVENT_ARGUMENTS && call_rows[call->id].kinds[i] != ARG_NONE; i++)
		call_integer(call, six->a[i]);
}

/* poll and select: made in one part, since the caller chose the kernel's own semantics. */
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

/* Unix sockets pass descriptors, whether they are watched themselves or not. */
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

static bool is_passed_by(enum tcpshim_call id, int fd, const struct six *six)
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
	if (is_passed_by(id, fd, six))
		return pass_messages(id, six, pass(number, six));

	call_enter(&call, id, fd);
	arguments(&call, six);
	if (id == CALL_preadv2 || id == CALL_pwritev2) /* behind both halves of the position */
		call.arguments[4] = (uint64_t)six->a[5];
	before_call(&call);
	if (id == CALL_setsockopt && six->a[1] == IPPROTO_TCP && six->a[2] == TCP_REPAIR)
		tcpinfo_expect_repair();
	if (id == CALL_setsockopt && before_is_left_out(&call))
		return after_call(&call, 0);
	long result = pass_messages(id, six, pass(number, six));
	return after_call(&call, id == CALL_shutdown ? after_shutdown(&call, (int)result) : result);
}

/* Quiet before the filter is in place, since one forbidden call would end the process; loud again
 * if it was refused. */
static long pass_filter(enum restriction quiet, long number, const struct six *six)
{
	if (!process_is_itself())
		return pass(number, six);

	enum restriction before = lockdown_begin(quiet);
	long result = pass(number, six);

	if (result != 0)
		restriction_set(before);
	return result;
}

/* A new process holds our connections too; a thread is none. The child finds its own identity
 * (I6). */
static long pass_fork(long number, const struct six *six)
{
	uint64_t flags = number == SYS_clone ? (uint64_t)six->a[0] : 0;
	long child;

	/* struct clone_args begins with them */
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

/* These take memory away, or its being readable. */
static long pass_memory(long number, const struct six *six)
{
	long result = pass(number, six);

	memory_forget();
	return result;
}

EXPORT long syscall(long number, ...)
{
	struct six six;
	enum tcpshim_call id;
	va_list list;

	va_start(list, number);
	for (unsigned i = 0; i < 6; i++)
		six.a[i] = va_arg(list, long);
	va_end(list);
	if (!process_is_watching)
		return pass(number, &six);
	switch (number) {
	case SYS_seccomp:
		if (six.a[0] == SECCOMP_SET_MODE_STRICT)
			return pass_filter(RESTRICTION_STRICT, number, &six);
		if (six.a[0] == SECCOMP_SET_MODE_FILTER)
			return pass_filter(RESTRICTION_FILTER, number, &six);
		return pass(number, &six);
	case SYS_prctl:
		return prctl((int)six.a[0], six.a[1], six.a[2], six.a[3], six.a[4]);
	case SYS_io_uring_setup:
		after_ring();
		return pass(number, &six);
	case SYS_clone:
	case SYS_clone3:
#ifdef SYS_fork
	case SYS_fork:
#endif
		return pass_fork(number, &six);
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_mremap:
	case SYS_shmdt:
		return pass_memory(number, &six);
	case SYS_mlockall:
		return mlockall((int)six.a[0]);
	case SYS_exit_group:
		finish_process((int)six.a[0], true);
		return pass(number, &six);
	case SYS_socketpair:
		return socketpair((int)six.a[0], (int)six.a[1], (int)six.a[2], (int *)six.a[3]);
	case SYS_pidfd_getfd:
		return pidfd_getfd((int)six.a[0], (int)six.a[1], (unsigned)six.a[2]);
	case SYS_socket:
		return socket((int)six.a[0], (int)six.a[1], (int)six.a[2]);
	case SYS_close_range:
		return close_range((unsigned)six.a[0], (unsigned)six.a[1], (int)six.a[2]);
	case SYS_dup:
		return dup((int)six.a[0]);
#ifdef SYS_dup2
	case SYS_dup2:
		return dup2((int)six.a[0], (int)six.a[1]);
#endif
	case SYS_dup3:
		return dup3((int)six.a[0], (int)six.a[1], (int)six.a[2]);
#ifdef SYS_epoll_create
	case SYS_epoll_create:
		return epoll_create((int)six.a[0]);
#endif
	case SYS_epoll_create1:
		return epoll_create1((int)six.a[0]);
	case SYS_epoll_ctl:
		return epoll_ctl((int)six.a[0], (int)six.a[1], (int)six.a[2],
				 (struct epoll_event *)six.a[3]);
	default:
		break;
	}
	id = call_of(number);
	if (id == CALL_COUNT)
		return pass(number, &six);
	if (id == CALL_close)
		return pass_close(number, &six);
	if (id == CALL_fcntl && (six.a[1] == F_DUPFD || six.a[1] == F_DUPFD_CLOEXEC))
		return fcntl((int)six.a[0], (int)six.a[1], six.a[2]);
	if (call_rows[id].effect == EFFECT_WAIT)
		return pass_wait(id, number, &six);
	return pass_on_descriptor(id, number, &six);
}
