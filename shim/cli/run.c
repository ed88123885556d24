/* tcpshim PROGRAM: runs it with the library in front, as its parent. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/program.h"
#include "format/path.h"
#include "reader/complain.h"

#ifndef TCPSHIM_LIBDIR
#define TCPSHIM_LIBDIR "/usr/local/lib"
#endif
#ifndef TCPSHIM_VERSION
#define TCPSHIM_VERSION "0"
#endif

static const char library_name[] = "libtcpshim.so";

static const struct argp_option own_options[] = {
	{"d", 'd', NULL, OPTION_HIDDEN, NULL, 0},
	{NULL, 'd', NULL, 0, "Stamps: time since the start (as truss)", 1},
	{NULL, 'D', NULL, 0, "Stamps: time since the thread's last line (as truss)", 1},
	{NULL, 'E', NULL, 0, "Stamps: time inside the call (as truss)", 1},
	{NULL, 'c', NULL, 0, "Counts instead of a trace, at the end (as truss)", 1},
	{NULL, 'v', "LIST", 0, "Accepted as truss has it: contents are always shown", 1},
	{0},
};

static struct {
	char **program; /* and its arguments */
} asked;

static error_t parse(int key, char *argument, struct argp_state *state)
{
	if (options_take(key, argument))
		return 0;
	switch (key) {
	case 'c':
		setenv("TCPSHIM_SUMMARY", "only", 1);
		return 0;
	case 'v':
		return 0;
	case ARGP_KEY_ARG:
		asked.program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name a program to run");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Beside the command, where it was built; or where it was installed. */
static bool find_library(char path[PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - sizeof(library_name) - 1);
	char *slash;

	if (size > 0) {
		path[size] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash + 1, library_name);
		if (access(path, R_OK) == 0)
			return true;
	}
	snprintf(path, PATH_MAX, "%s/%s", TCPSHIM_LIBDIR, library_name);
	if (access(path, R_OK) == 0)
		return true;
	complain("%s is neither beside the command nor in %s: install it there", library_name,
		 TCPSHIM_LIBDIR);
	return false;
}

/* In front of what is preloaded already. */
static bool preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *value;

	if (strpbrk(library, " :")) {
		complain("the library's path %s has a blank or a colon, at which the loader would "
			 "cut it: move it",
			 library);
		return false;
	}
	value = allocate(strlen(library) + (before ? strlen(before) : 0) + 2);
	sprintf(value, "%s%s%s", library, before && *before ? ":" : "", before ? before : "");
	setenv("LD_PRELOAD", value, 1);
	free(value);
	return true;
}

/* --- A pipe by which the library says that it is there. --- */

/* The library knows the pipe by its inode, since a program that a traced program starts may have
 * another file under that number. */
static void announce_pipe(int fd)
{
	struct stat status;
	char value[64];

	if (fstat(fd, &status) < 0)
		return;
	snprintf(value, sizeof(value), "%d:%lu", fd, (unsigned long)status.st_ino);
	setenv("TCPSHIM_STARTED", value, 1);
}

static bool has_come_up(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

/* --- The program. --- */

static pid_t child;

static void pass_on(int signal_number)
{
	kill(child, signal_number);
}

/* The keyboard's signals reach the program by themselves; the command stays to tell how it ended.
 * What is sent to the command alone is passed on. */
static void prepare_signals(struct sigaction *interrupt, struct sigaction *quit)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	const struct sigaction pass = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &ignore, interrupt);
	sigaction(SIGQUIT, &ignore, quit);
	sigaction(SIGTERM, &pass, NULL);
	sigaction(SIGHUP, &pass, NULL);
	sigaction(SIGUSR1, &pass, NULL);
	sigaction(SIGUSR2, &pass, NULL);
}

static void exec_program(const char *path, const struct sigaction *interrupt,
			 const struct sigaction *quit, int failed)
{
	int error;

	sigaction(SIGINT, interrupt, NULL);
	sigaction(SIGQUIT, quit, NULL);
	execv(path, asked.program);
	error = errno;
	if (error == ENOEXEC) { /* a script without a first line: as the shell does */
		size_t count = 0;
		char **arguments;

		while (asked.program[count])
			count++;
		arguments = allocate((count + 2) * sizeof(*arguments));
		arguments[0] = (char *)"sh";
		arguments[1] = (char *)path;
		memcpy(arguments + 2, asked.program + 1, count * sizeof(*arguments));
		execv("/bin/sh", arguments);
		error = errno;
	}
	if (write(failed, &error, sizeof(error)) < 0)
		_exit(EXIT_OWN_FAILURE);
	_exit(EXIT_CANNOT_RUN);
}

