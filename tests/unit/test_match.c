#include "unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "settings/match.h"

static struct match match;

static struct tcpshim_address address_of(const char *text, uint16_t port)
{
	struct tcpshim_address address = {.port = port};

	if (!text)
		return address;
	address.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(address.family, text, address.bytes), 1);
	return address;
}

static void test_good_values(void **state)
{
	static const struct {
		const char *value;
		enum match_key key;
		bool is_negated;
		uint8_t role, prefix_bits;
		uint16_t port, family;
	} rows[] = {
		{"port=1", MATCH_PORT, false, 0, 0, 1, 0},
		{"port=65535", MATCH_PORT, false, 0, 0, 65535, 0},
		{"port=0080", MATCH_PORT, false, 0, 0, 80, 0},
		{"lport=8080", MATCH_LPORT, false, 0, 0, 8080, 0},
		{"rport=443", MATCH_RPORT, false, 0, 0, 443, 0},
		{"!port=22", MATCH_PORT, true, 0, 0, 22, 0},
		{"!lport=22", MATCH_LPORT, true, 0, 0, 22, 0},
		{"!rport=22", MATCH_RPORT, true, 0, 0, 22, 0},
		{"role=client", MATCH_ROLE, false, ROLE_CLIENT, 0, 0, 0},
		{"role=server", MATCH_ROLE, false, ROLE_SERVER, 0, 0, 0},
		{"!role=client", MATCH_ROLE, true, ROLE_CLIENT, 0, 0, 0},
		{"!role=server", MATCH_ROLE, true, ROLE_SERVER, 0, 0, 0},
		{"peer=10.0.0.1", MATCH_PEER, false, 0, 32, 0, AF_INET},
		{"local=10.0.0.1", MATCH_LOCAL, false, 0, 32, 0, AF_INET},
		{"!peer=10.0.0.1", MATCH_PEER, true, 0, 32, 0, AF_INET},
		{"!local=10.0.0.1/8", MATCH_LOCAL, true, 0, 8, 0, AF_INET},
		{"peer=0.0.0.0/0", MATCH_PEER, false, 0, 0, 0, AF_INET},
		{"peer=10.1.2.3/0", MATCH_PEER, false, 0, 0, 0, AF_INET},
		{"peer=10.1.2.3/1", MATCH_PEER, false, 0, 1, 0, AF_INET},
		{"peer=10.1.2.3/13", MATCH_PEER, false, 0, 13, 0, AF_INET},
		{"peer=10.1.2.3/31", MATCH_PEER, false, 0, 31, 0, AF_INET},
		{"peer=10.1.2.3/32", MATCH_PEER, false, 0, 32, 0, AF_INET},
		{"peer=10.1.2.3/08", MATCH_PEER, false, 0, 8, 0, AF_INET},
		{"peer=255.255.255.255", MATCH_PEER, false, 0, 32, 0, AF_INET},
		{"peer=::1", MATCH_PEER, false, 0, 128, 0, AF_INET6},
		{"peer=::/0", MATCH_PEER, false, 0, 0, 0, AF_INET6},
		{"peer=2001:db8::/33", MATCH_PEER, false, 0, 33, 0, AF_INET6},
		{"local=2001:DB8::1/128", MATCH_LOCAL, false, 0, 128, 0, AF_INET6},
		{"peer=1:2:3:4:5:6:7:8/127", MATCH_PEER, false, 0, 127, 0, AF_INET6},
		{"peer=::ffff:10.0.0.0/104", MATCH_PEER, false, 0, 8, 0, AF_INET},
		{"peer=::ffff:10.0.0.1", MATCH_PEER, false, 0, 32, 0, AF_INET},
		{"peer=::ffff:0a00:0001/128", MATCH_PEER, false, 0, 32, 0, AF_INET},
		{"peer=::ffff:0:0/96", MATCH_PEER, false, 0, 0, 0, AF_INET},
		{"peer=::ffff:10.0.0.0/95", MATCH_PEER, false, 0, 95, 0, AF_INET6},
		{"peer=::fffe:10.0.0.1", MATCH_PEER, false, 0, 128, 0, AF_INET6},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct match_condition *condition = &match.conditions[0];
		bool is_read = match_read(&match, rows[i].value);

		if (is_read && match.count == 1 && condition->key == rows[i].key &&
		    condition->is_negated == rows[i].is_negated && !condition->is_alternative &&
		    condition->role == rows[i].role && condition->port == rows[i].port &&
		    condition->address.family == rows[i].family &&
		    condition->prefix_bits == rows[i].prefix_bits)
			continue;
		print_error("%s: %s, %u conditions, key %u, negated %d, role %u, port %u, "
			    "family %u, prefix %u\n",
			    rows[i].value, is_read ? "read" : "refused", match.count,
			    condition->key, condition->is_negated, condition->role, condition->port,
			    condition->address.family, condition->prefix_bits);
		is_right = false;
	}
	assert_true(is_right);
}

