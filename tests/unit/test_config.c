#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "format/facts.h"
#include "settings/config.h"

enum { LONGEST_LINE = 768 };

static char complaints[4096];

static void complain(const char *line, size_t size)
{
	strncat(complaints, line, size);
	strcat(complaints, "\n");
}

/* Reads an environment of up to two variables. */
static void read_environment(const char *first, const char *second)
{
	char *environment[] = {"PATH=/bin", (char *)first, (char *)second, NULL};

	complaints[0] = '\0';
	config_read(environment, "nc", complain);
}

static void test_defaults(void **state)
{
	(void)state;
	read_environment(NULL, NULL);
	assert_string_equal(complaints, "");
	for (unsigned call = 0; call < CALL_COUNT; call++)
		assert_true(config.is_shown[call]);
	assert_true(config.is_any_shown);
	assert_true(config.has_sleeping);
	assert_false(config.has_standard_fds);
	assert_int_equal(config.fds, CONFIG_FDS_TCP);
	assert_int_equal(config.output, CONFIG_OUTPUT_STDERR);
	assert_int_equal(config.style.stamps, TRUSS_BASE);
	assert_int_equal(config.style.data_bytes, 12);
	assert_int_equal(config.style.least_severity, SEVERITY_INFO);
	assert_false(config.style.has_colour);
	assert_int_equal(config.match.count, 0);
	assert_false(policy_is_any(&config.policy));
	assert_false(config.policy.is_forced);
	assert_false(config.rehearsal.is_on);
	assert_true(config_has_program("anything"));
	config_read(NULL, "nc", complain);
	assert_string_equal(complaints, "");
	assert_true(config.is_any_shown);
}

/* An empty value is the same as none. */
static void test_empty_values(void **state)
{
	static const char *const variables[] = {
		"TCPSHIM_TRACE=",     "TCPSHIM_FDS=",          "TCPSHIM_PROGRAMS=",
		"TCPSHIM_OUTPUT=",    "TCPSHIM_TIME=",         "TCPSHIM_DATA=",
		"TCPSHIM_NOTES=",     "TCPSHIM_SLEEPING=",     "TCPSHIM_MATCH=",
		"TCPSHIM_KEEPALIVE=", "TCPSHIM_USER_TIMEOUT=", "TCPSHIM_CLOSE_ON_EOF=",
		"TCPSHIM_FORCE=",     "TCPSHIM_REHEARSE=",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		read_environment(variables[i], NULL);
		assert_string_equal(complaints, "");
		assert_true(config.is_any_shown && config.has_sleeping);
		assert_int_equal(config.style.stamps, TRUSS_BASE);
		assert_int_equal(config.style.data_bytes, 12);
		assert_int_equal(config.style.least_severity, SEVERITY_INFO);
		assert_true(config_has_program("nc"));
		assert_int_equal(config.match.count, 0);
		assert_false(policy_is_any(&config.policy) || config.policy.is_forced);
		assert_false(config.rehearsal.is_on);
	}
}

#define WANTS_CALLS \
	"a list of calls or groups (%connect %data %wait %option), !x to exclude, or all or none"

#define WANTS_A_REHEARSAL                                                                        \
	"off, or power-off, power-cycle, outage, peer-closes, half-open, unreachable, refused "  \
	"or slow, optionally followed by after=, idle= and for= with a duration, at=write:N, "   \
	"read:N, accept:N or connect:N, every=N, share=PERCENT% and seed=N, rate=BYTES (slow), " \
	"by=md5 or deaf, as far as they fit the scenario"

/* "+" before a call: it is shown; "-": it is not. */
static void test_trace(void **state)
{
	static const struct {
		const char *variable, *calls[6];
		bool is_bad;
	} rows[] = {
		{"TCPSHIM_TRACE=all", {"+read", "+poll", "+_exit"}, false},
		{"TCPSHIM_TRACE=none", {"-read", "-poll", "-socket", "-_exit"}, false},
		{"TCPSHIM_TRACE=read", {"+read", "-write", "-poll", "+_exit"}, false},
		{"TCPSHIM_TRACE=%connect,read", {"+read", "-write", "+close", "+connect"}, false},
		{"TCPSHIM_TRACE=%data", {"+read", "+sendfile", "-close"}, false},
		{"TCPSHIM_TRACE=%wait", {"+poll", "+epoll_ctl", "-read"}, false},
		{"TCPSHIM_TRACE=%option", {"+setsockopt", "+fcntl", "-read"}, false},
		{"TCPSHIM_TRACE=!read", {"-read", "+write", "+poll"}, false},
		{"TCPSHIM_TRACE=!%data,read", {"+read", "-write", "+poll"}, false},
		{"TCPSHIM_TRACE=%data,!read", {"-read", "+write", "-poll"}, false},
		{"TCPSHIM_TRACE=read,!read", {"-read", "-write"}, false},
		{"TCPSHIM_TRACE=!read,read", {"+read", "+write"}, false},
		{"TCPSHIM_TRACE=read,none", {"-read", "-write"}, false},
		{"TCPSHIM_TRACE=none,read", {"+read", "-write"}, false},
		{"TCPSHIM_TRACE=read,all", {"+read", "+write"}, false},
		{"TCPSHIM_TRACE=!all,read", {"+read", "-write"}, false},
		{"TCPSHIM_TRACE=raed", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=read,%nothing", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=read,", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=%", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=!", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=read write", {"+read", "+write"}, true},
		{"TCPSHIM_TRACE=READ", {"+read", "+write"}, true},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].variable, NULL);
		if ((complaints[0] != '\0') != rows[i].is_bad) {
			print_error("%s: complaint \"%s\"\n", rows[i].variable, complaints);
			is_right = false;
		}
		for (const char *const *call = rows[i].calls; *call; call++) {
			/* All the symbols that are shown under this name. */
			for (unsigned id = 0; id < CALL_COUNT; id++) {
				if (strcmp(call_rows[id].shown, *call + 1) == 0 &&
				    config.is_shown[id] != (**call == '+')) {
					print_error("%s: not %s (%s)\n", rows[i].variable, *call,
						    call_rows[id].symbol);
					is_right = false;
				}
			}
		}
	}
	assert_true(is_right);
	read_environment("TCPSHIM_TRACE=none", NULL);
	assert_false(config.is_any_shown);
}

