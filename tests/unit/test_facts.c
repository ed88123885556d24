#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "format/facts.h"

static const struct tcpshim_facts sample = {
	.fd = 3,
	.other_fd = 9,
	.role = ROLE_CLIENT,
	.before = STATE_ESTABLISHED,
	.now = STATE_CLOSE_WAIT,
	.reported = REPORTED_AS_EOF,
	.local = {.family = AF_INET, .port = 33226, .bytes = {10, 88, 88, 139}},
	.peer = {.family = AF_INET, .port = 8080, .bytes = {10, 88, 88, 140}},
	.sent_bytes = 1,
	.received_bytes = 22,
	.lost_bytes = 3,
	.outstanding_bytes = 4,
	.unacknowledged_bytes = 5,
	.unread_bytes = 6,
	.age_ns = 1000000000,
	.handshake_ns = 2000000,
	.silence_ns = 7000000000,
	.silence_before_ns = 8000000000,
	.since_fin_ns = 82000000000,
	.waiting_ns = 725000000000,
	.user_timeout_ns = 30000000000,
	.retransmits = 10,
	.retransmits_total = 11,
	.probes = 12,
	.eof_count = 13,
	.polls = 14,
	.keepalive_idle_ns = 30000000000,
	.keepalive_interval_ns = 10000000000,
	.policy_timeout_ns = 1500000000,
	.keepalive_count = 15,
	.option_level = IPPROTO_TCP,
	.option_name = TCP_KEEPIDLE,
	.policy_error = ENOPROTOOPT,
	.serial = 7,
	.connections = 9,
	.fin_time = FIN_ARRIVED,
	.fin_age_ns = 6000000000,
	.idle_before_fin_ns = 2000000000,
	.last_heard_ns = 5000000000,
	.probing_ns = 3000000000,
	.waited_ns = 1500000000,
	.measured_ns = 1600000000,
	.busy_ns = 1400000000,
	.window_limited_ns = 1300000000,
	.buffer_limited_ns = 1200000000,
	.queued_ns = 3900000000,
	.queue_length = 3,
	.queue_limit = 2,
	.held_ns = 44000000,
	.nagle_count = 16,
	.nagle_lost_ns = 704000000,
	.local_ports = 28232,
	.time_wait_sockets = 28000,
	.rehearsed_ns = 10100000000,
	.rehearsed_rate_bytes = 16384,
};

/* No {name} is left in the text of any note; ids, explanations and severities exist. */
static void test_every_note(void **state)
{
	bool is_right = true;

	(void)state;
	for (unsigned note = 0; note < NOTE_COUNT; note++) {
		facts_expand(unit_begin(), note_rows[note].text, &sample);
		if (strpbrk(unit_end(), "{}") || unit_buf.size < 20 ||
		    unit_text[unit_buf.size - 1] != '.') {
			print_error("%s: \"%s\"\n", note_rows[note].id, unit_end());
			is_right = false;
		}
		is_right &= strlen(note_rows[note].id) > 0 &&
			    strlen(note_rows[note].explanation) > 0 &&
			    note_rows[note].severity < SEVERITY_NONE;
		assert_null(strpbrk(note_rows[note].explanation, "{}"));
	}
	assert_true(is_right);
}

/* If a connection has many descriptors, the number of another may be unknown. */
static void test_unknown_descriptor(void **state)
{
	const struct tcpshim_facts facts = {.other_fd = -1};

	(void)state;
	facts_expand(unit_begin(), "fd {other_fd}", &facts);
	assert_string_equal(unit_end(), "fd ?");
}

