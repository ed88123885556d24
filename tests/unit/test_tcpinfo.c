/* The limits that follow from tcp_retries2, and samples of real connections over loopback. */
#include "sys/restriction.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "conn/tcpinfo.h"

static void test_data_timeout(void **state)
{
	static const struct {
		unsigned retries;
		uint64_t ms;
	} rows[] = {
		{0, 200},     {1, 600},     {3, 3000},     {8, 102200},     {9, 204600},
		{10, 324600}, {15, 924600}, {16, 1044600}, {255, 29724600},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(tcpinfo_data_timeout_ns(rows[i].retries), rows[i].ms * 1000000);
}

struct pair {
	int client, server;
};

static void open_pair(struct pair *pair)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	pair->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair->client, (struct sockaddr *)&address, size), 0);
	pair->server = accept(listener, NULL, NULL);
	assert_true(pair->server >= 0);
	close(listener);
}

static void close_pair(const struct pair *pair)
{
	close(pair->client);
	close(pair->server);
}

static void wait_for(int fd, short events)
{
	struct pollfd entry = {.fd = fd, .events = events};

	assert_int_equal(poll(&entry, 1, 5000), 1);
}

static void set_option(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static void test_counts(void **state)
{
	struct tcpinfo info;
	struct pair pair;

	(void)state;
	open_pair(&pair);
	assert_int_equal(tcpinfo_sample(pair.client, TCPINFO_QUEUES, &info), 0);
	assert_int_equal(info.state, STATE_ESTABLISHED);
	assert_int_equal(info.acknowledged_bytes, 1); /* the SYN */
	assert_int_equal(info.unread_bytes, 0);
	assert_int_equal(info.unsent_bytes, 0);
	assert_int_not_equal(info.send_window_bytes, 0);
	assert_int_equal(tcpinfo_sample(pair.server, TCPINFO_STATE, &info), 0);
	assert_int_equal(info.acknowledged_bytes, 0);

	assert_int_equal(send(pair.client, "hello", 5, 0), 5);
	wait_for(pair.server, POLLIN);
	assert_int_equal(tcpinfo_sample(pair.server, TCPINFO_QUEUES, &info), 0);
	assert_int_equal(info.unread_bytes, 5);
	/* What is not asked for is not filled. */
	assert_int_equal(tcpinfo_sample(pair.server, TCPINFO_STATE, &info), 0);
	assert_int_equal(info.unread_bytes, 0);
	assert_int_equal(info.data_timeout_ns, 0);
	close_pair(&pair);
}

static void test_options(void **state)
{
	const struct linger linger = {.l_onoff = 1}, slow = {.l_onoff = 1, .l_linger = 5};
	const struct timeval timeout = {.tv_usec = 1000};
	struct tcpinfo info;
	struct pair pair;

	(void)state;
	open_pair(&pair);
	assert_int_equal(tcpinfo_sample(pair.client,
					TCPINFO_QUEUES | TCPINFO_TIMERS | TCPINFO_LIMIT, &info),
			 0);
	assert_false(info.has_keepalive || info.has_receive_timeout || info.is_linger_abort);
	assert_int_equal(info.user_timeout_ns, 0);
	assert_true(info.data_timeout_ns >= 200000000);

	set_option(pair.client, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(pair.client, IPPROTO_TCP, TCP_KEEPCNT, 4);
	set_option(pair.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 3000);
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_RCVTIMEO, &timeout,
				    sizeof(timeout)),
			 0);
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
			 0);
	assert_int_equal(tcpinfo_sample(pair.client, TCPINFO_QUEUES | TCPINFO_TIMERS, &info), 0);
	assert_true(info.has_keepalive && info.has_receive_timeout && info.is_linger_abort);
	assert_int_equal(info.keepalive_count, 4);
	assert_int_equal(info.user_timeout_ns, UINT64_C(3000000000));
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &slow, sizeof(slow)), 0);
	assert_int_equal(tcpinfo_sample(pair.client, TCPINFO_QUEUES, &info), 0);
	assert_false(info.is_linger_abort);
	close_pair(&pair);
}

/* I10: the program still finds its error. */
static void test_pending_error_stays(void **state)
{
	const struct linger linger = {.l_onoff = 1};
	struct tcpinfo info;
	struct pair pair;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)state;
	open_pair(&pair);
	assert_int_equal(setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
			 0);
	close(pair.server);
	wait_for(pair.client, POLLIN);
	assert_int_equal(tcpinfo_sample(pair.client,
					TCPINFO_QUEUES | TCPINFO_TIMERS | TCPINFO_LIMIT, &info),
			 0);
	assert_int_equal(info.state, STATE_CLOSE);
	assert_int_equal(getsockopt(pair.client, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	assert_int_equal(error, ECONNRESET);
	close(pair.client);
}

static void test_end_of_stream(void **state)
{
	struct tcpinfo info;
	struct pair pair;

	(void)state;
	open_pair(&pair);
	shutdown(pair.server, SHUT_WR);
	wait_for(pair.client, POLLIN);
	assert_int_equal(tcpinfo_sample(pair.client, TCPINFO_QUEUES, &info), 0);
	assert_int_equal(info.state, STATE_CLOSE_WAIT);
	assert_int_equal(info.unread_bytes, 0); /* the FIN is no byte */
	close_pair(&pair);
}

static void test_failures(void **state)
{
	struct tcpinfo info = {.state = STATE_ESTABLISHED};
	int pipes[2], datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	struct pair pair;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	errno = 4711;
	assert_int_equal(tcpinfo_sample(-1, TCPINFO_QUEUES, &info), -EBADF);
	assert_int_equal(info.state, STATE_UNKNOWN);
	assert_int_equal(tcpinfo_sample(pipes[0], TCPINFO_QUEUES, &info), -ENOTSOCK);
	assert_true(tcpinfo_sample(datagrams, TCPINFO_QUEUES, &info) < 0);
	assert_int_equal(info.state, STATE_UNKNOWN);
	assert_int_equal(errno, 4711);

	open_pair(&pair);
	restriction_set(RESTRICTION_FILTER);
	assert_int_equal(tcpinfo_sample(pair.client, TCPINFO_STATE, &info), -EPERM);
	assert_int_equal(info.state, STATE_UNKNOWN);
	restriction_set(RESTRICTION_NONE);
	close_pair(&pair);
	close(pipes[0]);
	close(pipes[1]);
	close(datagrams);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_timeout),  cmocka_unit_test(test_counts),
		cmocka_unit_test(test_options),       cmocka_unit_test(test_pending_error_stays),
		cmocka_unit_test(test_end_of_stream), cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("tcpinfo", tests, NULL, NULL);
}