static void test_fds(void **state)
{
	static const struct {
		const char *variable;
		enum config_fds fds;
		bool has_standard_fds, is_bad;
	} rows[] = {
		{"TCPSHIM_FDS=tcp", CONFIG_FDS_TCP, false, false},
		{"TCPSHIM_FDS=tcp,stdio", CONFIG_FDS_TCP, true, false},
		{"TCPSHIM_FDS=stdio", CONFIG_FDS_TCP, true, false},
		{"TCPSHIM_FDS=sockets", CONFIG_FDS_SOCKETS, false, false},
		{"TCPSHIM_FDS=sockets,stdio", CONFIG_FDS_SOCKETS, true, false},
		{"TCPSHIM_FDS=all", CONFIG_FDS_ALL, false, false},
		{"TCPSHIM_FDS=tpc", CONFIG_FDS_TCP, false, true},
		{"TCPSHIM_FDS=stdio,everything", CONFIG_FDS_TCP, false, true},
		{"TCPSHIM_FDS=all,", CONFIG_FDS_TCP, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].variable, NULL);
		assert_int_equal(config.fds, rows[i].fds);
		assert_int_equal(config.has_standard_fds, rows[i].has_standard_fds);
		assert_int_equal(complaints[0] != '\0', rows[i].is_bad);
	}
}

/* Then only policies are left to do, and they apply to TCP connections. */
static void test_fds_of_nothing_shown(void **state)
{
	static const struct {
		const char *first, *second;
	} rows[] = {
		{"TCPSHIM_TRACE=none", "TCPSHIM_FDS=all,stdio"},
		{"TCPSHIM_FDS=all,stdio", "TCPSHIM_TRACE=none"},
		{"TCPSHIM_TRACE=none", "TCPSHIM_FDS=sockets"},
		{"TCPSHIM_TRACE=read,!read", "TCPSHIM_FDS=tcp,stdio"},
		{"TCPSHIM_TRACE=none", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].first, rows[i].second);
		assert_string_equal(complaints, "");
		assert_false(config.is_any_shown);
		assert_int_equal(config.fds, CONFIG_FDS_TCP);
		assert_false(config.has_standard_fds);
	}
	read_environment("TCPSHIM_TRACE=read", "TCPSHIM_FDS=all,stdio");
	assert_int_equal(config.fds, CONFIG_FDS_ALL);
	assert_true(config.has_standard_fds);
}

static void test_programs(void **state)
{
	(void)state;
	read_environment("TCPSHIM_PROGRAMS=nc,nginx", NULL);
	assert_string_equal(complaints, "");
	assert_true(config_has_program("nc"));
	assert_true(config_has_program("nginx"));
	assert_false(config_has_program("ngin"));
	assert_false(config_has_program("nginx2"));
	assert_false(config_has_program("nc,nginx"));
	assert_false(config_has_program(""));
}

/* Checks that other programs get no complaint either, and no policy. */
static void test_other_programs(void **state)
{
	static const char *const variables[] = {
		"TCPSHIM_KEEPALIVE=on",      "TCPSHIM_KEEPALIVE=nonsense",
		"TCPSHIM_USER_TIMEOUT=auto", "TCPSHIM_CLOSE_ON_EOF=fin",
		"TCPSHIM_FORCE=on",          "TCPSHIM_MATCH=port=80",
		"TCPSHIM_REHEARSE=outage",   "TCPSHIM_REHEARSE=nonsense",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		read_environment(variables[i], "TCPSHIM_PROGRAMS=nginx");
		assert_string_equal(complaints, "");
		assert_false(config.is_any_shown);
		assert_false(policy_is_any(&config.policy) || config.policy.is_forced);
		assert_int_equal(config.match.count, 0);
		assert_false(config.rehearsal.is_on);
	}
}

static void test_output(void **state)
{
	static char directory[PATH_MAX], wanted[PATH_MAX + 16];
	char variable[64];
	int fd = dup(0);

	(void)state;
	assert_non_null(getcwd(directory, sizeof(directory)));
	read_environment("TCPSHIM_OUTPUT=/tmp/trace.%n.%p", NULL);
	assert_string_equal(complaints, "");
	assert_int_equal(config.output, CONFIG_OUTPUT_PATH);
	assert_string_equal(config.output_path, "/tmp/trace.nc.%p");

	read_environment("TCPSHIM_OUTPUT=trace", NULL);
	strcat(strcpy(wanted, directory), "/trace");
	assert_string_equal(config.output_path, wanted);
	assert_int_equal(chdir("/"), 0);
	read_environment("TCPSHIM_OUTPUT=trace%", NULL);
	assert_string_equal(config.output_path, "/trace%");
	assert_int_equal(chdir(directory), 0);

	read_environment("TCPSHIM_OUTPUT=stderr", NULL);
	assert_int_equal(config.output, CONFIG_OUTPUT_STDERR);

	strcpy(variable, "TCPSHIM_OUTPUT=fd:");
	variable[strlen(variable) + 1] = '\0';
	assert_in_range(fd, 0, 9);
	variable[strlen(variable)] = (char)('0' + fd);
	read_environment(variable, NULL);
	assert_string_equal(complaints, "");
	assert_int_equal(config.output, CONFIG_OUTPUT_FD);
	assert_int_equal(config.output_fd, fd);
	close(fd);
	read_environment(variable, NULL);
	assert_string_not_equal(complaints, "");
	assert_int_equal(config.output, CONFIG_OUTPUT_STDERR);
}

static void test_bad_outputs(void **state)
{
	static char too_long[PATH_MAX + 64] = "TCPSHIM_OUTPUT=/";
	static const char *const variables[] = {
		"TCPSHIM_OUTPUT=fd:",    "TCPSHIM_OUTPUT=fd:x",          "TCPSHIM_OUTPUT=fd:-1",
		"TCPSHIM_OUTPUT=fd:999", "TCPSHIM_OUTPUT=fd:4294967297", too_long,
	};

	(void)state;
	memset(too_long + strlen(too_long), 'x', PATH_MAX);
	for (size_t i = 0; i < COUNT(variables); i++) {
		read_environment(variables[i], NULL);
		assert_string_not_equal(complaints, "");
		assert_int_equal(config.output, CONFIG_OUTPUT_STDERR);
		assert_string_equal(config.output_path, "");
	}
}

