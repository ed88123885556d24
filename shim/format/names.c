#include "format/names.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tcpshim/event.h"
#include "tcpshim/linux.h"

struct name {
	uint64_t value;
	const char *text;
};
/* clang-format off */
#define NAME(constant) {(uint64_t)(constant), #constant}
/* clang-format on */
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A NULL table entry cannot occur: every row is written with NAME. */
static const char *find(const struct name *table, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].value == value)
			return table[i].text;
	return NULL;
}

static void append_value(struct strbuf *buf, const struct name *table, size_t count, int value)
{
	const char *text = find(table, count, (uint64_t)(int64_t)value);

	if (text)
		strbuf_string(buf, text);
	else
		strbuf_integer(buf, value);
}

/* Appends flags joined with '|'; bits that no row names come last, in hex. none: the name of 0. */
static void append_flags(struct strbuf *buf, const struct name *table, size_t count, uint64_t flags,
			 const char *none)
{
	const char *separator = "";

	if (flags == 0) {
		strbuf_string(buf, none);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (table[i].value == 0 || (flags & table[i].value) != table[i].value)
			continue;
		strbuf_string(buf, separator);
		strbuf_string(buf, table[i].text);
		separator = "|";
		flags &= ~table[i].value;
	}
	if (flags != 0) {
		strbuf_string(buf, separator);
		strbuf_string(buf, "0x");
		strbuf_hex(buf, flags, 1);
	}
}

/* <asm-generic/errno-base.h>, <asm-generic/errno.h> */
static const struct name error_names[] = {
	/* clang-format off */
	NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO), NAME(E2BIG),
	NAME(ENOEXEC), NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES),
	NAME(EFAULT), NAME(ENOTBLK), NAME(EBUSY), NAME(EEXIST), NAME(EXDEV), NAME(ENODEV),
	NAME(ENOTDIR), NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE), NAME(ENOTTY),
	NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE), NAME(EROFS), NAME(EMLINK),
	NAME(EPIPE), NAME(EDOM), NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOLCK),
	NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP), NAME(ENOMSG), NAME(EIDRM), NAME(ECHRNG),
	NAME(EL2NSYNC), NAME(EL3HLT), NAME(EL3RST), NAME(ELNRNG), NAME(EUNATCH), NAME(ENOCSI),
	NAME(EL2HLT), NAME(EBADE), NAME(EBADR), NAME(EXFULL), NAME(ENOANO), NAME(EBADRQC),
	NAME(EBADSLT), NAME(EBFONT), NAME(ENOSTR), NAME(ENODATA), NAME(ETIME), NAME(ENOSR),
	NAME(ENONET), NAME(ENOPKG), NAME(EREMOTE), NAME(ENOLINK), NAME(EADV), NAME(ESRMNT),
	NAME(ECOMM), NAME(EPROTO), NAME(EMULTIHOP), NAME(EDOTDOT), NAME(EBADMSG), NAME(EOVERFLOW),
	NAME(ENOTUNIQ), NAME(EBADFD), NAME(EREMCHG), NAME(ELIBACC), NAME(ELIBBAD), NAME(ELIBSCN),
	NAME(ELIBMAX), NAME(ELIBEXEC), NAME(EILSEQ), NAME(ERESTART), NAME(ESTRPIPE), NAME(EUSERS),
	NAME(ENOTSOCK), NAME(EDESTADDRREQ), NAME(EMSGSIZE), NAME(EPROTOTYPE), NAME(ENOPROTOOPT),
	NAME(EPROTONOSUPPORT), NAME(ESOCKTNOSUPPORT), NAME(EOPNOTSUPP), NAME(EPFNOSUPPORT),
	NAME(EAFNOSUPPORT), NAME(EADDRINUSE), NAME(EADDRNOTAVAIL), NAME(ENETDOWN),
	NAME(ENETUNREACH), NAME(ENETRESET), NAME(ECONNABORTED), NAME(ECONNRESET), NAME(ENOBUFS),
	NAME(EISCONN), NAME(ENOTCONN), NAME(ESHUTDOWN), NAME(ETOOMANYREFS), NAME(ETIMEDOUT),
	NAME(ECONNREFUSED), NAME(EHOSTDOWN), NAME(EHOSTUNREACH), NAME(EALREADY), NAME(EINPROGRESS),
	NAME(ESTALE), NAME(EUCLEAN), NAME(ENOTNAM), NAME(ENAVAIL), NAME(EISNAM), NAME(EREMOTEIO),
	NAME(EDQUOT), NAME(ENOMEDIUM), NAME(EMEDIUMTYPE), NAME(ECANCELED), NAME(ENOKEY),
	NAME(EKEYEXPIRED), NAME(EKEYREVOKED), NAME(EKEYREJECTED), NAME(EOWNERDEAD),
	NAME(ENOTRECOVERABLE), NAME(ERFKILL),
	/* clang-format on */
	NAME(EHWPOISON),
};