/* How well the time of the peer's FIN is known, and the number of a connection that is alone. */
static void test_shades(void **state)
{
	struct tcpshim_facts facts = {.fd = 3, .serial = 1, .connections = 1, .since_fin_ns = 100};
	bool is_right = true;

	(void)state;
	facts_expand(unit_begin(), "{connection}", &facts);
	is_right &= unit_is_text("alone, without a peer", unit_end(), "fd 3");
	facts.connections = 2;
	facts_expand(unit_begin(), "{connection}", &facts);
	is_right &= unit_is_text("the first of two", unit_end(), "fd 3 (connection 1)");
	facts_expand(unit_begin(), "{fin_age}", &facts);
	is_right &= unit_is_text("of an earlier version", unit_end(),
				 "0.0 ms after the peer's FIN was seen");
	facts.since_fin_ns = 0;
	facts_expand(unit_begin(), "{fin_age}", &facts);
	is_right &= unit_is_text("not known", unit_end(), "after the peer's FIN");
	facts.fin_time = FIN_ARRIVED_BEFORE;
	facts.fin_age_ns = 2000000000;
	facts_expand(unit_begin(), "{fin_age}", &facts);
	is_right &=
		unit_is_text("a bound", unit_end(), "at least 2.0 s after the peer's FIN arrived");
	facts.idle_before_fin_ns = 3000000000;
	facts_expand(unit_begin(), "{idle_before_fin}", &facts);
	is_right &= unit_is_text("an upper bound", unit_end(), "at most 3.0 s");
	assert_true(is_right);
}

static void test_every_fact(void **state)
{
	static const struct {
		const char *text, *expanded;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"{fd}", "fd 3"},
		{"fd {other_fd}", "fd 9"},
		{"{endpoints}", "10.88.88.139:33226 > 10.88.88.140:8080"},
		{"{peer}", "10.88.88.140:8080"},
		{"{states}", "ESTABLISHED > CLOSE_WAIT"},
		{"{now}", "CLOSE_WAIT"},
		{"{reported}", "Linux reports it as end of stream (read = 0), not as ECONNRESET."},
		{"{sent} {received} {lost} {outstanding}", "1 byte 22 bytes 3 bytes 4 bytes"},
		{"{unacknowledged} {unread}", "5 bytes 6 bytes"},
		{"{age} {handshake}", "1.0 s 2.0 ms"},
		{"{silence} {silence_before}", "7.0 s 8.0 s"},
		{"{since_fin} {waiting} {user_timeout}", "82.0 s 12 min 5 s 30.0 s"},
		{"{retransmits} {retransmits_total} {probes}", "10 11 12"},
		{"{eof_count} {polls}", "13 14"},
		{"{keepalive_idle} {keepalive_interval} {keepalive_count}", "30.0 s 10.0 s 15"},
		{"{policy_timeout}", "1.5 s"},
		{"{option}: {policy_error}", "TCP_KEEPIDLE: ENOPROTOOPT"},
		{"'{exclusion}'", "'!rport=8080'"},
		{"{connection}", "fd 3 to 10.88.88.140:8080 (connection 7)"},
		{"{fin_age} {idle_before_fin}", "6.0 s after the peer's FIN arrived 2.0 s"},
		{"{last_heard} {probing}", "5.0 s 3.0 s"},
		{"{waited} {measured} {busy}", "1.5 s 1.6 s 1.4 s"},
		{"{window_limited} {buffer_limited}", "1.3 s 1.2 s"},
		{"{queued} {queue_length} {queue_limit}", "3.9 s 3 2"},
		{"{held} {nagle_count} {nagle_lost}", "44.0 ms 16 704.0 ms"},
		{"{local_ports} {time_wait_sockets}", "28232 28000"},
		{"{rehearsed} {rate}", "10.1 s 16384 bytes"},
		{"{nonsense}", "{nonsense}"},
		{"{fd", "{fd"},
		{"{", "{"},
		{"{{fd}}", "{fd 3}"},
		{"{}", "{}"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		facts_expand(unit_begin(), rows[i].text, &sample);
		is_right &= unit_is_text(rows[i].text, unit_end(), rows[i].expanded);
	}
	assert_true(is_right);
}

static void test_states_and_reports(void **state)
{
	static const char *const reports[] = {
		[REPORTED_NOT] = "No call has reported it to the program yet.",
		[REPORTED_BY_POLL] = "poll reports it, but not which error.",
		[REPORTED_AS_EOF] =
			"Linux reports it as end of stream (read = 0), not as ECONNRESET.",
		[REPORTED_AS_ERROR] = "The kernel reports it with this error, once.",
	};
	struct tcpshim_facts facts = {.before = STATE_CLOSE, .now = STATE_CLOSE};

	(void)state;
	facts_expand(unit_begin(), "{states}", &facts);
	assert_string_equal(unit_end(), "CLOSE");
	for (size_t i = 0; i < COUNT(reports); i++) {
		facts.reported = (uint8_t)i;
		facts_expand(unit_begin(), "{reported}", &facts);
		assert_string_equal(unit_end(), reports[i]);
	}
	facts_expand(unit_begin(), "{endpoints}", &facts);
	assert_string_equal(unit_end(), "? > ?");
}