static void test_style(void **state)
{
	static const struct {
		const char *variable;
		unsigned stamps;
		uint64_t data_bytes;
		uint8_t least_severity;
		bool has_sleeping, is_bad;
	} rows[] = {
		{"TCPSHIM_TIME=none", 0, 12, SEVERITY_INFO, true, false},
		{"TCPSHIM_TIME=utc", TRUSS_UTC, 12, SEVERITY_INFO, true, false},
		{"TCPSHIM_TIME=elapsed,delta,base", TRUSS_BASE | TRUSS_DELTA | TRUSS_ELAPSED, 12,
		 SEVERITY_INFO, true, false},
		{"TCPSHIM_TIME=base,later", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
		{"TCPSHIM_DATA=0", TRUSS_BASE, 0, SEVERITY_INFO, true, false},
		{"TCPSHIM_DATA=64", TRUSS_BASE, 64, SEVERITY_INFO, true, false},
		{"TCPSHIM_DATA=18446744073709551615", TRUSS_BASE, UINT64_MAX, SEVERITY_INFO, true,
		 false},
		{"TCPSHIM_DATA=all", TRUSS_BASE, UINT64_MAX, SEVERITY_INFO, true, false},
		{"TCPSHIM_DATA=18446744073709551616", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
		{"TCPSHIM_DATA=-1", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
		{"TCPSHIM_DATA=64k", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
		{"TCPSHIM_NOTES=on", TRUSS_BASE, 12, SEVERITY_INFO, true, false},
		{"TCPSHIM_NOTES=info", TRUSS_BASE, 12, SEVERITY_INFO, true, false},
		{"TCPSHIM_NOTES=warn", TRUSS_BASE, 12, SEVERITY_WARN, true, false},
		{"TCPSHIM_NOTES=error", TRUSS_BASE, 12, SEVERITY_ERROR, true, false},
		{"TCPSHIM_NOTES=off", TRUSS_BASE, 12, SEVERITY_NONE, true, false},
		{"TCPSHIM_NOTES=yes", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
		{"TCPSHIM_SLEEPING=on", TRUSS_BASE, 12, SEVERITY_INFO, true, false},
		{"TCPSHIM_SLEEPING=off", TRUSS_BASE, 12, SEVERITY_INFO, false, false},
		{"TCPSHIM_SLEEPING=0", TRUSS_BASE, 12, SEVERITY_INFO, true, true},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].variable, NULL);
		if (config.style.stamps != rows[i].stamps ||
		    config.style.data_bytes != rows[i].data_bytes ||
		    config.style.least_severity != rows[i].least_severity ||
		    config.has_sleeping != rows[i].has_sleeping ||
		    (complaints[0] != '\0') != rows[i].is_bad) {
			print_error("%s: stamps %u, data %llu, severity %u, sleeping %d, \"%s\"\n",
				    rows[i].variable, config.style.stamps,
				    (unsigned long long)config.style.data_bytes,
				    config.style.least_severity, config.has_sleeping, complaints);
			is_right = false;
		}
	}
	assert_true(is_right);
}

/* A complaint is one line: which variable, its value, what it takes, and an example. */
static void test_complaints(void **state)
{
	static const struct {
		const char *variable, *complaint;
	} rows[] = {
		{"TCPSHIM_TRACE=raed",
		 "tcpshim: TCPSHIM_TRACE=\"raed\" is not valid: use " WANTS_CALLS
		 ", for example TCPSHIM_TRACE=%connect,read,write. It is ignored.\n"},
		{"TCPSHIM_FDS=none",
		 "tcpshim: TCPSHIM_FDS=\"none\" is not valid: use tcp, tcp,stdio, sockets "
		 "or all, for example TCPSHIM_FDS=tcp,stdio. It is ignored.\n"},
		{"TCPSHIM_OUTPUT=fd:x",
		 "tcpshim: TCPSHIM_OUTPUT=\"fd:x\" is not valid: use stderr, a path (%p "
		 "is the process ID, %n the program's name) or fd:N with an open "
		 "descriptor, for example TCPSHIM_OUTPUT=/tmp/trace.%p. It is ignored.\n"},
		{"TCPSHIM_TIME=b\x1b[31mse",
		 "tcpshim: TCPSHIM_TIME=\"b?[31mse\" is not valid: use a list of base, "
		 "delta, elapsed and utc, or none, for example TCPSHIM_TIME=base,elapsed. "
		 "It is ignored.\n"},
		{"TCPSHIM_DATA=some",
		 "tcpshim: TCPSHIM_DATA=\"some\" is not valid: use a number of bytes from "
		 "0 on, or all, for example TCPSHIM_DATA=64. It is ignored.\n"},
		{"TCPSHIM_NOTES=loud",
		 "tcpshim: TCPSHIM_NOTES=\"loud\" is not valid: use on, off, info, warn "
		 "or error, for example TCPSHIM_NOTES=warn. It is ignored.\n"},
		{"TCPSHIM_SLEEPING=no",
		 "tcpshim: TCPSHIM_SLEEPING=\"no\" is not valid: use on or off, for "
		 "example TCPSHIM_SLEEPING=off. It is ignored.\n"},
		{"TCPSHIM_MATCH=port 80",
		 "tcpshim: TCPSHIM_MATCH=\"port 80\" is not valid: use conditions port=, "
		 "lport= or rport= (1 to 65535), peer= or local= (an address or "
		 "ADDRESS/PREFIX) and role= (client or server), each with ! before it for "
		 "its opposite, joined by , (and) or ; (or), for example "
		 "TCPSHIM_MATCH=port=8080,peer=10.0.0.0/8. It is ignored.\n"},
		{"TCPSHIM_KEEPALIVE=yes",
		 "tcpshim: TCPSHIM_KEEPALIVE=\"yes\" is not valid: use off, on, or "
		 "IDLE[,INTERVAL[,COUNT]] with times from 1s to 32767s in whole seconds "
		 "and a count from 1 to 127, optionally followed by jitter= up to 90%, "
		 "for example TCPSHIM_KEEPALIVE=30s,10s,3. It is ignored.\n"},
		{"TCPSHIM_USER_TIMEOUT=on",
		 "tcpshim: TCPSHIM_USER_TIMEOUT=\"on\" is not valid: use off, a duration "
		 "from 1ms to 2147483647ms (ms, s, m or h; a bare number is seconds) or "
		 "auto (IDLE + INTERVAL x COUNT), for example TCPSHIM_USER_TIMEOUT=60s. "
		 "It is ignored.\n"},
		{"TCPSHIM_CLOSE_ON_EOF=on",
		 "tcpshim: TCPSHIM_CLOSE_ON_EOF=\"on\" is not valid: use off, fin or rst, "
		 "for example TCPSHIM_CLOSE_ON_EOF=fin. It is ignored.\n"},
		{"TCPSHIM_FORCE=yes",
		 "tcpshim: TCPSHIM_FORCE=\"yes\" is not valid: use on or off, for example "
		 "TCPSHIM_FORCE=on. It is ignored.\n"},
		{"TCPSHIM_REHEARSE=poweroff",
		 "tcpshim: TCPSHIM_REHEARSE=\"poweroff\" is not valid: use " WANTS_A_REHEARSAL
		 ", for example TCPSHIM_REHEARSE=power-off,at=write:3. It is ignored.\n"},
		{"TCPSHIM_REHERSE=outage",
		 "tcpshim: there is no variable TCPSHIM_REHERSE (did you mean TCPSHIM_REHEARSE?). "
		 "It is ignored.\n"},
		{"TCPSHIM_REHEARSAL=outage",
		 "tcpshim: there is no variable TCPSHIM_REHEARSAL (did you mean "
		 "TCPSHIM_REHEARSE?). It is ignored.\n"},
		{"TCPSHIM_TARCE=all", "tcpshim: there is no variable TCPSHIM_TARCE (did you mean "
				      "TCPSHIM_TRACE?). It is ignored.\n"},
		{"TCPSHIM_FD=all",
		 "tcpshim: there is no variable TCPSHIM_FD (did you mean TCPSHIM_FDS?). "
		 "It is ignored.\n"},
		{"TCPSHIM_PROGRAM=nc",
		 "tcpshim: there is no variable TCPSHIM_PROGRAM (did you mean "
		 "TCPSHIM_PROGRAMS?). It is ignored.\n"},
		{"TCPSHIM_OUTPT=x", "tcpshim: there is no variable TCPSHIM_OUTPT (did you mean "
				    "TCPSHIM_OUTPUT?). It is ignored.\n"},
		{"TCPSHIM_TIMES=x", "tcpshim: there is no variable TCPSHIM_TIMES (did you mean "
				    "TCPSHIM_TIME?). It is ignored.\n"},
		{"TCPSHIM_DTAA=x", "tcpshim: there is no variable TCPSHIM_DTAA (did you mean "
				   "TCPSHIM_DATA?). It is ignored.\n"},
		{"TCPSHIM_NOTE=x", "tcpshim: there is no variable TCPSHIM_NOTE (did you mean "
				   "TCPSHIM_NOTES?). It is ignored.\n"},
		{"TCPSHIM_SLEEP=x", "tcpshim: there is no variable TCPSHIM_SLEEP (did you mean "
				    "TCPSHIM_SLEEPING?). It is ignored.\n"},
		{"TCPSHIM_NOT\x1bS=x", "tcpshim: there is no variable TCPSHIM_NOT?S (did you mean "
				       "TCPSHIM_NOTES?). It is ignored.\n"},
		{"TCPSHIM_KEEPALIV=x",
		 "tcpshim: there is no variable TCPSHIM_KEEPALIV (did you mean "
		 "TCPSHIM_KEEPALIVE?). It is ignored.\n"},
		{"TCPSHIM_KEEP_ALIVE=x",
		 "tcpshim: there is no variable TCPSHIM_KEEP_ALIVE (did you mean "
		 "TCPSHIM_KEEPALIVE?). It is ignored.\n"},
		{"TCPSHIM_KEEPIDLE=x",
		 "tcpshim: there is no variable TCPSHIM_KEEPIDLE (did you mean "
		 "TCPSHIM_KEEPALIVE?). It is ignored.\n"},
		{"TCPSHIM_USERTIMEOUT=x",
		 "tcpshim: there is no variable TCPSHIM_USERTIMEOUT (did you mean "
		 "TCPSHIM_USER_TIMEOUT?). It is ignored.\n"},
		{"TCPSHIM_TIMEOUT=x", "tcpshim: there is no variable TCPSHIM_TIMEOUT (did you mean "
				      "TCPSHIM_USER_TIMEOUT?). It is ignored.\n"},
		{"TCPSHIM_CLOSE=x", "tcpshim: there is no variable TCPSHIM_CLOSE (did you mean "
				    "TCPSHIM_CLOSE_ON_EOF?). It is ignored.\n"},
		{"TCPSHIM_CLOSEONEOF=x",
		 "tcpshim: there is no variable TCPSHIM_CLOSEONEOF (did you mean "
		 "TCPSHIM_CLOSE_ON_EOF?). It is ignored.\n"},
		{"TCPSHIM_FORCED=x", "tcpshim: there is no variable TCPSHIM_FORCED (did you mean "
				     "TCPSHIM_FORCE?). It is ignored.\n"},
		{"TCPSHIM_MACTH=x", "tcpshim: there is no variable TCPSHIM_MACTH (did you mean "
				    "TCPSHIM_MATCH?). It is ignored.\n"},
		{"TCPSHIM_MATCHES=x", "tcpshim: there is no variable TCPSHIM_MATCHES (did you mean "
				      "TCPSHIM_MATCH?). It is ignored.\n"},
		{"TCPSHIM_TRACE", ""},
		{"TCPSHIMTRACE=x", ""},
		{"XTCPSHIM_TRACE=x", ""},
		{"tcpshim_trace=x", ""},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].variable, NULL);
		is_right &= unit_is_text(rows[i].variable, complaints, rows[i].complaint);
	}
	assert_true(is_right);
}

/* A complaint of any length is one line of a bounded size, with a proper end. */
static void test_long_values(void **state)
{
	static char value[8192] = "TCPSHIM_DATA=", name[8192] = "TCPSHIM_";
	static const char *const prefixes[] = {
		"TCPSHIM_MATCH=port=",   "TCPSHIM_KEEPALIVE=", "TCPSHIM_USER_TIMEOUT=",
		"TCPSHIM_CLOSE_ON_EOF=", "TCPSHIM_FORCE=",     "TCPSHIM_TRACE=",
		"TCPSHIM_FDS=",          "TCPSHIM_REHEARSE=",
	};

	(void)state;
	memset(value + strlen(value), 'x', 6000);
	read_environment(value, NULL);
	assert_true(strlen(complaints) < LONGEST_LINE);
	assert_non_null(strstr(complaints, ". It is ignored.\n"));
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		strcpy(value, prefixes[i]);
		memset(value + strlen(value), '1', 6000);
		value[strlen(prefixes[i]) + 6000] = '\0';
		read_environment(value, NULL);
		assert_true(strlen(complaints) < LONGEST_LINE);
		assert_non_null(strstr(complaints, ", for example TCPSHIM_"));
		assert_non_null(strstr(complaints, ". It is ignored.\n"));
	}
	memset(name + strlen(name), 'X', 6000);
	strcat(name, "=1");
	read_environment(name, NULL);
	assert_true(strlen(complaints) < LONGEST_LINE);
	assert_non_null(strstr(complaints, "?). It is ignored.\n"));
}