void names_error(struct strbuf *buf, int error)
{
	append_value(buf, error_names, COUNT(error_names), error);
}

static const struct name signal_names[] = {
	NAME(SIGHUP),    NAME(SIGINT),    NAME(SIGQUIT),  NAME(SIGILL),  NAME(SIGTRAP),
	NAME(SIGABRT),   NAME(SIGBUS),    NAME(SIGFPE),   NAME(SIGKILL), NAME(SIGUSR1),
	NAME(SIGSEGV),   NAME(SIGUSR2),   NAME(SIGPIPE),  NAME(SIGALRM), NAME(SIGTERM),
	NAME(SIGSTKFLT), NAME(SIGCHLD),   NAME(SIGCONT),  NAME(SIGSTOP), NAME(SIGTSTP),
	NAME(SIGTTIN),   NAME(SIGTTOU),   NAME(SIGURG),   NAME(SIGXCPU), NAME(SIGXFSZ),
	NAME(SIGPROF),   NAME(SIGVTALRM), NAME(SIGWINCH), NAME(SIGIO),   NAME(SIGPWR),
	NAME(SIGSYS),
};

void names_signal(struct strbuf *buf, int number)
{
	append_value(buf, signal_names, COUNT(signal_names), number);
}

/* <bits/socket.h> */
static const struct name domain_names[] = {
	NAME(AF_UNSPEC),  NAME(AF_UNIX),   NAME(AF_INET),      NAME(AF_INET6),
	NAME(AF_NETLINK), NAME(AF_PACKET), NAME(AF_BLUETOOTH), NAME(AF_ALG),
	NAME(AF_VSOCK),   NAME(AF_XDP),    NAME(AF_CAN),       NAME(AF_TIPC),
};

void names_domain(struct strbuf *buf, int domain)
{
	append_value(buf, domain_names, COUNT(domain_names), domain);
}

static const struct name socket_type_names[] = {
	NAME(SOCK_STREAM),    NAME(SOCK_DGRAM), NAME(SOCK_RAW),    NAME(SOCK_RDM),
	NAME(SOCK_SEQPACKET), NAME(SOCK_DCCP),  NAME(SOCK_PACKET),
};
static const struct name socket_flag_names[] = {NAME(SOCK_NONBLOCK), NAME(SOCK_CLOEXEC)};

void names_socket_type(struct strbuf *buf, int type)
{
	int flags = type & ~0xf;

	append_value(buf, socket_type_names, COUNT(socket_type_names), type & 0xf);
	if (flags != 0) {
		strbuf_char(buf, '|');
		names_socket_flags(buf, flags);
	}
}

void names_socket_flags(struct strbuf *buf, int flags)
{
	append_flags(buf, socket_flag_names, COUNT(socket_flag_names), (unsigned)flags, "0");
}

static const struct name protocol_names[] = {
	NAME(IPPROTO_IP),      NAME(IPPROTO_ICMP),   NAME(IPPROTO_TCP),
	NAME(IPPROTO_UDP),     NAME(IPPROTO_ICMPV6), NAME(IPPROTO_SCTP),
	NAME(IPPROTO_UDPLITE), NAME(IPPROTO_RAW),    NAME(IPPROTO_MPTCP),
};

void names_protocol(struct strbuf *buf, int domain, int protocol)
{
	if (domain == AF_INET || domain == AF_INET6)
		append_value(buf, protocol_names, COUNT(protocol_names), protocol);
	else
		strbuf_integer(buf, protocol);
}

static const struct name how_names[] = {NAME(SHUT_RD), NAME(SHUT_WR), NAME(SHUT_RDWR)};