/* The service of the connection: the port that is the same from one connection to the next. */
static void test_exclusion(void **state)
{
	static const struct {
		uint8_t role;
		const char *text;
	} rows[] = {
		{ROLE_CLIENT, "!rport=8080"},
		{ROLE_SERVER, "!lport=33226"},
		{ROLE_LISTENER, "!lport=33226"},
		{ROLE_NONE, "!lport=33226"},
	};
	struct tcpshim_facts facts = sample;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		facts.role = rows[i].role;
		facts_expand(unit_begin(), "{exclusion}", &facts);
		is_right &= unit_is_text(rows[i].text, unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

static void test_options_and_errors(void **state)
{
	static const struct {
		int level, name, error;
		const char *text;
	} rows[] = {
		{IPPROTO_TCP, TCP_KEEPIDLE, EPERM, "TCP_KEEPIDLE EPERM"},
		{IPPROTO_TCP, TCP_KEEPINTVL, EINVAL, "TCP_KEEPINTVL EINVAL"},
		{IPPROTO_TCP, TCP_KEEPCNT, ENOPROTOOPT, "TCP_KEEPCNT ENOPROTOOPT"},
		{SOL_SOCKET, SO_KEEPALIVE, EACCES, "SO_KEEPALIVE EACCES"},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, ENOSYS, "TCP_USER_TIMEOUT ENOSYS"},
		{IPPROTO_TCP, 12345, 12345, "12345 12345"},
	};
	struct tcpshim_facts facts = {0};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		facts.option_level = rows[i].level;
		facts.option_name = rows[i].name;
		facts.policy_error = rows[i].error;
		facts_expand(unit_begin(), "{option} {policy_error}", &facts);
		is_right &= unit_is_text(rows[i].text, unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

static void test_ipv6(void **state)
{
	static const struct {
		const char *address, *text;
		uint32_t scope;
	} rows[] = {
		{"2001:db8::1", "[2001:db8::1]:443", 0},
		{"::", "[::]:443", 0},
		{"::1", "[::1]:443", 0},
		{"1::", "[1::]:443", 0},
		{"fe80::1", "[fe80::1%3]:443", 3},
		{"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:443", 0},
		{"1:0:3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:443", 0},
		{"1:0:0:4:0:0:0:8", "[1:0:0:4::8]:443", 0},
		{"1:0:0:4:5:0:0:8", "[1::4:5:0:0:8]:443", 0},
		{"ABCD:0EF0:0:0:10:100:1000:ffff", "[abcd:ef0::10:100:1000:ffff]:443", 0},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
					   .sin6_port = htons(443),
					   .sin6_scope_id = rows[i].scope};

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, &in6.sin6_addr), 1);
		assert_true(facts_sockaddr(unit_begin(), &in6, sizeof(in6)));
		is_right &= unit_is_text(rows[i].address, unit_end(), rows[i].text);
	}
	assert_true(is_right);
}

/* Each pattern of zero words is shown as libc does, except for those that libc shows as IPv4. */
static void test_ipv6_zeros(void **state)
{
	(void)state;
	for (unsigned pattern = 0; pattern < 256; pattern++) {
		struct tcpshim_address address = {.family = AF_INET6, .port = 1};
		char text[INET6_ADDRSTRLEN], wanted[INET6_ADDRSTRLEN + 8] = "[";

		for (unsigned word = 0; word < 8; word++)
			if (pattern >> word & 1)
				address.bytes[2 * word] = (uint8_t)(word + 1);
		assert_non_null(inet_ntop(AF_INET6, address.bytes, text, sizeof(text)));
		if (strchr(text, '.'))
			continue;
		strcat(strcat(wanted, text), "]:1");
		facts_address(unit_begin(), &address);
		assert_string_equal(unit_end(), wanted);
	}
}