/* A bad variable affects its own setting only. */
static void test_bad_beside_good(void **state)
{
	(void)state;
	read_environment("TCPSHIM_FDS=stdio,nonsense", "TCPSHIM_DATA=5");
	assert_false(config.has_standard_fds);
	assert_int_equal(config.style.data_bytes, 5);
	read_environment("TCPSHIM_DATA=5", "TCPSHIM_TRACE=read,nonsense");
	assert_int_equal(config.style.data_bytes, 5);
	assert_true(config.is_shown[CALL_write]);
	read_environment("TCPSHIM_KEEPALIVE=45s", "TCPSHIM_USER_TIMEOUT=nonsense");
	assert_true(config.policy.has_keepalive);
	assert_int_equal(config.policy.idle_s, 45);
	assert_false(config.policy.has_user_timeout);
	read_environment("TCPSHIM_MATCH=port=80", "TCPSHIM_FORCE=nonsense");
	assert_int_equal(config.match.count, 1);
	assert_false(config.policy.is_forced);
	/* Of two with one name, the last valid one counts. */
	read_environment("TCPSHIM_KEEPALIVE=45s", "TCPSHIM_KEEPALIVE=off,jitter=10%");
	assert_true(config.policy.has_keepalive);
	assert_int_equal(config.policy.idle_s, 45);
	read_environment("TCPSHIM_FORCE=on", "TCPSHIM_FORCE=yes");
	assert_true(config.policy.is_forced);
	read_environment("TCPSHIM_MATCH=port=80;port=81", "TCPSHIM_MATCH=port=82,port=0");
	assert_int_equal(config.match.count, 2);
	assert_int_equal(config.match.conditions[1].port, 81);
}

