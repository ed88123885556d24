#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "format/arguments.h"
#include "format/facts.h"

#define P UINT64_C(0x7FFC08043670)
#define FIVE 5, 5

/* {10, 88, 88, 140}:8080, in network order on any machine. */
static const struct {
	uint16_t family;
	uint8_t port[2], bytes[4], zero[8];
} server = {.family = AF_INET, .port = {0x1f, 0x90}, .bytes = {10, 88, 88, 140}};

static const int one = 1, reset = ECONNRESET, five[] = {5};
static const uint8_t low_delay = 16;
static const struct linger abort_at_close = {.l_onoff = 1}, no_linger = {.l_linger = 7};
static const struct timeval timeval = {.tv_sec = 5, .tv_usec = 20};
static const struct timespec timespec = {.tv_sec = 1, .tv_nsec = 500};
static const uint32_t edge = EPOLLIN | EPOLLET;

#define VALUE(object) .value = &(object), .value_size = sizeof(object)
#define ARGUMENTS(...)              \
	.arguments = {__VA_ARGS__}, \
	.argument_count = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static const struct {
	struct tcpshim_event event;
	const char *text;
} rows[] = {
	{{.call = CALL_socket, ARGUMENTS(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
	 "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP)"},
	{{.call = CALL_listen, ARGUMENTS(3, 128)}, "listen(3, 128)"},
	{{.call = CALL_connect,
	  ARGUMENTS(3, P, 16),
	  .address = &server,
	  .address_size = sizeof(server)},
	 "connect(3, 10.88.88.140:8080, 16)"},
	{{.call = CALL_connect, ARGUMENTS(3, P, 16)}, "connect(3, 0x7FFC08043670, 16)"},
	{{.call = CALL_accept,
	  ARGUMENTS(3, P, P),
	  .address = &server,
	  .address_size = sizeof(server),
	  .length_out = 16,
	  .has_length_out = true},
	 "accept(3, 10.88.88.140:8080, [16])"},
	{{.call = CALL_accept4,
	  ARGUMENTS(3, 0, 0, SOCK_NONBLOCK),
	  .address = &server,
	  .address_size = 16},
	 "accept4(3, 0x00000000, 0x00000000, SOCK_NONBLOCK)"},
	{{.call = CALL_shutdown, ARGUMENTS(3, SHUT_WR)}, "shutdown(3, SHUT_WR)"},
	{{.call = CALL_close, ARGUMENTS(3)}, "close(3)"},
	{{.call = CALL_close, ARGUMENTS((uint64_t)-1)}, "close(-1)"},
	{{.call = CALL_close_range, ARGUMENTS(3, UINT32_MAX, 4)},
	 "close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC)"},
	{{.call = CALL_dup3, ARGUMENTS(3, 9, O_CLOEXEC)}, "dup3(3, 9, O_CLOEXEC)"},
	{{.call = CALL_fcntl, ARGUMENTS(3, F_GETFL, 0)}, "fcntl(3, F_GETFL)"},
	{{.call = CALL_fcntl64, ARGUMENTS(3, F_SETFL, O_RDWR | O_NONBLOCK)},
	 "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK)"},
	{{.call = CALL_fcntl, ARGUMENTS(3, F_SETFD, FD_CLOEXEC)}, "fcntl(3, F_SETFD, FD_CLOEXEC)"},
	{{.call = CALL_fcntl, ARGUMENTS(3, F_DUPFD_CLOEXEC, 10)}, "fcntl(3, F_DUPFD_CLOEXEC, 10)"},
	{{.call = CALL_fcntl, ARGUMENTS(3, F_SETLK, P)}, "fcntl(3, F_SETLK, 0x7FFC08043670)"},
	{{.call = CALL_ioctl, ARGUMENTS(3, FIONREAD, P), VALUE(one)}, "ioctl(3, FIONREAD, [1])"},
	{{.call = CALL_ioctl, ARGUMENTS(3, FIONREAD, P)}, "ioctl(3, FIONREAD, 0x7FFC08043670)"},
	{{.call = CALL_setsockopt, ARGUMENTS(3, SOL_SOCKET, SO_KEEPALIVE, P, 4), VALUE(one)},
	 "setsockopt(3, SOL_SOCKET, SO_KEEPALIVE, [1], 4)"},
	{{.call = CALL_setsockopt, ARGUMENTS(3, IPPROTO_IP, IP_TOS, P, 1), VALUE(low_delay)},
	 "setsockopt(3, IPPROTO_IP, IP_TOS, [16], 1)"},
	{{.call = CALL_setsockopt,
	  ARGUMENTS(3, SOL_SOCKET, SO_LINGER, P, 8),
	  VALUE(abort_at_close)},
	 "setsockopt(3, SOL_SOCKET, SO_LINGER, {on, 0 s}, 8)"},
	{{.call = CALL_setsockopt, ARGUMENTS(3, SOL_SOCKET, SO_LINGER, P, 8), VALUE(no_linger)},
	 "setsockopt(3, SOL_SOCKET, SO_LINGER, {off, 7 s}, 8)"},
	{{.call = CALL_setsockopt, ARGUMENTS(3, SOL_SOCKET, SO_RCVTIMEO, P, 16), VALUE(timeval)},
	 "setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, {5.000020}, 16)"},
	{{.call = CALL_setsockopt,
	  ARGUMENTS(3, IPPROTO_TCP, TCP_CONGESTION, P, 7),
	  .value = "cu\x1b\x80ic",
	  .value_size = 7},
	 "setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"cu\?\?ic\", 7)"},
	{{.call = CALL_setsockopt,
	  ARGUMENTS(3, IPPROTO_TCP, TCP_CONGESTION, P, 2),
	  .value = "cu",
	  .value_size = 2},
	 "setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"cu\", 2)"},
	{{.call = CALL_getsockopt,
	  ARGUMENTS(3, SOL_SOCKET, SO_ERROR, P, P),
	  VALUE(reset),
	  .length_out = 4,
	  .has_length_out = true},
	 "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4])"},
	{{.call = CALL_getsockopt, ARGUMENTS(3, IPPROTO_TCP, TCP_INFO, P, P), VALUE(five)},
	 "getsockopt(3, IPPROTO_TCP, TCP_INFO, 0x7FFC08043670, 0x7FFC08043670)"},
	{{.call = CALL_read, ARGUMENTS(3, P, 1024)}, "read(3, 0x7FFC08043670, 1024)"},
	{{.call = CALL___read_chk, ARGUMENTS(3, P, UINT64_MAX)},
	 "read(3, 0x7FFC08043670, 18446744073709551615)"},
	{{.call = CALL_recv, ARGUMENTS(3, P, 10, MSG_PEEK | MSG_DONTWAIT)},
	 "recv(3, 0x7FFC08043670, 10, MSG_PEEK|MSG_DONTWAIT)"},
	{{.call = CALL_recvmmsg, ARGUMENTS(3, P, 2, 0, P), VALUE(timespec)},
	 "recvmmsg(3, 0x7FFC08043670, 2, 0, {1.000000500})"},
	{{.call = CALL_sendto, ARGUMENTS(3, P, 10, 0, 0, 0)},
	 "sendto(3, 0x7FFC08043670, 10, 0, 0x00000000, 0)"},
	{{.call = CALL_sendfile64, ARGUMENTS(3, 4, P, 65536)},
	 "sendfile(3, 4, 0x7FFC08043670, 65536)"},
	{{.call = CALL_splice, ARGUMENTS(3, 0, 4, 0, 99, 1)},
	 "splice(3, 0x00000000, 4, 0x00000000, 99, SPLICE_F_MOVE)"},
	{{.call = CALL_poll,
	  ARGUMENTS(P, 2, (uint64_t)-1),
	  .asked = {{3, POLLIN, 0}, {0, POLLIN, 0}},
	  .asked_total = 2,
	  .has_asked = true},
	 "poll([3:POLLIN 0:POLLIN], 2, -1)"},
	{{.call = CALL_poll, ARGUMENTS(P, 0, 5), .has_asked = true}, "poll([], 0, 5)"},
	{{.call = CALL_poll,
	  ARGUMENTS(P, 1, 5),
	  .asked = {{-1, POLLIN, 0}},
	  .asked_total = 1,
	  .has_asked = true},
	 "poll([-1:POLLIN], 1, 5)"},
	{{.call = CALL_poll,
	  ARGUMENTS(P, 120, 5),
	  .asked = {{FIVE, 0},
		    {FIVE, 0},
		    {FIVE, 0},
		    {FIVE, 0},
		    {FIVE, 0},
		    {FIVE, 0},
		    {FIVE, 0},
		    {9, 0, 0}},
	  .asked_total = 120,
	  .has_asked = true},
	 "poll([5:POLLIN|POLLOUT 5:POLLIN|POLLOUT 5:POLLIN|POLLOUT 5:POLLIN|POLLOUT "
	 "5:POLLIN|POLLOUT "
	 "5:POLLIN|POLLOUT 5:POLLIN|POLLOUT 9:0 … +112], 120, 5)"},
	{{.call = CALL_poll, ARGUMENTS(P, 2, 5)}, "poll(0x7FFC08043670, 2, 5)"},
	{{.call = CALL_ppoll,
	  ARGUMENTS(P, 1, P, 0),
	  .asked = {{3, 0, 0}},
	  .asked_total = 1,
	  .has_asked = true,
	  VALUE(timespec)},
	 "ppoll([3:0], 1, {1.000000500}, 0x00000000)"},
	{{.call = CALL_ppoll,
	  ARGUMENTS(P, 1, 0, 0),
	  .asked = {{3, 0, 0}},
	  .asked_total = 1,
	  .has_asked = true},
	 "ppoll([3:0], 1, 0x00000000, 0x00000000)"},
	{{.call = CALL_select,
	  ARGUMENTS(5, P, P, 0, P),
	  .asked = {{0, SELECT_READ, 0}, {3, SELECT_READ | SELECT_WRITE, 0}, {4, SELECT_WRITE, 0}},
	  .asked_total = 3,
	  .has_asked = true,
	  VALUE(timeval)},
	 "select(5, [0 3], [3 4], 0x00000000, {5.000020})"},
	{{.call = CALL_epoll_create1, ARGUMENTS(EPOLL_CLOEXEC)}, "epoll_create1(EPOLL_CLOEXEC)"},
	{{.call = CALL_epoll_ctl, ARGUMENTS(5, EPOLL_CTL_ADD, 3, P), VALUE(edge)},
	 "epoll_ctl(5, EPOLL_CTL_ADD, 3, {EPOLLIN|EPOLLET})"},
	{{.call = CALL_epoll_ctl, ARGUMENTS(5, EPOLL_CTL_DEL, 3, 0)},
	 "epoll_ctl(5, EPOLL_CTL_DEL, 3, 0x00000000)"},
	{{.call = CALL_epoll_wait, ARGUMENTS(5, P, 16, (uint64_t)-1)},
	 "epoll_wait(5, 0x7FFC08043670, 16, -1)"},
	{{.call = CALL_rehearse, ARGUMENTS(3, SCENARIO_power_off)}, "rehearse(3, power-off)"},
	{{.call = CALL_rehearse, ARGUMENTS(3, SCENARIO_COUNT)}, "rehearse(3, 8)"},
	{{.call = CALL_rehearse, ARGUMENTS(3, (uint64_t)-1)}, "rehearse(3, -1)"},
	{{.call = CALL_exit, ARGUMENTS(0)}, "_exit(0)"},
	{{.call = CALL_exit}, "_exit(?)"},
};

static void test_calls(void **state)
{
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		arguments_call(unit_begin(), &rows[i].event, 12);
		is_right &=
			unit_is_text(call_rows[rows[i].event.call].shown, unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

/* Shows each call of the table with nothing decoded: it has all its arguments, and nothing crashes.
 */
static void test_every_call(void **state)
{
	(void)state;
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		struct tcpshim_event event = {.call = (uint16_t)call};

		while (event.argument_count < EVENT_ARGUMENTS &&
		       call_rows[call].kinds[event.argument_count] != ARG_NONE)
			event.argument_count++;
		arguments_call(unit_begin(), &event, UINT64_MAX);
		assert_memory_equal(unit_end(), call_rows[call].shown,
				    strlen(call_rows[call].shown));
		assert_int_equal(unit_text[unit_buf.size - 1], ')');
	}
}

static void test_watches(void **state)
{
	static const struct tcpshim_watch watches[] = {
		{7, EPOLLIN | EPOLLRDHUP, 99},
		{-1, EPOLLIN, P},
		{3, SELECT_READ | SELECT_EXCEPT, 0},
	};

	(void)state;
	arguments_watches(unit_begin(), CALL_epoll_pwait2, watches, 2);
	assert_string_equal(unit_end(), "[7:EPOLLIN|EPOLLRDHUP 0x7FFC08043670:EPOLLIN]");
	arguments_watches(unit_begin(), CALL_pselect, watches + 2, 1);
	assert_string_equal(unit_end(), "[3:read|except]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_every_call),
		cmocka_unit_test(test_watches),
	};

	return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