/* Where the trace goes: the line of the signal belongs there. */
static FILE *open_trace(void)
{
	const char *output = getenv("TCPSHIM_OUTPUT");
	char path[PATH_MAX];
	struct strbuf buf;
	int fd;

	if (config.output == CONFIG_OUTPUT_FD)
		return fdopen(dup(config.output_fd), "a");
	if (!output || config.output != CONFIG_OUTPUT_PATH)
		return stderr;
	strbuf_init(&buf, path, sizeof(path) - 1);
	path_expand(&buf, config.output_path, &(struct path_values){.pid = child});
	path[buf.size] = '\0';
	fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? stderr : fdopen(fd, "a");
}

static int tell_signal(int number, bool has_core)
{
	const char *name = sigabbrev_np(number);
	FILE *to = open_trace();

	if (to && (config.has_text || config.has_record)) {
		fprintf(to, "    Received signal #%d, SIG%s [default]%s\n", number,
			name ? name : "?", has_core ? " - core dumped" : "");
		fflush(to);
	}
	return 128 + number;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			complain("waiting for the program failed: %s", strerror(errno));
			return EXIT_OWN_FAILURE;
		}
	}
	if (WIFSIGNALED(status))
		return tell_signal(WTERMSIG(status), WCOREDUMP(status));
	return WEXITSTATUS(status);
}

static int run(const char *path)
{
	struct sigaction interrupt, quit;
	int started[2], failed[2], error;

	if (pipe2(started, O_NONBLOCK) < 0 || pipe2(failed, O_CLOEXEC) < 0) {
		complain("no pipe can be made: %s", strerror(errno));
		return EXIT_OWN_FAILURE;
	}
	fcntl(started[0], F_SETFD, FD_CLOEXEC);
	announce_pipe(started[1]);
	prepare_signals(&interrupt, &quit);
	child = fork();
	if (child < 0) {
		complain("no process can be made: %s", strerror(errno));
		return EXIT_OWN_FAILURE;
	}
	if (child == 0)
		exec_program(path, &interrupt, &quit, failed[1]);
	close(started[1]);
	close(failed[1]);
	if (read(failed[0], &error, sizeof(error)) == sizeof(error)) {
		complain("%s cannot be run: %s", path, strerror(error));
		wait_for(child);
		return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	error = wait_for(child);
	if (!has_come_up(started[0]))
		complain("the library did not come up in %s: nothing was traced. Its loader may "
			 "not be glibc's, or it took LD_PRELOAD away",
			 path);
	return error;
}

static void describe_commands(char *text, size_t size)
{
	size_t used =
		(size_t)snprintf(text, size, "\vWith one of these words instead of PROGRAM:\n\n");

	for (const struct command *command = commands; command->name && used < size; command++)
		used += (size_t)snprintf(text + used, size - used, "  %-10s %s\n", command->name,
					 command->meaning);
}

int run_main(int argc, char **argv)
{
	static char doc[2048] = "Runs PROGRAM and traces what it does with its TCP connections, "
				"and what that means; each option is the variable TCPSHIM_… of the "
				"same name.";
	const struct argp argp = {
		.options = options_of(NULL, own_options + 1),
		.parser = parse,
		.args_doc = "PROGRAM [ARG...]",
		.doc = doc,
	};
	char path[PATH_MAX], library[PATH_MAX];
	const char *hindrance, *name;
	int error, status;

	argp_program_version = "tcpshim " TCPSHIM_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	describe_commands(doc + strlen(doc), sizeof(doc) - strlen(doc));
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
	name = strrchr(asked.program[0], '/');
	if (!options_check(name ? name + 1 : asked.program[0]))
		return EXIT_USAGE;
	status = program_find(asked.program[0], path, &error);
	if (status != 0) {
		complain("%s cannot be run: %s", asked.program[0], strerror(error));
		return status;
	}
	hindrance = program_hindrance(path);
	if (hindrance) {
		complain("the library cannot see what %s does, so nothing was run: it is %s", path,
			 hindrance);
		return EXIT_OWN_FAILURE;
	}
	if (!find_library(library) || !preload(library))
		return EXIT_OWN_FAILURE;
	return run(path);
}