/* --- Rehearsals. What each value means is in test_rehearsal. --- */

#define NOTHING_WOULD_SHOW                                                                      \
	"tcpshim: TCPSHIM_REHEARSE is ignored, because TCPSHIM_TRACE=none leaves nothing that " \
	"would show what was rehearsed: leave it out.\n"

static void test_rehearsals(void **state)
{
	static const struct {
		const char *first, *second, *complaint;
		bool is_on;
	} rows[] = {
		{"TCPSHIM_REHEARSE=outage", NULL, "", true},
		{"TCPSHIM_REHEARSE=off", NULL, "", false},
		{"TCPSHIM_REHEARSE=outage", "TCPSHIM_REHEARSE=off", "", false},
		{"TCPSHIM_REHEARSE=outage", "TCPSHIM_TRACE=read", "", true},
		{"TCPSHIM_REHEARSE=outage", "TCPSHIM_TRACE=none", NOTHING_WOULD_SHOW, false},
		{"TCPSHIM_TRACE=none", "TCPSHIM_REHEARSE=outage", NOTHING_WOULD_SHOW, false},
		{"TCPSHIM_TRACE=read,!read", "TCPSHIM_REHEARSE=outage", NOTHING_WOULD_SHOW, false},
		{"TCPSHIM_TRACE=none", "TCPSHIM_REHEARSE=off", "", false},
		{"TCPSHIM_REHEARSE=outage", "TCPSHIM_KEEPALIVE=on", "", true},
	};
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		read_environment(rows[i].first, rows[i].second);
		is_right &= unit_is_text(rows[i].first, complaints, rows[i].complaint);
		if (config.rehearsal.is_on != rows[i].is_on ||
		    config.errors != (rows[i].complaint[0] != '\0') ||
		    config.is_shown[CALL_rehearse] != config.is_any_shown) {
			print_error("%s and %s: on %d, errors %u, shown %d\n", rows[i].first,
				    rows[i].second, config.rehearsal.is_on, config.errors,
				    config.is_shown[CALL_rehearse]);
			is_right = false;
		}
	}
	assert_true(is_right);
	/* Of two, the last valid one counts. */
	read_environment("TCPSHIM_REHEARSE=slow,rate=1K", "TCPSHIM_REHEARSE=slow,rate=0");
	assert_true(config.rehearsal.is_on);
	assert_int_equal(config.rehearsal.rate, 1024);
	/* The line of what was rehearsed is in every trace, and it may not be asked for. */
	read_environment("TCPSHIM_REHEARSE=outage", "TCPSHIM_TRACE=rehearse");
	assert_string_not_equal(complaints, "");
}

/* The calls that a program waits in are recorded if something is rehearsed: the verdict needs them.
 */
static void test_sleeping_of_rehearsals(void **state)
{
	(void)state;
	read_environment("TCPSHIM_RECORD=/tmp", NULL);
	assert_false(config.has_sleeping);
	read_environment("TCPSHIM_RECORD=/tmp", "TCPSHIM_REHEARSE=outage");
	assert_true(config.has_sleeping);
	read_environment("TCPSHIM_RECORD=/tmp", "TCPSHIM_REHEARSE=off");
	assert_false(config.has_sleeping);
	read_environment("TCPSHIM_SLEEPING=off", "TCPSHIM_REHEARSE=outage");
	assert_false(config.has_sleeping);
}

/* --- Policies and TCPSHIM_MATCH. What each value means is in test_policy and test_match. --- */

static void test_policies(void **state)
{
	(void)state;
	read_environment("TCPSHIM_KEEPALIVE=45s,7s,5,jitter=20%", NULL);
	assert_string_equal(complaints, "");
	assert_true(config.policy.has_keepalive);
	assert_int_equal(config.policy.idle_s, 45);
	assert_int_equal(config.policy.interval_s, 7);
	assert_int_equal(config.policy.count, 5);
	assert_int_equal(config.policy.jitter_percent, 20);

	read_environment("TCPSHIM_USER_TIMEOUT=1500ms", "TCPSHIM_FORCE=on");
	assert_string_equal(complaints, "");
	assert_int_equal(config.policy.user_timeout_ms, 1500);
	assert_true(config.policy.has_user_timeout && config.policy.is_forced);
	assert_false(config.policy.is_user_timeout_auto);

	read_environment("TCPSHIM_CLOSE_ON_EOF=rst", "TCPSHIM_MATCH=port=80,role=client;!peer=::1");
	assert_string_equal(complaints, "");
	assert_int_equal(config.policy.on_eof, POLICY_EOF_RST);
	assert_int_equal(config.match.count, 3);
	assert_true(config.is_any_shown);

	/* They can come in either order, since they are settled when all are read. */
	read_environment("TCPSHIM_USER_TIMEOUT=auto", "TCPSHIM_KEEPALIVE=on");
	assert_string_equal(complaints, "");
	assert_true(config.policy.is_user_timeout_auto);
	read_environment("TCPSHIM_FORCE=on", "TCPSHIM_KEEPALIVE=on");
	assert_string_equal(complaints, "");
	read_environment("TCPSHIM_USER_TIMEOUT=auto", "TCPSHIM_CLOSE_ON_EOF=fin");
	assert_non_null(strstr(complaints, "which is off"));
	assert_false(config.policy.has_user_timeout);
	assert_int_equal(config.policy.on_eof, POLICY_EOF_FIN);
	read_environment("TCPSHIM_USER_TIMEOUT=90s", "TCPSHIM_KEEPALIVE=on");
	assert_non_null(strstr(complaints, "does not match"));
	assert_true(config.policy.has_user_timeout && config.policy.has_keepalive);

	/* They apply even if nothing is shown. */
	read_environment("TCPSHIM_TRACE=none", "TCPSHIM_KEEPALIVE=on");
	assert_string_equal(complaints, "");
	assert_true(policy_is_any(&config.policy));
}

