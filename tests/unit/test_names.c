#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "format/names.h"
#include "format/option_name.h"
#include "tcpshim/event.h"

struct row {
	int64_t value;
	const char *text;
};

typedef void names_function(struct strbuf *buf, int value);

static void check(names_function *function, const struct row *rows, size_t count)
{
	bool is_right = true;

	for (size_t i = 0; i < count; i++) {
		function(unit_begin(), (int)rows[i].value);
		is_right &= unit_is_text("name", unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

/* Each of libc's own errno names. */
static void test_errors(void **state)
{
	static const struct row rows[] = {
		{ECONNRESET, "ECONNRESET"},   {EAGAIN, "EAGAIN"}, {EOPNOTSUPP, "EOPNOTSUPP"},
		{EDEADLK, "EDEADLK"},         {9999, "9999"},     {EPIPE, "EPIPE"},
		{EINPROGRESS, "EINPROGRESS"},
	};

	(void)state;
	check(names_error, rows, COUNT(rows));
	for (int error = 1; error < 140; error++) {
		const char *wanted = strerrorname_np(error);

		names_error(unit_begin(), error);
		if (wanted)
			assert_string_equal(unit_end(), wanted);
	}
}

static void test_signals(void **state)
{
	char wanted[32];

	(void)state;
	for (int number = 1; number < SIGRTMIN; number++) {
		/* signal(7) has SIGPOLL as another name of SIGIO. */
		if (!sigabbrev_np(number) || number == SIGIO)
			continue;
		snprintf(wanted, sizeof(wanted), "SIG%s", sigabbrev_np(number));
		names_signal(unit_begin(), number);
		assert_string_equal(unit_end(), wanted);
	}
	names_signal(unit_begin(), SIGRTMIN);
	assert_string_equal(unit_end(), "34");
}

static void test_sockets(void **state)
{
	static const struct row domains[] = {{AF_INET, "AF_INET"},
					     {AF_INET6, "AF_INET6"},
					     {AF_UNIX, "AF_UNIX"},
					     {200, "200"},
					     {-1, "-1"}};
	static const struct row types[] = {
		{SOCK_STREAM, "SOCK_STREAM"},
		{SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		 "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC"},
		{SOCK_DGRAM | SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC"},
		{15, "15"},
		{SOCK_STREAM | 0x100000, "SOCK_STREAM|0x100000"},
	};
	static const struct row flags[] = {{0, "0"},
					   {SOCK_NONBLOCK, "SOCK_NONBLOCK"},
					   {SOCK_CLOEXEC | 1, "SOCK_CLOEXEC|0x1"}};
	static const struct row hows[] = {{SHUT_RD, "SHUT_RD"},
					  {SHUT_WR, "SHUT_WR"},
					  {SHUT_RDWR, "SHUT_RDWR"},
					  {3, "3"},
					  {-1, "-1"}};

	(void)state;
	check(names_domain, domains, COUNT(domains));
	check(names_socket_type, types, COUNT(types));
	check(names_socket_flags, flags, COUNT(flags));
	check(names_shutdown_how, hows, COUNT(hows));
	names_protocol(unit_begin(), AF_INET, IPPROTO_TCP);
	assert_string_equal(unit_end(), "IPPROTO_TCP");
	names_protocol(unit_begin(), AF_INET6, 0);
	assert_string_equal(unit_end(), "IPPROTO_IP");
	names_protocol(unit_begin(), AF_UNIX, 6);
	assert_string_equal(unit_end(), "6");
	names_protocol(unit_begin(), AF_INET, IPPROTO_MPTCP);
	assert_string_equal(unit_end(), "IPPROTO_MPTCP");
}

static void test_scenarios(void **state)
{
	static const struct row rows[] = {
		{SCENARIO_power_off, "power-off"},
		{SCENARIO_power_cycle, "power-cycle"},
		{SCENARIO_outage, "outage"},
		{SCENARIO_peer_closes, "peer-closes"},
		{SCENARIO_half_open, "half-open"},
		{SCENARIO_unreachable, "unreachable"},
		{SCENARIO_refused, "refused"},
		{SCENARIO_slow, "slow"},
		{SCENARIO_COUNT, "8"},
		{-1, "-1"},
	};

	(void)state;
	check(names_scenario, rows, COUNT(rows));
}

static void test_flags(void **state)
{
	static const struct row messages[] = {
		{0, "0"},
		{MSG_PEEK, "MSG_PEEK"},
		{MSG_DONTWAIT | MSG_NOSIGNAL, "MSG_DONTWAIT|MSG_NOSIGNAL"},
		{MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"},
		{MSG_PEEK | 0x800000, "MSG_PEEK|0x800000"},
		{INT32_MIN, "0x80000000"},
	};
	static const struct row opens[] = {
		{0, "0"},
		{O_RDWR | O_NONBLOCK, "O_RDWR|O_NONBLOCK"},
		{O_CLOEXEC, "O_CLOEXEC"},
		{O_SYNC, "O_SYNC"},
		{O_DSYNC, "O_DSYNC"},
	};
	static const struct row epolls[] = {{0, "0"}, {EPOLL_CLOEXEC, "EPOLL_CLOEXEC"}, {1, "0x1"}};
	static const struct row operations[] = {
		{EPOLL_CTL_ADD, "EPOLL_CTL_ADD"},
		{EPOLL_CTL_DEL, "EPOLL_CTL_DEL"},
		{EPOLL_CTL_MOD, "EPOLL_CTL_MOD"},
		{0, "0"},
	};

	(void)state;
	check(names_message_flags, messages, COUNT(messages));
	check(names_open_flags, opens, COUNT(opens));
	check(names_epoll_flags, epolls, COUNT(epolls));
	check(names_epoll_operation, operations, COUNT(operations));
	names_close_range_flags(unit_begin(), CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC | 64);
	assert_string_equal(unit_end(), "CLOSE_RANGE_UNSHARE|CLOSE_RANGE_CLOEXEC|0x40");
	names_splice_flags(unit_begin(), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	assert_string_equal(unit_end(), "SPLICE_F_MOVE|SPLICE_F_NONBLOCK");
}

static void test_events(void **state)
{
	(void)state;
	names_poll_events(unit_begin(), POLLIN | POLLERR | POLLHUP);
	assert_string_equal(unit_end(), "POLLIN|POLLERR|POLLHUP");
	names_poll_events(unit_begin(), POLLIN | POLLRDHUP | POLLNVAL);
	assert_string_equal(unit_end(), "POLLIN|POLLNVAL|POLLRDHUP");
	names_poll_events(unit_begin(), 0);
	assert_string_equal(unit_end(), "0");
	names_epoll_events(unit_begin(), EPOLLIN | EPOLLRDHUP | EPOLLET);
	assert_string_equal(unit_end(), "EPOLLIN|EPOLLRDHUP|EPOLLET");
	names_epoll_events(unit_begin(), EPOLLONESHOT | EPOLLEXCLUSIVE | 0x800);
	assert_string_equal(unit_end(), "EPOLLEXCLUSIVE|EPOLLONESHOT|0x800");
	names_select_events(unit_begin(), SELECT_READ | SELECT_WRITE | SELECT_EXCEPT);
	assert_string_equal(unit_end(), "read|write|except");
}

static void test_commands(void **state)
{
	static const struct row rows[] = {
		{F_GETFL, "F_GETFL"},
		{F_SETFL, "F_SETFL"},
		{F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"},
		{F_SETFD, "F_SETFD"},
		{F_GETPIPE_SZ, "F_GETPIPE_SZ"},
		{4711, "4711"},
	};
	static const struct {
		unsigned long request;
		const char *text;
	} ioctls[] = {
		{FIONREAD, "FIONREAD"}, {FIONBIO, "FIONBIO"}, {SIOCOUTQ, "SIOCOUTQ"},
		{TCGETS, "TCGETS"},     {0x12, "0x0012"},     {0xC0DE1234, "0xC0DE1234"},
	};

	(void)state;
	check(names_fcntl_command, rows, COUNT(rows));
	for (size_t i = 0; i < COUNT(ioctls); i++) {
		names_ioctl_request(unit_begin(), ioctls[i].request);
		assert_string_equal(unit_end(), ioctls[i].text);
	}
}

static void test_options(void **state)
{
	static const struct {
		int level, name;
		const char *level_text, *text;
		enum option_kind kind;
	} rows[] = {
		{SOL_SOCKET, SO_ERROR, "SOL_SOCKET", "SO_ERROR", OPTION_KIND_ERROR},
		{SOL_SOCKET, SO_LINGER, "SOL_SOCKET", "SO_LINGER", OPTION_KIND_LINGER},
		{SOL_SOCKET, SO_RCVTIMEO, "SOL_SOCKET", "SO_RCVTIMEO", OPTION_KIND_TIMEVAL},
		{SOL_SOCKET, SO_KEEPALIVE, "SOL_SOCKET", "SO_KEEPALIVE", OPTION_KIND_INTEGER},
		{IPPROTO_TCP, TCP_NODELAY, "IPPROTO_TCP", "TCP_NODELAY", OPTION_KIND_INTEGER},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, "IPPROTO_TCP", "TCP_USER_TIMEOUT",
		 OPTION_KIND_INTEGER},
		{IPPROTO_TCP, TCP_CONGESTION, "IPPROTO_TCP", "TCP_CONGESTION", OPTION_KIND_STRING},
		{IPPROTO_TCP, TCP_INFO, "IPPROTO_TCP", "TCP_INFO", OPTION_KIND_OPAQUE},
		{IPPROTO_IP, IP_TOS, "IPPROTO_IP", "IP_TOS", OPTION_KIND_INTEGER},
		{IPPROTO_IPV6, IPV6_V6ONLY, "IPPROTO_IPV6", "IPV6_V6ONLY", OPTION_KIND_INTEGER},
		{IPPROTO_UDP, 100, "IPPROTO_UDP", "100", OPTION_KIND_INTEGER},
		{4711, 1, "4711", "1", OPTION_KIND_INTEGER},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		option_name_level(unit_begin(), rows[i].level);
		is_right &= unit_is_text("level", unit_end(), rows[i].level_text);
		option_name(unit_begin(), rows[i].level, rows[i].name);
		is_right &= unit_is_text("option", unit_end(), rows[i].text);
		assert_int_equal(option_name_kind(rows[i].level, rows[i].name), rows[i].kind);
	}
	assert_true(is_right);
}

/* The numbers are the kernel's, which libc has too. */
static void test_states(void **state)
{
	static const struct {
		unsigned state;
		const char *text;
	} rows[] = {
		{STATE_UNKNOWN, "unknown"},     {TCP_ESTABLISHED, "ESTABLISHED"},
		{TCP_SYN_SENT, "SYN_SENT"},     {TCP_SYN_RECV, "SYN_RECV"},
		{TCP_FIN_WAIT1, "FIN_WAIT_1"},  {TCP_FIN_WAIT2, "FIN_WAIT_2"},
		{TCP_TIME_WAIT, "TIME_WAIT"},   {TCP_CLOSE, "CLOSE"},
		{TCP_CLOSE_WAIT, "CLOSE_WAIT"}, {TCP_LAST_ACK, "LAST_ACK"},
		{TCP_LISTEN, "LISTEN"},         {TCP_CLOSING, "CLOSING"},
		{STATE_COUNT, "unknown"},       {255, "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(names_tcp_state(rows[i].state), rows[i].text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),    cmocka_unit_test(test_signals),
		cmocka_unit_test(test_sockets),   cmocka_unit_test(test_flags),
		cmocka_unit_test(test_scenarios), cmocka_unit_test(test_events),
		cmocka_unit_test(test_commands),  cmocka_unit_test(test_options),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