void names_shutdown_how(struct strbuf *buf, int how)
{
	append_value(buf, how_names, COUNT(how_names), how);
}

static const struct name message_flag_names[] = {
	NAME(MSG_OOB),          NAME(MSG_PEEK),     NAME(MSG_DONTROUTE), NAME(MSG_CTRUNC),
	NAME(MSG_PROXY),        NAME(MSG_TRUNC),    NAME(MSG_DONTWAIT),  NAME(MSG_EOR),
	NAME(MSG_WAITALL),      NAME(MSG_FIN),      NAME(MSG_SYN),       NAME(MSG_CONFIRM),
	NAME(MSG_RST),          NAME(MSG_ERRQUEUE), NAME(MSG_NOSIGNAL),  NAME(MSG_MORE),
	NAME(MSG_WAITFORONE),   NAME(MSG_BATCH),    NAME(MSG_ZEROCOPY),  NAME(MSG_FASTOPEN),
	NAME(MSG_CMSG_CLOEXEC),
};

void names_message_flags(struct strbuf *buf, int flags)
{
	append_flags(buf, message_flag_names, COUNT(message_flag_names), (unsigned)flags, "0");
}

static const struct name open_flag_names[] = {
	NAME(O_WRONLY),    NAME(O_RDWR),  NAME(O_APPEND), NAME(O_NONBLOCK), NAME(O_SYNC),
	NAME(O_DSYNC),     NAME(O_ASYNC), NAME(O_DIRECT), NAME(O_CLOEXEC),
#if O_LARGEFILE
	NAME(O_LARGEFILE),
#endif
};

void names_open_flags(struct strbuf *buf, int flags)
{
	append_flags(buf, open_flag_names, COUNT(open_flag_names), (unsigned)flags, "0");
}

static const struct name close_range_flag_names[] = {NAME(CLOSE_RANGE_UNSHARE),
						     NAME(CLOSE_RANGE_CLOEXEC)};

void names_close_range_flags(struct strbuf *buf, unsigned flags)
{
	append_flags(buf, close_range_flag_names, COUNT(close_range_flag_names), flags, "0");
}

static const struct name splice_flag_names[] = {
	NAME(SPLICE_F_MOVE),
	NAME(SPLICE_F_NONBLOCK),
	NAME(SPLICE_F_MORE),
	NAME(SPLICE_F_GIFT),
};

void names_splice_flags(struct strbuf *buf, unsigned flags)
{
	append_flags(buf, splice_flag_names, COUNT(splice_flag_names), flags, "0");
}

/* <linux/fs.h> */
static const struct name rw_flag_names[] = {
	{0x1, "RWF_HIPRI"},  {0x2, "RWF_DSYNC"},   {0x4, "RWF_SYNC"},
	{0x8, "RWF_NOWAIT"}, {0x10, "RWF_APPEND"}, {0x20, "RWF_NOAPPEND"},
};

void names_rw_flags(struct strbuf *buf, int flags)
{
	append_flags(buf, rw_flag_names, COUNT(rw_flag_names), (unsigned)flags, "0");
}

static const struct name fcntl_names[] = {
	NAME(F_DUPFD),      NAME(F_GETFD),     NAME(F_SETFD),         NAME(F_GETFL),
	NAME(F_SETFL),      NAME(F_GETLK),     NAME(F_SETLK),         NAME(F_SETLKW),
	NAME(F_SETOWN),     NAME(F_GETOWN),    NAME(F_SETSIG),        NAME(F_GETSIG),
	NAME(F_SETOWN_EX),  NAME(F_GETOWN_EX), NAME(F_DUPFD_CLOEXEC), NAME(F_SETPIPE_SZ),
	NAME(F_GETPIPE_SZ),
};

void names_fcntl_command(struct strbuf *buf, int command)
{
	append_value(buf, fcntl_names, COUNT(fcntl_names), command);
}

/* <asm-generic/ioctls.h>, <asm-generic/sockios.h>; SIOCINQ and SIOCOUTQ are FIONREAD and
 * TIOCOUTQ */