/* Returns whether all that these variables set in config is as it is without any of them. */
static bool is_untouched(void)
{
	static const struct policy no_policy;
	static const struct match no_match;
	static const struct rehearsal no_rehearsal;

	return memcmp(&config.policy, &no_policy, sizeof(no_policy)) == 0 &&
	       memcmp(&config.match, &no_match, sizeof(no_match)) == 0 &&
	       memcmp(&config.rehearsal, &no_rehearsal, sizeof(no_rehearsal)) == 0;
}

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Returns whether line refuses a value of this variable; line is without its newline. */
static bool is_refusal(const char *line, const char *name)
{
	static const char end[] = ". It is ignored.";
	char beginning[64], example[64];
	size_t size = strlen(line);

	strcat(strcat(strcpy(beginning, "tcpshim: "), name), "=\"");
	strcat(strcat(strcpy(example, ", for example "), name), "=");
	return begins_with(line, beginning) && strstr(line, "\" is not valid: use ") &&
	       strstr(line, example) && size > strlen(end) &&
	       strcmp(line + size - strlen(end), end) == 0;
}

static void test_malformed(void **state)
{
	static const struct {
		const char *name, *values[64];
	} rows[] = {
		{"TCPSHIM_MATCH",
		 {"80",
		  "port",
		  "port=",
		  "port=0",
		  "port=65536",
		  "port=-1",
		  "port=http",
		  "port=80,",
		  ",port=80",
		  "port=80;",
		  ";",
		  ",",
		  "port=80,,port=81",
		  "port=80 ",
		  " port=80",
		  "port = 80",
		  "port==80",
		  "!",
		  "!!port=80",
		  "port=!80",
		  "Port=80",
		  "sport=80",
		  "dport=80",
		  "host=10.0.0.1",
		  "peer=",
		  "peer=localhost",
		  "peer=10.0.0",
		  "peer=10.0.0.256",
		  "peer=10.0.0.0/33",
		  "peer=10.0.0.0/",
		  "peer=10.0.0.0/-8",
		  "peer=10.0.0.0/255.0.0.0",
		  "peer=::/129",
		  "peer=[::1]",
		  "peer=::1%lo",
		  "peer=10.0.0.1:80",
		  "local=*",
		  "role=",
		  "role=listener",
		  "role=Client",
		  "port=80&port=81",
		  "port=80|port=81",
		  "port=80 and port=81",
		  "(port=80)",
		  "port=18446744073709551697",
		  "port=80\x1b[2J",
		  "port=80\n",
		  "\xff\xfe"}},
		{"TCPSHIM_KEEPALIVE",
		 {"yes",
		  "On",
		  "1.5s",
		  "0",
		  "0s",
		  "500ms",
		  "1500ms",
		  "32768",
		  "10h",
		  "-30",
		  "+30",
		  "30 s",
		  "30s,",
		  ",10s",
		  "30s,,3",
		  "30s,0",
		  "30s,32768",
		  "30s,10s,0",
		  "30s,10s,128",
		  "30s,10s,3s",
		  "30s,10s,3,1",
		  "on,10s",
		  "off,10s",
		  "off,jitter=10%",
		  "jitter=10%",
		  "30s,jitter",
		  "30s,jitter=",
		  "30s,jitter=%",
		  "30s,jitter=10",
		  "30s,jitter=91%",
		  "30s,jitter=-5%",
		  "30s,jitter=10%,3",
		  "30s,jitter=10%,jitter=10%",
		  "30s,idle=10%",
		  "30s;10s;3",
		  "30s/10s/3",
		  "18446744073709551646",
		  "18446744073709551646ms",
		  "30s\t",
		  "30s\x7f"}},
		{"TCPSHIM_USER_TIMEOUT",
		 {"on",
		  "Auto",
		  "AUTO",
		  "0",
		  "0ms",
		  "-1",
		  "+1",
		  "1.5.s",
		  "60 s",
		  " 60s",
		  "60s ",
		  "60S",
		  "60sec",
		  "60s,",
		  "2147483648ms",
		  "2147484",
		  "597h",
		  "4294967296ms",
		  "4294967297ms",
		  "18446744073709551617ms",
		  "99999999999999999999",
		  "auto,60s",
		  "60s,auto",
		  "auto=60s",
		  "ms",
		  "%",
		  "60s\x1b"}},
		{"TCPSHIM_CLOSE_ON_EOF",
		 {"on", "yes", "1", "FIN", "Fin", "fin ", " fin", "fin,rst", "finn", "fi", "reset",
		  "RST", "close", "fin\n", "off,"}},
		{"TCPSHIM_FORCE",
		 {"yes", "no", "1", "0", "true", "On", "ON", "on ", " on", "onn", "o", "on,off",
		  "force", "on\r", "!on"}},
	};
	static char variable[128];
	unsigned count = 0;
	bool is_right = true;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (const char *const *value = rows[i].values; *value; value++) {
			char *newline;

			count++;
			strcat(strcat(strcpy(variable, rows[i].name), "="), *value);
			read_environment(variable, NULL);
			newline = strchr(complaints, '\n');
			if (newline && newline[1] == '\0') {
				*newline = '\0';
				if (is_refusal(complaints, rows[i].name) && is_untouched())
					continue;
			}
			print_error("%s: \"%s\"%s\n", variable, complaints,
				    is_untouched() ? "" : ", and something is set");
			is_right = false;
		}
	}
	assert_true(is_right);
	assert_in_range(count, 100, 1000);
}

/* --- Values made at random from good ones, the same in every run. --- */

enum { MOST_SIZE = 4096, LONGEST_RUN = 4000, FUZZ_ROUNDS = 200000, MOST_LINES = 8 };

static uint64_t random_state;

static uint32_t below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % limit);
}

struct family {
	const char *name, *alphabet;
	const char *seeds[16];
	const char *words[4]; /* used where nothing else is valid */
};

#define COMMON "0123456789,;=!%/.: +-\t\n\x01\x1b\x7f\x80\xff"

