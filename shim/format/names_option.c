/* The socket options' names and the kinds of their values. */
#include "format/names.h"

#include <linux/in6.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef SOL_TCP
#define SOL_TCP IPPROTO_TCP
#endif

struct option {
	int level, name;
	const char *text;
	enum option_kind kind;
};
/* clang-format off */
#define INTEGER(level, name) {level, name, #name, OPTION_INTEGER}
#define OPTION(level, name, kind) {level, name, #name, OPTION_##kind}
/* clang-format on */

/* <asm-generic/socket.h>, <linux/tcp.h>, <linux/in.h>, <linux/in6.h> */
static const struct option options[] = {
	OPTION(SOL_SOCKET, SO_ERROR, ERROR),
	OPTION(SOL_SOCKET, SO_LINGER, LINGER),
	OPTION(SOL_SOCKET, SO_RCVTIMEO, TIMEVAL),
	OPTION(SOL_SOCKET, SO_SNDTIMEO, TIMEVAL),
	OPTION(SOL_SOCKET, SO_BINDTODEVICE, STRING),
	OPTION(SOL_SOCKET, SO_PEERCRED, OPAQUE),
	OPTION(SOL_SOCKET, SO_ATTACH_FILTER, OPAQUE),
	INTEGER(SOL_SOCKET, SO_DEBUG),
	INTEGER(SOL_SOCKET, SO_REUSEADDR),
	INTEGER(SOL_SOCKET, SO_TYPE),
	INTEGER(SOL_SOCKET, SO_DONTROUTE),
	INTEGER(SOL_SOCKET, SO_BROADCAST),
	INTEGER(SOL_SOCKET, SO_SNDBUF),
	INTEGER(SOL_SOCKET, SO_RCVBUF),
	INTEGER(SOL_SOCKET, SO_SNDBUFFORCE),
	INTEGER(SOL_SOCKET, SO_RCVBUFFORCE),
	INTEGER(SOL_SOCKET, SO_KEEPALIVE),
	INTEGER(SOL_SOCKET, SO_OOBINLINE),
	INTEGER(SOL_SOCKET, SO_NO_CHECK),
	INTEGER(SOL_SOCKET, SO_PRIORITY),
	INTEGER(SOL_SOCKET, SO_REUSEPORT),
	INTEGER(SOL_SOCKET, SO_PASSCRED),
	INTEGER(SOL_SOCKET, SO_RCVLOWAT),
	INTEGER(SOL_SOCKET, SO_SNDLOWAT),
	INTEGER(SOL_SOCKET, SO_TIMESTAMP),
	INTEGER(SOL_SOCKET, SO_TIMESTAMPNS),
	INTEGER(SOL_SOCKET, SO_ACCEPTCONN),
	INTEGER(SOL_SOCKET, SO_MARK),
	INTEGER(SOL_SOCKET, SO_PROTOCOL),
	INTEGER(SOL_SOCKET, SO_DOMAIN),
	INTEGER(SOL_SOCKET, SO_BUSY_POLL),
	INTEGER(SOL_SOCKET, SO_INCOMING_CPU),
	INTEGER(SOL_SOCKET, SO_ZEROCOPY),
	OPTION(SOL_TCP, TCP_INFO, OPAQUE),
	OPTION(SOL_TCP, TCP_CONGESTION, STRING),
	OPTION(SOL_TCP, TCP_ULP, STRING),
	OPTION(SOL_TCP, TCP_MD5SIG, OPAQUE),
	OPTION(SOL_TCP, TCP_FASTOPEN_KEY, OPAQUE),
	OPTION(SOL_TCP, TCP_REPAIR_WINDOW, OPAQUE),
	OPTION(SOL_TCP, TCP_ZEROCOPY_RECEIVE, OPAQUE),
	INTEGER(SOL_TCP, TCP_NODELAY),
	INTEGER(SOL_TCP, TCP_MAXSEG),
	INTEGER(SOL_TCP, TCP_CORK),
	INTEGER(SOL_TCP, TCP_KEEPIDLE),
	INTEGER(SOL_TCP, TCP_KEEPINTVL),
	INTEGER(SOL_TCP, TCP_KEEPCNT),
	INTEGER(SOL_TCP, TCP_SYNCNT),
	INTEGER(SOL_TCP, TCP_LINGER2),
	INTEGER(SOL_TCP, TCP_DEFER_ACCEPT),
	INTEGER(SOL_TCP, TCP_WINDOW_CLAMP),
	INTEGER(SOL_TCP, TCP_QUICKACK),
	INTEGER(SOL_TCP, TCP_USER_TIMEOUT),
	INTEGER(SOL_TCP, TCP_REPAIR),
	INTEGER(SOL_TCP, TCP_FASTOPEN),
	INTEGER(SOL_TCP, TCP_TIMESTAMP),
	INTEGER(SOL_TCP, TCP_NOTSENT_LOWAT),
	INTEGER(SOL_TCP, TCP_FASTOPEN_CONNECT),
	INTEGER(SOL_TCP, TCP_INQ),
	INTEGER(IPPROTO_IP, IP_TOS),
	INTEGER(IPPROTO_IP, IP_TTL),
	INTEGER(IPPROTO_IP, IP_MTU_DISCOVER),
	INTEGER(IPPROTO_IP, IP_MTU),
	INTEGER(IPPROTO_IP, IP_RECVERR),
	INTEGER(IPPROTO_IP, IP_RECVTOS),
	INTEGER(IPPROTO_IP, IP_PKTINFO),
	INTEGER(IPPROTO_IP, IP_FREEBIND),
	INTEGER(IPPROTO_IP, IP_TRANSPARENT),
	INTEGER(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
	OPTION(IPPROTO_IP, IP_OPTIONS, OPAQUE),
	INTEGER(IPPROTO_IPV6, IPV6_V6ONLY),
	INTEGER(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	INTEGER(IPPROTO_IPV6, IPV6_TCLASS),
	INTEGER(IPPROTO_IPV6, IPV6_MTU),
	INTEGER(IPPROTO_IPV6, IPV6_RECVERR),
	INTEGER(IPPROTO_IPV6, IPV6_RECVPKTINFO),
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static const struct option *find(int level, int name)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

enum option_kind names_option_kind(int level, int name)
{
	const struct option *option = find(level, name);

	return option ? option->kind : OPTION_INTEGER;
}

void names_option(struct strbuf *buf, int level, int name)
{
	const struct option *option = find(level, name);

	if (option)
		strbuf_string(buf, option->text);
	else
		strbuf_integer(buf, name);
}

void names_option_level(struct strbuf *buf, int level)
{
	switch (level) {
	case SOL_SOCKET:
		strbuf_string(buf, "SOL_SOCKET");
		break;
	case IPPROTO_TCP:
		strbuf_string(buf, "IPPROTO_TCP");
		break;
	case IPPROTO_IP:
		strbuf_string(buf, "IPPROTO_IP");
		break;
	case IPPROTO_IPV6:
		strbuf_string(buf, "IPPROTO_IPV6");
		break;
	case IPPROTO_UDP:
		strbuf_string(buf, "IPPROTO_UDP");
		break;
	default:
		strbuf_integer(buf, level);
	}
}