static void test_ipv4(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(8080)};
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6,
				      .sin6_port = htons(65535),
				      .sin6_scope_id = 2};
	struct tcpshim_address address;

	(void)state;
	inet_pton(AF_INET, "10.88.88.140", &in.sin_addr);
	assert_true(facts_sockaddr(unit_begin(), &in, sizeof(in)));
	assert_string_equal(unit_end(), "10.88.88.140:8080");
	assert_true(facts_read_sockaddr(&address, &in, sizeof(in)));
	assert_int_equal(address.family, AF_INET);
	assert_int_equal(address.port, 8080);

	inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr);
	assert_true(facts_sockaddr(unit_begin(), &mapped, sizeof(mapped)));
	assert_string_equal(unit_end(), "192.0.2.1:65535");
	assert_true(facts_read_sockaddr(&address, &mapped, sizeof(mapped)));
	assert_int_equal(address.family, AF_INET);
	assert_memory_equal(address.bytes, ((uint8_t[16]){192, 0, 2, 1}), 16);
}

/* Puts the bytes at the end of what may be read: ASan reports one read too many. */
static const char *show_exactly(const void *address, uint32_t size)
{
	void *exact = test_malloc(size);

	memcpy(exact, address, size);
	if (!facts_sockaddr(unit_begin(), exact, size))
		strbuf_string(&unit_buf, "false");
	test_free(exact);
	return unit_end();
}

static void test_short_addresses(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct tcpshim_address address = {.family = 99};

	(void)state;
	assert_string_equal(show_exactly(&in, 1), "false");
	assert_string_equal(show_exactly(&in, 2), "{AF_INET}");
	assert_string_equal(show_exactly(&in, sizeof(in) - 1), "{AF_INET}");
	assert_string_equal(show_exactly(&in6, sizeof(in6) - 1), "{AF_INET6}");
	assert_false(facts_read_sockaddr(&address, &in, 8));
	assert_int_equal(address.family, 0);
}

static void test_other_families(void **state)
{
	static const struct {
		const char *path;
		size_t size;
		const char *text;
	} rows[] = {
		{"/run/x.sock", 12, "unix:/run/x.sock"},
		{"/run/x.sock", 11, "unix:/run/x.sock"},
		{"\0name", 5, "unix:@name"},
		{"", 0, "unix:"},
		{"/a b\x1b[31m\x7f\xff", 11, "unix:/a?b?[31m??"},
	};
	struct sockaddr_nl netlink = {.nl_family = AF_NETLINK};
	struct sockaddr unknown = {.sa_family = 99};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_un un = {.sun_family = AF_UNIX};

		memcpy(un.sun_path, rows[i].path, rows[i].size);
		is_right &= unit_is_text("unix",
					 show_exactly(&un, (uint32_t)(sizeof(un.sun_family) +
								      rows[i].size)),
					 rows[i].text);
	}
	is_right &=
		unit_is_text("netlink", show_exactly(&netlink, sizeof(netlink)), "{AF_NETLINK}");
	is_right &= unit_is_text("unknown", show_exactly(&unknown, sizeof(unknown)), "{99}");
	assert_true(is_right);
}

static void test_calls(void **state)
{
	(void)state;
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		assert_true(strlen(call_rows[call].symbol) > 0);
		assert_true(strlen(call_rows[call].shown) > 0);
		assert_non_null(strstr("connect option data wait process", call_rows[call].group));
	}
	assert_string_equal(call_rows[CALL___read_chk].shown, "read");
	assert_string_equal(call_rows[CALL_fcntl64].shown, "fcntl");
	assert_int_equal(call_rows[CALL_recvfrom].kinds[5], ARG_LENGTH_OUT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_note),
		cmocka_unit_test(test_every_fact),
		cmocka_unit_test(test_shades),
		cmocka_unit_test(test_unknown_descriptor),
		cmocka_unit_test(test_states_and_reports),
		cmocka_unit_test(test_exclusion),
		cmocka_unit_test(test_options_and_errors),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_ipv6_zeros),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_short_addresses),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_calls),
	};

	return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