static const struct name ioctl_names[] = {
	NAME(FIONREAD),  NAME(FIONBIO),     NAME(FIOASYNC),   NAME(FIOCLEX),
	NAME(FIONCLEX),  NAME(SIOCOUTQ),    NAME(SIOCATMARK), NAME(SIOCSPGRP),
	NAME(SIOCGPGRP), NAME(SIOCOUTQNSD), NAME(TCGETS),
};

void names_ioctl_request(struct strbuf *buf, unsigned long request)
{
	const char *text = find(ioctl_names, COUNT(ioctl_names), request);

	if (text) {
		strbuf_string(buf, text);
	} else {
		strbuf_string(buf, "0x");
		strbuf_hex(buf, request, 4);
	}
}

static const struct name poll_names[] = {
	NAME(POLLIN),     NAME(POLLPRI),    NAME(POLLOUT),    NAME(POLLERR),
	NAME(POLLHUP),    NAME(POLLNVAL),   NAME(POLLRDNORM), NAME(POLLRDBAND),
	NAME(POLLWRNORM), NAME(POLLWRBAND), NAME(POLLRDHUP),
};

void names_poll_events(struct strbuf *buf, uint32_t events)
{
	append_flags(buf, poll_names, COUNT(poll_names), events, "0");
}

static const struct name epoll_names[] = {
	NAME(EPOLLIN),     NAME(EPOLLPRI),     NAME(EPOLLOUT),
	NAME(EPOLLERR),    NAME(EPOLLHUP),     NAME(EPOLLRDNORM),
	NAME(EPOLLRDBAND), NAME(EPOLLWRNORM),  NAME(EPOLLWRBAND),
	NAME(EPOLLMSG),    NAME(EPOLLRDHUP),   NAME(EPOLLEXCLUSIVE),
	NAME(EPOLLWAKEUP), NAME(EPOLLONESHOT), {UINT32_C(1) << 31, "EPOLLET"},
};

void names_epoll_events(struct strbuf *buf, uint32_t events)
{
	append_flags(buf, epoll_names, COUNT(epoll_names), events, "0");
}

static const struct name epoll_flag_names[] = {NAME(EPOLL_CLOEXEC)};

void names_epoll_flags(struct strbuf *buf, int flags)
{
	append_flags(buf, epoll_flag_names, COUNT(epoll_flag_names), (unsigned)flags, "0");
}

static const struct name epoll_operation_names[] = {NAME(EPOLL_CTL_ADD), NAME(EPOLL_CTL_DEL),
						    NAME(EPOLL_CTL_MOD)};

void names_epoll_operation(struct strbuf *buf, int operation)
{
	append_value(buf, epoll_operation_names, COUNT(epoll_operation_names), operation);
}

static const struct name select_names[] = {{SELECT_READ, "read"},
					   {SELECT_WRITE, "write"},
					   {SELECT_EXCEPT, "except"}};

void names_select_events(struct strbuf *buf, uint32_t events)
{
	append_flags(buf, select_names, COUNT(select_names), events, "0");
}

void names_scenario(struct strbuf *buf, int scenario)
{
	static const char *const words[SCENARIO_COUNT] = {
#define SCENARIO(name, word, ...) [SCENARIO_##name] = word,
#include "tcpshim/scenarios.def"
#undef SCENARIO
	};

	if (scenario >= 0 && scenario < SCENARIO_COUNT)
		strbuf_string(buf, words[scenario]);
	else
		strbuf_integer(buf, scenario);
}

const char *names_tcp_state(unsigned state)
{
	static const char *const states[STATE_COUNT] = {
		/* clang-format off */
		[STATE_UNKNOWN] = "unknown",
		[STATE_ESTABLISHED] = "ESTABLISHED",
		[STATE_SYN_SENT] = "SYN_SENT",
		[STATE_SYN_RECV] = "SYN_RECV",
		[STATE_FIN_WAIT_1] = "FIN_WAIT_1",
		[STATE_FIN_WAIT_2] = "FIN_WAIT_2",
		[STATE_TIME_WAIT] = "TIME_WAIT",
		[STATE_CLOSE] = "CLOSE",
		[STATE_CLOSE_WAIT] = "CLOSE_WAIT",
		[STATE_LAST_ACK] = "LAST_ACK",
		[STATE_LISTEN] = "LISTEN",
		[STATE_CLOSING] = "CLOSING",
		/* clang-format on */
	};

	return state < STATE_COUNT ? states[state] : "unknown";
}
