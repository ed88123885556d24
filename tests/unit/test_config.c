#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/config.h"
#include "format/facts.h"

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
	assert_false(config.has_stdio);
	assert_int_equal(config.fds, CONFIG_FDS_TCP);
	assert_int_equal(config.output, CONFIG_OUTPUT_STDERR);
	assert_int_equal(config.style.stamps, TRUSS_BASE);
	assert_int_equal(config.style.data_bytes, 12);
	assert_int_equal(config.style.least_severity, SEVERITY_INFO);
	assert_false(config.style.has_colour);
	assert_true(config_has_program("anything"));
	config_read(NULL, "nc", complain);
	assert_string_equal(complaints, "");
	assert_true(config.is_any_shown);
}

/* An empty value is as good as none. */
static void test_empty_values(void **state)
{
	static const char *const variables[] = {
		"TCPSHIM_TRACE=", "TCPSHIM_FDS=",  "TCPSHIM_PROGRAMS=", "TCPSHIM_OUTPUT=",
		"TCPSHIM_TIME=",  "TCPSHIM_DATA=", "TCPSHIM_NOTES=",    "TCPSHIM_SLEEPING=",
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
	}
}

#define WANTS_CALLS \
	"a list of calls or groups (%connect %data %wait %option), !x to exclude, or all or none"

/* "+" before a call: shown, "-": not. */
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
			/* All the symbols that are shown by this name. */
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
		bool has_stdio, is_bad;
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
		assert_int_equal(config.has_stdio, rows[i].has_stdio);
		assert_int_equal(complaints[0] != '\0', rows[i].is_bad);
	}
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

/* One line, that says which variable, what it has, what it takes, and an example. */
static void test_complaints(void **state)
{
	static const struct {
		const char *variable, *complaint;
	} rows[] = {
		{"TCPSHIM_TRACE=raed",
		 "tcpshim: TCPSHIM_TRACE is \"raed\", but takes " WANTS_CALLS
		 ", for example TCPSHIM_TRACE=%connect,read,write. It is left out.\n"},
		{"TCPSHIM_FDS=none",
		 "tcpshim: TCPSHIM_FDS is \"none\", but takes tcp, tcp,stdio, sockets or all, for "
		 "example "
		 "TCPSHIM_FDS=tcp,stdio. It is left out.\n"},
		{"TCPSHIM_OUTPUT=fd:x",
		 "tcpshim: TCPSHIM_OUTPUT is \"fd:x\", but takes stderr, a path (%p is the "
		 "process id, %n the program's "
		 "name) or fd:N with an open descriptor, for example "
		 "TCPSHIM_OUTPUT=/tmp/trace.%p. It is left out.\n"},
		{"TCPSHIM_TIME=b\x1b[31mse",
		 "tcpshim: TCPSHIM_TIME is \"b?[31mse\", but takes a list of base, delta, elapsed "
		 "and utc, or none, for "
		 "example TCPSHIM_TIME=base,elapsed. It is left out.\n"},
		{"TCPSHIM_DATA=some",
		 "tcpshim: TCPSHIM_DATA is \"some\", but takes a number of bytes from 0 on, or "
		 "all, for example "
		 "TCPSHIM_DATA=64. It is left out.\n"},
		{"TCPSHIM_NOTES=loud",
		 "tcpshim: TCPSHIM_NOTES is \"loud\", but takes on, off, info, warn or error, for "
		 "example "
		 "TCPSHIM_NOTES=warn. It is left out.\n"},
		{"TCPSHIM_SLEEPING=no",
		 "tcpshim: TCPSHIM_SLEEPING is \"no\", but takes on or off, for example "
		 "TCPSHIM_SLEEPING=off. It is left "
		 "out.\n"},
		{"TCPSHIM_TARCE=all",
		 "tcpshim: there is no variable TCPSHIM_TARCE; did you mean TCPSHIM_TRACE? It is "
		 "left out.\n"},
		{"TCPSHIM_FD=all",
		 "tcpshim: there is no variable TCPSHIM_FD; did you mean TCPSHIM_FDS? It is left "
		 "out.\n"},
		{"TCPSHIM_PROGRAM=nc",
		 "tcpshim: there is no variable TCPSHIM_PROGRAM; did you mean TCPSHIM_PROGRAMS? "
		 "It is left out.\n"},
		{"TCPSHIM_OUTPT=x",
		 "tcpshim: there is no variable TCPSHIM_OUTPT; did you mean TCPSHIM_OUTPUT? It is "
		 "left out.\n"},
		{"TCPSHIM_TIMES=x",
		 "tcpshim: there is no variable TCPSHIM_TIMES; did you mean TCPSHIM_TIME? It is "
		 "left out.\n"},
		{"TCPSHIM_DTAA=x",
		 "tcpshim: there is no variable TCPSHIM_DTAA; did you mean TCPSHIM_DATA? It is "
		 "left out.\n"},
		{"TCPSHIM_NOTE=x",
		 "tcpshim: there is no variable TCPSHIM_NOTE; did you mean TCPSHIM_NOTES? It is "
		 "left out.\n"},
		{"TCPSHIM_SLEEP=x",
		 "tcpshim: there is no variable TCPSHIM_SLEEP; did you mean TCPSHIM_SLEEPING? It "
		 "is left out.\n"},
		{"TCPSHIM_NOT\x1bS=x",
		 "tcpshim: there is no variable TCPSHIM_NOT?S; did you mean TCPSHIM_NOTES? It is "
		 "left out.\n"},
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

/* However long, a complaint is one line of a bounded size and ends as it should. */
static void test_long_values(void **state)
{
	static char value[8192] = "TCPSHIM_DATA=", name[8192] = "TCPSHIM_";

	(void)state;
	memset(value + strlen(value), 'x', 6000);
	read_environment(value, NULL);
	assert_true(strlen(complaints) < 512);
	assert_non_null(strstr(complaints, ". It is left out.\n"));
	memset(name + strlen(name), 'X', 6000);
	strcat(name, "=1");
	read_environment(name, NULL);
	assert_true(strlen(complaints) < 512);
	assert_non_null(strstr(complaints, "? It is left out.\n"));
}

/* A bad variable costs its own setting only. */
static void test_bad_beside_good(void **state)
{
	(void)state;
	read_environment("TCPSHIM_FDS=stdio,nonsense", "TCPSHIM_DATA=5");
	assert_false(config.has_stdio);
	assert_int_equal(config.style.data_bytes, 5);
	read_environment("TCPSHIM_DATA=5", "TCPSHIM_TRACE=read,nonsense");
	assert_int_equal(config.style.data_bytes, 5);
	assert_true(config.is_shown[CALL_write]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),        cmocka_unit_test(test_empty_values),
		cmocka_unit_test(test_trace),           cmocka_unit_test(test_fds),
		cmocka_unit_test(test_programs),        cmocka_unit_test(test_output),
		cmocka_unit_test(test_bad_outputs),     cmocka_unit_test(test_style),
		cmocka_unit_test(test_complaints),      cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_bad_beside_good),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