static void test_bad_values(void **state)
{
	static const char *const values[] = {
		/* nothing, or too little */
		"",
		" ",
		",",
		";",
		"!",
		"=",
		"!=",
		"port",
		"port=",
		"=80",
		"!port",
		"!port=",
		"peer",
		"peer=",
		"role",
		"role=",
		/* empty pieces */
		"port=80,",
		",port=80",
		"port=80,,port=81",
		"port=80;",
		";port=80",
		"port=80;;port=81",
		"port=80,;port=81",
		"port=80;,port=81",
		/* keys */
		"Port=80",
		"PORT=80",
		"ports=80",
		"por=80",
		"sport=80",
		"remote=10.0.0.1",
		"pport=80",
		"all",
		"none",
		"*",
		"80",
		"10.0.0.1",
		/* negation */
		"!!port=80",
		"port!=80",
		"port=!80",
		"! port=80",
		/* spaces */
		" port=80",
		"port=80 ",
		"port= 80",
		"port =80",
		"port=80, lport=80",
		"port=80 ;port=81",
		"role= client",
		"peer=10.0.0.1 ",
		"peer= 10.0.0.1",
		"port=80\n",
		"port=80\t",
		/* ports */
		"port=0",
		"port=00",
		"port=65536",
		"port=-1",
		"port=+80",
		"port=80-90",
		"port=80/8",
		"port=0x50",
		"port=http",
		"port=8O",
		"port=80.0",
		"port=4294967376",
		"port=18446744073709551696",
		"port=184467440737095516960",
		"port==80",
		"port=80=81",
		"lport=0",
		"rport=65536",
		/* roles */
		"role=listener",
		"role=none",
		"role=Client",
		"role=clients",
		"role=cli",
		"role=client/8",
		"role=1",
		/* addresses */
		"peer=10",
		"peer=10.0",
		"peer=10.0.0",
		"peer=10.0.0.0.0",
		"peer=10.0.0.256",
		"peer=10.0.0.",
		"peer=.10.0.0",
		"peer=010.0.0.1",
		"peer=0x0a.0.0.1",
		"peer=localhost",
		"peer=*",
		"peer=any",
		"peer=10.0.0.1:80",
		"peer=[::1]",
		"peer=:::",
		"peer=:",
		"peer=1:2:3:4:5:6:7",
		"peer=1:2:3:4:5:6:7:8:9",
		"peer=12345::",
		"peer=fe80::1%eth0",
		"peer=fe80::1%2",
		"peer=::g",
		"peer=::ffff:10.0.0.256",
		"peer=1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa",
		"local=",
		"local=10.0.0.0.1",
		/* prefixes */
		"peer=10.0.0.0/",
		"peer=10.0.0.0/33",
		"peer=10.0.0.0/-1",
		"peer=10.0.0.0/+8",
		"peer=10.0.0.0/8/8",
		"peer=10.0.0.0/ 8",
		"peer=10.0.0.0/8 ",
		"peer=10.0.0.0/255.0.0.0",
		"peer=10.0.0.0/264",
		"peer=10.0.0.0/256",
		"peer=10.0.0.0/18446744073709551624",
		"peer=/8",
		"peer=/",
		"peer=::/129",
		"peer=::/",
		"peer=::/384",
		"peer=::ffff:10.0.0.0/129",
		/* one bad condition among good ones */
		"port=80,role=client,peer=10.0.0.0/8;lport=1;rport=x",
		"port=0;port=80",
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		if (match_read(&match, values[i])) {
			print_error("\"%s\" is read\n", values[i]);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* "&" before a condition of the same alternative, "|" before the first of the next. */
static void test_lists(void **state)
{
	static const struct {
		const char *value, *shape;
	} rows[] = {
		{"port=1", "1"},
		{"port=1,port=2", "1&2"},
		{"port=1;port=2", "1|2"},
		{"port=1,port=2;port=3", "1&2|3"},
		{"port=1;port=2,port=3", "1|2&3"},
		{"port=1;port=2;port=3,port=4,port=5;port=6", "1|2|3&4&5|6"},
		{"!port=1,!port=2;!port=3", "!1&!2|!3"},
		{"port=1,port=1;port=1", "1&1|1"},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(match_read(&match, rows[i].value));
		unit_begin();
		for (uint32_t j = 0; j < match.count; j++) {
			const struct match_condition *condition = &match.conditions[j];

			if (condition->is_alternative)
				strbuf_char(&unit_buf, '|');
			else if (j > 0)
				strbuf_char(&unit_buf, '&');
			if (condition->is_negated)
				strbuf_char(&unit_buf, '!');
			strbuf_unsigned(&unit_buf, condition->port);
		}
		is_right &= unit_is_text(rows[i].value, unit_end(), rows[i].shape);
	}
	assert_true(is_right);
}

static void test_how_many(void **state)
{
	static const struct {
		unsigned count;
		char separator;
		bool is_good;
	} rows[] = {
		{1, ',', true},
		{MATCH_CONDITIONS - 1, ',', true},
		{MATCH_CONDITIONS, ',', true},
		{MATCH_CONDITIONS, ';', true},
		{MATCH_CONDITIONS + 1, ',', false},
		{MATCH_CONDITIONS + 1, ';', false},
		{4 * MATCH_CONDITIONS, ';', false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcpshim_address local = address_of("10.0.0.1", 80), peer = local;

		unit_begin();
		for (unsigned j = 0; j < rows[i].count; j++) {
			if (j > 0)
				strbuf_char(&unit_buf, rows[i].separator);
			strbuf_string(&unit_buf, "port=80");
		}
		assert_int_equal(match_read(&match, unit_end()), rows[i].is_good);
		if (!rows[i].is_good)
			continue;
		assert_int_equal(match.count, rows[i].count);
		assert_int_equal(match_connection(&match, &local, &peer, ROLE_CLIENT), MATCH_YES);
	}
}

/* What an earlier value left behind does not count. */
static void test_read_again(void **state)
{
	(void)state;
	assert_true(match_read(&match, "!peer=10.0.0.0/8,role=server;port=80"));
	assert_true(match_read(&match, "lport=22"));
	assert_int_equal(match.count, 1);
	assert_false(match.conditions[0].is_negated);
	assert_int_equal(match.conditions[0].address.family, 0);
	assert_int_equal(match.conditions[0].role, ROLE_NONE);
}

static const char *name_result(enum match_result result)
{
	return result == MATCH_YES ? "yes" : result == MATCH_NO ? "no" : "unknown";
}

/* A client and a server as most rows have them. */
#define ENDS "192.168.1.2", 40000, "10.1.2.3", 8080

static void test_connection(void **state)
{
	static const struct {
		const char *value, *local;
		uint16_t lport;
		const char *peer;
		uint16_t rport;
		enum tcpshim_role role;
		enum match_result wanted;
	} rows[] = {
		/* port: either end */
		{"port=8080", ENDS, ROLE_CLIENT, MATCH_YES},
		{"port=40000", ENDS, ROLE_CLIENT, MATCH_YES},
		{"port=80", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!port=8080", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!port=40000", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!port=80", ENDS, ROLE_CLIENT, MATCH_YES},
		{"port=80", "10.0.0.1", 80, NULL, 0, ROLE_LISTENER, MATCH_YES},
		{"port=80", "10.0.0.1", 81, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"!port=80", "10.0.0.1", 80, NULL, 0, ROLE_LISTENER, MATCH_NO},
		{"!port=80", "10.0.0.1", 81, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"port=80", NULL, 0, "10.0.0.1", 80, ROLE_CLIENT, MATCH_YES},
		{"port=80", "0.0.0.0", 0, "10.0.0.1", 80, ROLE_CLIENT, MATCH_YES},
		{"port=80", "0.0.0.0", 0, "10.0.0.1", 81, ROLE_CLIENT, MATCH_UNKNOWN},
		{"port=80", NULL, 0, NULL, 0, ROLE_NONE, MATCH_UNKNOWN},
		{"!port=80", NULL, 0, NULL, 0, ROLE_NONE, MATCH_UNKNOWN},
		/* lport and rport */
		{"lport=40000", ENDS, ROLE_CLIENT, MATCH_YES},
		{"lport=8080", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!lport=40000", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!lport=8080", ENDS, ROLE_CLIENT, MATCH_YES},
		{"rport=8080", ENDS, ROLE_CLIENT, MATCH_YES},
		{"rport=40000", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!rport=8080", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!rport=40000", ENDS, ROLE_CLIENT, MATCH_YES},
		{"lport=40000", "192.168.1.2", 0, "10.1.2.3", 8080, ROLE_CLIENT, MATCH_UNKNOWN},
		{"!lport=40000", "192.168.1.2", 0, "10.1.2.3", 8080, ROLE_CLIENT, MATCH_UNKNOWN},
		{"lport=40000", NULL, 40000, "10.1.2.3", 8080, ROLE_CLIENT, MATCH_UNKNOWN},
		{"rport=80", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"!rport=80", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"lport=80", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_YES},
		{"!lport=80", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_NO},
		/* addresses */
		{"peer=10.1.2.3", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.2.4", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=192.168.1.2", ENDS, ROLE_CLIENT, MATCH_NO},
		{"local=192.168.1.2", ENDS, ROLE_CLIENT, MATCH_YES},
		{"local=10.1.2.3", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!peer=10.1.2.3", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!peer=10.1.2.4", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.2.3", "192.168.1.2", 1, "10.1.2.3", 0, ROLE_CLIENT, MATCH_YES},
		{"peer=10.0.0.0/8", "192.168.1.2", 1, NULL, 0, ROLE_NONE, MATCH_UNKNOWN},
		{"!peer=10.0.0.0/8", "192.168.1.2", 1, NULL, 0, ROLE_NONE, MATCH_UNKNOWN},
		{"local=10.0.0.1", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"!local=10.0.0.1", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"local=0.0.0.0", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"local=0.0.0.0/0", "0.0.0.0", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"local=::1", "::", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		{"local=::/0", "::", 80, NULL, 0, ROLE_LISTENER, MATCH_UNKNOWN},
		/* prefixes */
		{"peer=10.1.2.3/32", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.2.2/32", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.1.2.2/31", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.2.4/31", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.1.2.0/30", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.2.4/30", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.1.2.128/25", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.1.2.127/25", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.1.255.255/16", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.2.2.3/16", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.0.0.0/15", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=10.2.0.0/15", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=10.9.9.9/8", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=11.1.2.3/8", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=11.1.2.3/7", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=127.255.255.255/1", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=128.0.0.0/1", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=99.99.99.99/0", ENDS, ROLE_CLIENT, MATCH_YES},
		{"!peer=0.0.0.0/0", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=::/0", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=::ffff:10.0.0.0/104", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=::ffff:11.0.0.0/104", ENDS, ROLE_CLIENT, MATCH_NO},
		{"peer=::ffff:11.0.0.0/96", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=::ffff:10.1.2.3", ENDS, ROLE_CLIENT, MATCH_YES},
		{"peer=::1", "::1", 1, "::1", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=::1/127", "::1", 1, "::1", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=::2/127", "::1", 1, "::1", 2, ROLE_CLIENT, MATCH_NO},
		{"peer=::/0", "::1", 1, "::1", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=0.0.0.0/0", "::1", 1, "::1", 2, ROLE_CLIENT, MATCH_NO},
		{"peer=2001:db8::/32", "::1", 1, "2001:db8:1::9", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=2001:db8::/33", "::1", 1, "2001:db8:7fff::", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=2001:db8::/33", "::1", 1, "2001:db8:8000::", 2, ROLE_CLIENT, MATCH_NO},
		{"peer=2001:db8:ffff::/29", "::1", 1, "2001:dbf::1", 2, ROLE_CLIENT, MATCH_YES},
		{"peer=2001:db8::/30", "::1", 1, "2001:dbf::1", 2, ROLE_CLIENT, MATCH_NO},
		{"peer=2001:db8::1/128", "::1", 1, "2001:db8::2", 2, ROLE_CLIENT, MATCH_NO},
		/* roles */
		{"role=client", ENDS, ROLE_CLIENT, MATCH_YES},
		{"role=client", ENDS, ROLE_SERVER, MATCH_NO},
		{"role=client", ENDS, ROLE_LISTENER, MATCH_NO},
		{"role=client", ENDS, ROLE_NONE, MATCH_UNKNOWN},
		{"role=server", ENDS, ROLE_CLIENT, MATCH_NO},
		{"role=server", ENDS, ROLE_SERVER, MATCH_YES},
		{"role=server", ENDS, ROLE_LISTENER, MATCH_YES},
		{"role=server", ENDS, ROLE_NONE, MATCH_UNKNOWN},
		{"!role=client", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!role=client", ENDS, ROLE_SERVER, MATCH_YES},
		{"!role=client", ENDS, ROLE_LISTENER, MATCH_YES},
		{"!role=client", ENDS, ROLE_NONE, MATCH_UNKNOWN},
		/* as people write them */
		{"port=8080,peer=10.0.0.0/8", ENDS, ROLE_CLIENT, MATCH_YES},
		{"port=8080,peer=11.0.0.0/8", ENDS, ROLE_CLIENT, MATCH_NO},
		{"port=22;peer=10.0.0.0/8,role=client", ENDS, ROLE_CLIENT, MATCH_YES},
		{"port=22;peer=10.0.0.0/8,role=server", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!rport=22,!rport=8080", ENDS, ROLE_CLIENT, MATCH_NO},
		{"!rport=22;!rport=8080", ENDS, ROLE_CLIENT, MATCH_YES},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcpshim_address local = address_of(rows[i].local, rows[i].lport);
		struct tcpshim_address peer = address_of(rows[i].peer, rows[i].rport);
		enum match_result result;

		assert_true(match_read(&match, rows[i].value));
		result = match_connection(&match, &local, &peer, rows[i].role);
		if (result == rows[i].wanted)
			continue;
		print_error("%s with %s:%u > %s:%u and role %d: %s, not %s\n", rows[i].value,
			    rows[i].local ? rows[i].local : "?", rows[i].lport,
			    rows[i].peer ? rows[i].peer : "?", rows[i].rport, (int)rows[i].role,
			    name_result(result), name_result(rows[i].wanted));
		is_right = false;
	}
	assert_true(is_right);
}

/* Y, N and U: a condition that holds, does not, or cannot be known, on a socket that is bound to
 * 10.0.0.1:80 and not connected. */
static void append_conditions(const char *shape)
{
	unit_begin();
	for (; *shape; shape++) {
		switch (*shape) {
		case 'Y':
			strbuf_string(&unit_buf, "lport=80");
			break;
		case 'N':
			strbuf_string(&unit_buf, "lport=81");
			break;
		case 'U':
			strbuf_string(&unit_buf, "rport=80");
			break;
		default:
			strbuf_char(&unit_buf, *shape);
		}
	}
}

static void test_truth_table(void **state)
{
	static const struct {
		const char *shape;
		enum match_result wanted;
	} rows[] = {
		{"Y", MATCH_YES},
		{"N", MATCH_NO},
		{"U", MATCH_UNKNOWN},
		{"!Y", MATCH_NO},
		{"!N", MATCH_YES},
		{"!U", MATCH_UNKNOWN},
		/* and */
		{"Y,Y", MATCH_YES},
		{"Y,N", MATCH_NO},
		{"Y,U", MATCH_UNKNOWN},
		{"N,Y", MATCH_NO},
		{"N,N", MATCH_NO},
		{"N,U", MATCH_NO},
		{"U,Y", MATCH_UNKNOWN},
		{"U,N", MATCH_NO},
		{"U,U", MATCH_UNKNOWN},
		/* or */
		{"Y;Y", MATCH_YES},
		{"Y;N", MATCH_YES},
		{"Y;U", MATCH_YES},
		{"N;Y", MATCH_YES},
		{"N;N", MATCH_NO},
		{"N;U", MATCH_UNKNOWN},
		{"U;Y", MATCH_YES},
		{"U;N", MATCH_UNKNOWN},
		{"U;U", MATCH_UNKNOWN},
		/* negated: what is not known stays so */
		{"Y,!Y", MATCH_NO},
		{"Y,!N", MATCH_YES},
		{"Y,!U", MATCH_UNKNOWN},
		{"N,!U", MATCH_NO},
		{"!U,N", MATCH_NO},
		{"!U,!U", MATCH_UNKNOWN},
		{"Y;!U", MATCH_YES},
		{"N;!U", MATCH_UNKNOWN},
		{"!U;!N", MATCH_YES},
		{"U,!U", MATCH_UNKNOWN},
		{"U;!U", MATCH_UNKNOWN},
		{"!Y;!N", MATCH_YES},
		/* "," binds first */
		{"Y,N;Y", MATCH_YES},
		{"Y;N,Y", MATCH_YES},
		{"N;Y,N", MATCH_NO},
		{"N,Y;N", MATCH_NO},
		{"U,N;Y", MATCH_YES},
		{"U,N;N", MATCH_NO},
		{"Y,U;N", MATCH_UNKNOWN},
		{"N;U,Y", MATCH_UNKNOWN},
		{"N,U;U,N", MATCH_NO},
		{"Y,U;Y,Y", MATCH_YES},
		{"N;N;Y", MATCH_YES},
		{"N;N;U", MATCH_UNKNOWN},
		{"Y,Y,Y,U", MATCH_UNKNOWN},
		{"Y,Y,U,N", MATCH_NO},
		{"N;N,Y;U,N;Y,!N,!N", MATCH_YES},
		{"N;N,Y;U,N;Y,!N,N", MATCH_NO},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcpshim_address local = address_of("10.0.0.1", 80), peer = {0};
		enum match_result result;

		append_conditions(rows[i].shape);
		assert_true(match_read(&match, unit_end()));
		result = match_connection(&match, &local, &peer, ROLE_NONE);
		if (result == rows[i].wanted)
			continue;
		print_error("%s: %s, not %s\n", rows[i].shape, name_result(result),
			    name_result(rows[i].wanted));
		is_right = false;
	}
	assert_true(is_right);
}

/* Each prefix length, of both families: the last bit inside decides, the first outside does not. */
static void test_every_prefix(void **state)
{
	static const struct {
		const char *text;
		unsigned bits;
	} families[] = {{"165.90.60.195", 32}, {"a55a:3cc3:1234:fedc:8001:7ffe:0ff0:9669", 128}};

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		for (unsigned bits = 0; bits <= families[i].bits; bits++) {
			struct tcpshim_address local = address_of(families[i].text, 1);
			struct tcpshim_address peer = local;

			strbuf_string(unit_begin(), "peer=");
			strbuf_string(&unit_buf, families[i].text);
			strbuf_char(&unit_buf, '/');
			strbuf_unsigned(&unit_buf, bits);
			assert_true(match_read(&match, unit_end()));
			assert_int_equal(match_connection(&match, &local, &peer, ROLE_NONE),
					 MATCH_YES);
			if (bits < families[i].bits) {
				peer.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
				assert_int_equal(match_connection(&match, &local, &peer, ROLE_NONE),
						 MATCH_YES);
				peer = local;
			}
			if (bits > 0) {
				peer.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
				assert_int_equal(match_connection(&match, &local, &peer, ROLE_NONE),
						 MATCH_NO);
			}
		}
	}
}

/* The network that is written as IPv6 selects the same connections as the one written as IPv4. */
static void test_mapped_networks(void **state)
{
	static struct match mapped;

	(void)state;
	for (unsigned bits = 0; bits <= 32; bits++) {
		strbuf_string(unit_begin(), "peer=::ffff:165.90.60.195/");
		strbuf_unsigned(&unit_buf, bits + 96);
		assert_true(match_read(&mapped, unit_end()));
		strbuf_string(unit_begin(), "peer=165.90.60.195/");
		strbuf_unsigned(&unit_buf, bits);
		assert_true(match_read(&match, unit_end()));
		for (unsigned flipped = 0; flipped < 32; flipped++) {
			struct tcpshim_address local = {0}, peer = address_of("165.90.60.195", 1);

			peer.bytes[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
			assert_int_equal(match_connection(&mapped, &local, &peer, ROLE_NONE),
					 match_connection(&match, &local, &peer, ROLE_NONE));
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_values),     cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_lists),           cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_read_again),      cmocka_unit_test(test_connection),
		cmocka_unit_test(test_truth_table),     cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_mapped_networks),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
