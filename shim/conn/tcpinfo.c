#include "conn/tcpinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "sys/aside.h"
#include "sys/raw.h"
#include "sys/restriction.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
enum { RTO_MIN_MS = 200, RTO_MAX_MS = 120000, DEFAULT_RETRIES = 15, MOST_RETRIES = 255 };

static int get_option(int fd, int level, int name, void *value, socklen_t *size)
{
	return (int)raw_syscall6(SYS_getsockopt, fd, level, name, (long)value, (long)size, 0);
}

static int get_integer(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return get_option(fd, level, name, &value, &size) == 0 ? value : 0;
}

static uint32_t get_queue(int fd, unsigned long request)
{
	int value = 0;

	return raw_syscall3(SYS_ioctl, fd, (long)request, (long)&value) == 0 && value > 0
		       ? (uint32_t)value
		       : 0;
}

/* Returns what SIOCINQ would, for where ioctl may be fatal. Peeks, which takes neither data nor an
 * error, because it is done only if there is something to read and no error. Not possible if the
 * program's own peeks continue where the last one ended (SO_PEEK_OFF). */
static uint32_t peek_unread(int fd)
{
	long result;

	if (!raw_is_ready(fd, POLLIN) || (raw_poll_events(fd) & POLLERR) ||
	    get_integer(fd, SOL_SOCKET, SO_PEEK_OFF) > 0)
		return 0;
	result = raw_syscall6(SYS_recvfrom, fd, 0, INT_MAX, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, 0,
			      0);
	return result > 0 ? (uint32_t)result : 0;
}

uint64_t tcpinfo_data_timeout_ns(unsigned retries)
{
	unsigned doublings = 0;
	uint64_t ms;

	while ((RTO_MIN_MS << (doublings + 1)) <= RTO_MAX_MS)
		doublings++;
	if (retries <= doublings)
		ms = ((UINT64_C(2) << retries) - 1) * RTO_MIN_MS;
	else
		ms = ((UINT64_C(2) << doublings) - 1) * RTO_MIN_MS +
		     (uint64_t)(retries - doublings) * RTO_MAX_MS;
	return ms * NS_PER_MS;
}

/* Reads the beginning of a file, as a string. Returns false if it cannot be read. */
static bool read_file(const char *path, char *text, size_t bytes)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	long size;

	if (fd < 0)
		return false;
	size = raw_syscall3(SYS_read, fd, (long)text, (long)bytes - 1);
	raw_close((int)fd);
	text[size > 0 ? size : 0] = '\0';
	return size > 0;
}

/* Reads a number and moves *text behind it. */
static unsigned read_number(const char **text)
{
	unsigned value = 0;

	while (**text == ' ' || **text == '\t')
		++*text;
	while (**text >= '0' && **text <= '9')
		value = value * 10 + (unsigned)(*(*text)++ - '0');
	return value;
}

/* Reads the namespace's tcp_retries2. Needed when a connection has died and the cause is in
 * doubt. */
static void read_retries(void *result)
{
	char text[16];
	const char *at = text;
	unsigned value;

	if (!read_file("/proc/sys/net/ipv4/tcp_retries2", text, sizeof(text)))
		return;
	value = read_number(&at);
	if (value <= MOST_RETRIES)
		*(unsigned *)result = value;
}

/* Returns the number that follows this name. */
static unsigned find_number(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	if (!found)
		return 0;
	found += strlen(name);
	return read_number(&found);
}

static bool has_global_address(const char *lines)
{
	enum { SCOPE = 32 + 1 + 2 + 1 + 2 + 1 };

	for (; lines && strlen(lines) > SCOPE + 2; lines = strchr(lines, '\n')) {
		lines += *lines == '\n';
		if (strlen(lines) > SCOPE + 2 && memcmp(lines + SCOPE, "00 ", 3) == 0)
			return true;
	}
	return false;
}