static const struct family families[] = {
	{"TCPSHIM_MATCH",
	 COMMON "portlpeeraddrolecalientsvfFx",
	 {"port=8080", "port=8080,peer=10.0.0.0/8", "!rport=22;lport=80,role=server",
	  "peer=2001:db8::/32", "local=::ffff:10.0.0.0/104", "!role=client", "peer=::/0",
	  "peer=10.1.2.3;peer=10.1.2.4;peer=10.1.2.5", "port=65535,!port=1", "peer=0.0.0.0/0",
	  "local=fe80::1/128,rport=443"},
	 {0}},
	{"TCPSHIM_KEEPALIVE",
	 COMMON "onfsmhjiter",
	 {"on", "off", "30s,10s,3", "30", "1m,5s", "32767s,32767s,127", "1,1,1", "60s,jitter=10%",
	  "on,jitter=90%", "5000ms,2s,9,jitter=1%", "9h,1h,127"},
	 {0}},
	{"TCPSHIM_USER_TIMEOUT",
	 COMMON "autofmsh",
	 {"off", "60s", "1ms", "2147483647ms", "5m", "1h", "30", "2147483s", "596h"},
	 {0}},
	{"TCPSHIM_CLOSE_ON_EOF", COMMON "offinrst", {"off", "fin", "rst"}, {"off", "fin", "rst"}},
	{"TCPSHIM_FORCE", COMMON "onf", {"on", "off"}, {"on", "off"}},
	{"TCPSHIM_REHEARSE",
	 COMMON "powerfcyclutahnsdibmvyg5K",
	 {"off", "power-off", "power-cycle,after=5s", "outage,for=20s,idle=1.5s",
	  "peer-closes,at=read:2", "half-open,at=write:3,every=10", "unreachable,after=1m,by=md5",
	  "refused,at=connect:2,for=1h", "slow,rate=16K,share=10%,seed=42",
	  "power-off,at=accept:10,by=deaf", "slow,rate=4294967294"},
	 {0}},
};

/* Makes room for added bytes at place, or removes as many if added is negative. */
static size_t move_tail(char *value, size_t size, size_t place, long added)
{
	if (added < 0)
		memmove(value + place, value + place - added, size - place + (size_t)added);
	else
		memmove(value + place + added, value + place, size - place);
	return size + (size_t)added;
}

/* Returns the size of a random piece of the rest: up to most bytes, and at least one if there is
 * one. */
static size_t random_piece(size_t left, uint32_t most)
{
	return left == 0 ? 0 : 1 + below(left < most ? (uint32_t)left : most);
}

static size_t mutate_once(char *value, size_t size, const char *alphabet)
{
	static const char kinds[] = "iiiiiiiddddddrrrrrrrtt";
	size_t place = below((uint32_t)size + 1), left = size - place, piece;
	char random = alphabet[below((uint32_t)strlen(alphabet))];
	char kind = below(64) == 0 ? 'l' : kinds[below(sizeof(kinds) - 1)];

	switch (kind) {
	case 'i': /* one more, */
	case 'l': /* or a long run of them */
		piece = kind == 'i' ? 1 : 1 + below(LONGEST_RUN);
		if (size + piece >= MOST_SIZE)
			return size;
		size = move_tail(value, size, place, (long)piece);
		memset(value + place, random, piece);
		return size;
	case 'd': /* fewer */
		return move_tail(value, size, place, -(long)random_piece(left, 4));
	case 'r': /* another character */
		if (left > 0)
			value[place] = random;
		return size;
	default: /* a piece twice */
		piece = random_piece(left, MOST_SIZE);
		if (size + piece >= MOST_SIZE)
			return size;
		size = move_tail(value, size, place, (long)piece);
		memmove(value + place, value + place + piece, piece);
		return size;
	}
}

/* Writes NAME=VALUE as in the environment; returns the value. */
static char *make_variable(const struct family *family, char *text)
{
	char *value = strcat(strcpy(text, family->name), "=") + strlen(family->name) + 1;
	unsigned seeds = 0, mutations = below(5);
	size_t size;

	while (family->seeds[seeds])
		seeds++;
	size = strlen(strcpy(value, family->seeds[below(seeds)]));
	for (unsigned i = 0; i < mutations; i++)
		size = mutate_once(value, size, family->alphabet);
	value[size] = '\0';
	return value;
}

static char lines[MOST_LINES][1024];
static unsigned line_count;

static void collect(const char *line, size_t size)
{
	assert_in_range(line_count, 0, MOST_LINES - 1);
	assert_in_range(size, 1, LONGEST_LINE - 1);
	for (size_t i = 0; i < size; i++)
		assert_true((uint8_t)line[i] >= ' ' && line[i] != 0x7f);
	assert_true(line[size - 1] == '.');
	memcpy(lines[line_count], line, size);
	lines[line_count++][size] = '\0';
}

static unsigned count_refusals(const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < line_count; i++)
		count += is_refusal(lines[i], name);
	return count;
}

/* Returns whether what was read of a rehearsal can be done. */
static bool is_sensible(const struct rehearsal *rehearsal)
{
	if (!rehearsal->is_on)
		return rehearsal->rate == 0 && rehearsal->length_ns == 0;
	return rehearsal->scenario < SCENARIO_COUNT && rehearsal->trigger <= REHEARSAL_IDLE &&
	       rehearsal->means <= REHEARSAL_BY_DEAF && rehearsal->number <= 1000000 &&
	       rehearsal->every <= 1000000 && rehearsal->share <= 100 &&
	       rehearsal->has_choice == (rehearsal->every != 0 || rehearsal->share != 0) &&
	       (rehearsal->every == 0 || rehearsal->share == 0) && rehearsal->rate >= 1 &&
	       rehearsal->rate < UINT32_MAX &&
	       (rehearsal->scenario != SCENARIO_outage || rehearsal->length_ns != 0);
}

/* Returns whether the kernel accepts all that is set. */
static bool is_within_limits(void)
{
	const struct policy *policy = &config.policy;
	bool is_right = policy->on_eof <= POLICY_EOF_RST && config.match.count <= MATCH_CONDITIONS;
	struct policy_values values;

	if (policy->has_keepalive)
		is_right &= policy->idle_s >= 1 && policy->idle_s <= 32767 &&
			    policy->interval_s >= 1 && policy->interval_s <= 32767 &&
			    policy->count >= 1 && policy->count <= 127 &&
			    policy->jitter_percent <= 90;
	if (policy->has_user_timeout && !policy->is_user_timeout_auto)
		is_right &= policy->user_timeout_ms >= 1 && policy->user_timeout_ms <= INT32_MAX;
	if (policy->is_user_timeout_auto)
		is_right &= policy->has_user_timeout && policy->has_keepalive;
	is_right &= is_sensible(&config.rehearsal);
	policy_decide_values(policy, random_state, &values);
	for (unsigned option = 0; option < CONN_OPTION_COUNT; option++)
		is_right &= !(values.set >> option & 1) || values.values[option] >= 1;
	for (uint32_t i = 0; i < config.match.count; i++) {
		const struct match_condition *condition = &config.match.conditions[i];

		is_right &= condition->key <= MATCH_ROLE && condition->prefix_bits <= 128 &&
			    (condition->key > MATCH_RPORT || condition->port != 0);
	}
	return is_right;
}