static void read_ports(void *result)
{
	struct tcpinfo_ports *ports = result;
	char text[512];
	const char *at = text;
	unsigned first;

	if (read_file("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text))) {
		first = read_number(&at);
		ports->ports = read_number(&at) + 1 - first;
	}
	if (read_file("/proc/net/sockstat", text, sizeof(text)))
		ports->time_waits = find_number(text, " tw ");
	/* address, interface, prefix length, scope (00: global), flags, name */
	if (read_file("/proc/net/if_inet6", text, sizeof(text)))
		ports->has_ipv6 = has_global_address(text);
}

void tcpinfo_count_ports(struct tcpinfo_ports *ports)
{
	*ports = (struct tcpinfo_ports){0};
	if (!restriction_is_filter())
		aside_run(read_ports, ports);
}

/* Returns what SIOCOUTQ would, for where ioctl may be fatal: the bytes sent but not acknowledged,
 * computed from the totals, plus the bytes not sent. */
static uint32_t get_unsent(const struct tcp_info *kernel, socklen_t size)
{
	uint64_t sent = kernel->tcpi_bytes_sent - kernel->tcpi_bytes_retrans;

	if (size < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(sent))
		return 0;
	return kernel->tcpi_notsent_bytes +
	       (sent > kernel->tcpi_bytes_acked ? (uint32_t)(sent - kernel->tcpi_bytes_acked) : 0);
}

/* Finds which side connected: tcpi_bytes_acked counts its SYN. Returns ROLE_NONE if the totals are
 * ambiguous. */
static uint8_t find_role(const struct tcp_info *kernel, socklen_t size, uint32_t unacknowledged)
{
	uint64_t sent = kernel->tcpi_bytes_sent - kernel->tcpi_bytes_retrans;
	uint64_t in_flight = unacknowledged - kernel->tcpi_notsent_bytes;
	uint64_t extra = kernel->tcpi_bytes_acked - (sent - in_flight);

	if (size < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(sent) || extra > 1 ||
	    (kernel->tcpi_state != STATE_ESTABLISHED && kernel->tcpi_state != STATE_CLOSE_WAIT))
		return ROLE_NONE;
	return extra == 1 ? ROLE_CLIENT : ROLE_SERVER;
}

static _Atomic bool may_be_in_repair;

void tcpinfo_expect_repair(void)
{
	atomic_store(&may_be_in_repair, true);
}

static void read_state(struct tcpinfo *info, const struct tcp_info *kernel, socklen_t kernel_size)
{
	info->state = kernel->tcpi_state;
	info->retransmits = kernel->tcpi_retransmits;
	info->probes = kernel->tcpi_probes;
	info->retransmits_total = kernel->tcpi_total_retrans;
	info->last_ack_received_ms = kernel->tcpi_last_ack_recv;
	info->last_data_sent_ms = kernel->tcpi_last_data_sent;
	info->last_data_ms = kernel->tcpi_last_data_sent < kernel->tcpi_last_data_recv
				     ? kernel->tcpi_last_data_sent
				     : kernel->tcpi_last_data_recv;
	info->timer_ms = kernel->tcpi_rto / 1000;
	info->acknowledged_bytes = kernel->tcpi_bytes_acked;
	info->rtt_us = kernel->tcpi_rtt;
	info->rtt_variation_us = kernel->tcpi_rttvar;
	info->congestion_window = kernel->tcpi_snd_cwnd;
	info->busy_ns = kernel->tcpi_busy_time * NS_PER_US;
	info->window_limited_ns = kernel->tcpi_rwnd_limited * NS_PER_US;
	info->buffer_limited_ns = kernel->tcpi_sndbuf_limited * NS_PER_US;
	info->received_bytes = kernel->tcpi_bytes_received;
	info->in_flight = kernel->tcpi_unacked;
	if (info->state == STATE_LISTEN) {
		info->queue_length = kernel->tcpi_unacked;
		info->queue_limit = kernel->tcpi_sacked;
	}
	info->send_window_bytes = kernel->tcpi_snd_wnd;
	if (kernel_size < offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(kernel->tcpi_snd_wnd))
		info->send_window_bytes = UINT32_MAX; /* not known before Linux 5.4 */
}

static void read_unread(int fd, struct tcpinfo *info)
{
	info->unread_bytes = restriction_is_inherited() ? peek_unread(fd) : get_queue(fd, SIOCINQ);
	info->has_unread = true;
}

/* Returns whether keepalive may have probed since data was last moved. Its idle time is a second at
 * least. */
static bool may_have_probed(int fd, const struct tcpinfo *info)
{
	return info->last_data_ms >= 1000 && get_integer(fd, SOL_SOCKET, SO_KEEPALIVE) != 0 &&
	       info->last_data_ms / 1000 >= (unsigned)get_integer(fd, IPPROTO_TCP, TCP_KEEPIDLE);
}

/* Returns whether the last segment from the peer may be an acknowledgement of data that was sent
 * after its FIN: data had been sent shortly before, and no data has come since. */
static bool may_be_answer(const struct tcp_info *kernel)
{
	enum { LONG_ROUND_TRIP_MS = 300, SAME_MS = 5 };
	uint32_t ack = kernel->tcpi_last_ack_recv, sent = kernel->tcpi_last_data_sent;

	return sent >= ack && sent - ack <= LONG_ROUND_TRIP_MS && kernel->tcpi_bytes_acked > 1 &&
	       kernel->tcpi_last_data_recv > ack + SAME_MS && kernel->tcpi_last_data_recv > sent;
}

static void read_queues(int fd, struct tcpinfo *info, const struct tcp_info *kernel,
			socklen_t kernel_size)
{
	struct linger linger = {0};
	socklen_t size = sizeof(linger);

	info->unsent_bytes = restriction_is_inherited() ? get_unsent(kernel, kernel_size)
							: get_queue(fd, SIOCOUTQ);
	info->role = find_role(kernel, kernel_size, info->unsent_bytes);
	if (get_option(fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0)
		info->is_linger_abort = linger.l_onoff && linger.l_linger == 0;
	info->has_error = info->state == STATE_CLOSE && (raw_poll_events(fd) & POLLERR) != 0;
	read_unread(fd, info);
	info->is_in_repair = atomic_load(&may_be_in_repair) &&
			     get_integer(fd, IPPROTO_TCP, TCP_REPAIR) != 0;
}

static void read_timers(int fd, struct tcpinfo *info)
{
	struct timeval timeout = {0};
	socklen_t size = sizeof(timeout);
	uint64_t probing_s;

	if (get_option(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &size) == 0)
		info->has_receive_timeout = timeout.tv_sec != 0 || timeout.tv_usec != 0;
	info->has_keepalive = get_integer(fd, SOL_SOCKET, SO_KEEPALIVE) != 0;
	info->keepalive_count = (uint32_t)get_integer(fd, IPPROTO_TCP, TCP_KEEPCNT);
	info->keepalive_idle_ns =
		(unsigned)get_integer(fd, IPPROTO_TCP, TCP_KEEPIDLE) * 1000 * NS_PER_MS;
	probing_s = (uint64_t)(unsigned)get_integer(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
		    info->keepalive_count;
	info->keepalive_limit_ns = info->keepalive_idle_ns + probing_s * 1000 * NS_PER_MS;
	info->user_timeout_ns =
		(unsigned)get_integer(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) * NS_PER_MS;
}

int tcpinfo_sample(int fd, unsigned parts, struct tcpinfo *info)
{
	struct tcp_info kernel = {0}; /* an older kernel fills less of it, a newer one truncates */
	socklen_t kernel_size = sizeof(kernel);
	unsigned retries = DEFAULT_RETRIES;
	int result;

	*info = (struct tcpinfo){0};
	if (restriction_is_filter())
		return -EPERM;
	result = get_option(fd, IPPROTO_TCP, TCP_INFO, &kernel, &kernel_size);
	if (result < 0)
		return result;
	read_state(info, &kernel, kernel_size);
	info->may_have_acknowledged = info->state == STATE_CLOSE_WAIT &&
				      (may_be_answer(&kernel) || may_have_probed(fd, info));
	if (info->state == STATE_CLOSE)
		read_unread(fd, info); /* shows whether the peer's FIN came first */
	if (parts & TCPINFO_QUEUES)
		read_queues(fd, info, &kernel, kernel_size);
	if (parts & TCPINFO_TIMERS)
		read_timers(fd, info);
	if (parts & TCPINFO_NAGLE)
		info->is_nagle = get_integer(fd, IPPROTO_TCP, TCP_NODELAY) == 0 &&
				 get_integer(fd, IPPROTO_TCP, TCP_CORK) == 0;
	if (parts & TCPINFO_LIMIT) {
		aside_run(read_retries, &retries);
		info->data_timeout_ns = tcpinfo_data_timeout_ns(retries);
	}
	return 0;
}