static bool is_word(const char *value, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(value, *words) == 0)
			return true;
	return false;
}

static void test_fuzz(void **state)
{
	static char variable[MOST_SIZE + 64];
	bool is_right = true;

	(void)state;
	for (const struct family *family = families; family < families + COUNT(families);
	     family++) {
		unsigned accepted = 0, refused = 0;

		random_state = UINT64_C(0x9e3779b97f4a7c15);
		for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
			const char *value = make_variable(family, variable);
			char *environment[] = {variable, NULL};
			unsigned refusals;
			bool is_fine;

			line_count = 0;
			config_read(environment, "nc", collect);
			refusals = count_refusals(family->name);
			is_fine = is_within_limits() && line_count <= 2 && refusals <= 1;
			if (refusals != 0)
				is_fine &= line_count == 1 && is_untouched();
			else if (family->words[0])
				is_fine &= *value == '\0' || is_word(value, family->words);
			refused += refusals;
			accepted += refusals == 0;
			if (!is_fine) {
				print_error("%.300s: %u lines, \"%s\"\n", variable, line_count,
					    line_count > 0 ? lines[0] : "");
				is_right = false;
			}
		}
		/* Both happen often enough for the test to mean something. */
		assert_in_range(accepted, FUZZ_ROUNDS / 20, FUZZ_ROUNDS);
		assert_in_range(refused, FUZZ_ROUNDS / 20, FUZZ_ROUNDS);
	}
	assert_true(is_right);
}

/* Sets all at once: each is refused or not by itself, and the rest is settled. */
static void test_fuzz_together(void **state)
{
	static char variables[COUNT(families)][MOST_SIZE + 64];
	bool is_right = true;

	(void)state;
	random_state = UINT64_C(0x2545f4914f6cdd1d);
	for (unsigned round = 0; round < FUZZ_ROUNDS / 4; round++) {
		char *environment[COUNT(families) + 1] = {0};
		unsigned refusals = 0, others = 0;

		for (size_t i = 0; i < COUNT(families); i++) {
			make_variable(&families[i], variables[i]);
			environment[i] = variables[i];
		}
		line_count = 0;
		config_read(environment, "nc", collect);
		for (size_t i = 0; i < COUNT(families); i++) {
			unsigned count = count_refusals(families[i].name);

			refusals += count;
			is_right &= count <= 1;
		}
		others = line_count - refusals;
		if (others > 3 || !is_within_limits()) {
			print_error("round %u: %u lines, \"%s\"\n", round, line_count,
				    line_count > 0 ? lines[line_count - 1] : "");
			is_right = false;
		}
	}
	assert_true(is_right);
}

static void test_recording(void **state)
{
	(void)state;
	read_environment("TCPSHIM_RECORD=/tmp", NULL);
	assert_string_equal(config.record_path, "/tmp/nc.%t.%p.tcpshim");
	assert_true(config.has_record);
	assert_false(config.has_text);
	assert_false(config.has_lines);
	assert_false(config.has_sleeping);
	assert_int_equal(config.record_bytes, 256 << 20);
	assert_false(config.record_wraps);
	read_environment("TCPSHIM_RECORD=/tmp/", "TCPSHIM_OUTPUT=stderr");
	assert_string_equal(config.record_path, "/tmp/nc.%t.%p.tcpshim");
	assert_true(config.has_lines);
	read_environment("TCPSHIM_RECORD=/x/%n-%p", "TCPSHIM_SUMMARY=only");
	assert_string_equal(config.record_path, "/x/nc-%p");
	assert_true(config.has_text);
	assert_false(config.has_lines);
	read_environment("TCPSHIM_RECORD=none", NULL);
	assert_false(config.has_record);
	assert_true(config.has_lines);
	read_environment("TCPSHIM_RECORD=/nonexistent/x", NULL);
	assert_int_equal(config.errors, 1);
	assert_false(config.has_record);
	read_environment("TCPSHIM_RECORD_SIZE=1G", "TCPSHIM_RECORD_FULL=wrap");
	assert_int_equal(config.record_bytes, 1 << 30);
	assert_true(config.record_wraps);
	read_environment("TCPSHIM_RECORD_SIZE=255K", "TCPSHIM_RECORD_FULL=wrop");
	assert_int_equal(config.errors, 2);
	assert_int_equal(config.record_bytes, 256 << 20);
}

static void test_stacks(void **state)
{
	(void)state;
	read_environment("TCPSHIM_STACK=connect,%data,errors", NULL);
	assert_true(config.has_any_stack);
	assert_true(config.has_stack[CALL_connect]);
	assert_true(config.has_stack[CALL_read]);
	assert_false(config.has_stack[CALL_close]);
	assert_true(config.has_stack_of_errors);
	assert_int_equal(config.stack_severity, SEVERITY_NONE);
	assert_true(config.is_shown[CALL_close]);
	read_environment("TCPSHIM_STACK=warn", NULL);
	assert_true(config.has_any_stack);
	assert_false(config.has_stack_of_calls);
	assert_int_equal(config.stack_severity, SEVERITY_WARN);
	read_environment("TCPSHIM_STACK=notes,warn,connect", NULL);
	assert_true(config.has_stack_of_calls);
	assert_int_equal(config.stack_severity, SEVERITY_INFO);
	read_environment("TCPSHIM_STACK=none", NULL);
	assert_false(config.has_any_stack);
	assert_int_equal(config.errors, 0);
	read_environment("TCPSHIM_STACK=all", "TCPSHIM_FORMAT=json");
	assert_true(config.has_stack[CALL_close]);
	assert_true(config.format == &format_json);
	read_environment("TCPSHIM_STACK=nots", "TCPSHIM_FORMAT=yaml");
	assert_int_equal(config.errors, 2);
	assert_false(config.has_any_stack);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_empty_values),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_bad_outputs),
		cmocka_unit_test(test_style),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_bad_beside_good),
		cmocka_unit_test(test_fds_of_nothing_shown),
		cmocka_unit_test(test_other_programs),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_fuzz),
		cmocka_unit_test(test_fuzz_together),
		cmocka_unit_test(test_rehearsals),
		cmocka_unit_test(test_sleeping_of_rehearsals),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
