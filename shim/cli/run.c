/* tcpshim PROGRAM: runs it with the library in front, as its parent. */
#include <dlfcn.h>
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
#include "cli/diagnose.h"
#include "cli/options.h"
#include "cli/program.h"
#include "cli/recordings.h"
#include "format/path.h"
#include "reader/complain.h"

#ifndef TCPSHIM_LIBDIR
#define TCPSHIM_LIBDIR "/usr/local/lib"
#endif

static const char library_name[] = "libtcpshim.so";

enum { OPTION_DIAGNOSE = OPTION_OWN };

static const struct argp_option options[] = {
	{"diagnose", OPTION_DIAGNOSE, NULL, 0,
	 "Records the program in place of a trace, and prints on standard error, at its end, what "
	 "was wrong with its connections",
	 0},
	{NULL, 'c', NULL, 0, "Counts in place of a trace: short for --summary=only", 0},
	{NULL, 'v', "LIST", 0, "Accepted, as truss has it: contents are always shown", 0},
	{0},
};

static struct {
	char **program; /* and its arguments */
	bool is_diagnosing;
} asked;

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case 'c':
		setenv("TCPSHIM_SUMMARY", "only", 1);
		return 0;
	case 'v':
		return 0;
	case OPTION_DIAGNOSE:
		asked.is_diagnosing = true;
		return 0;
	case ARGP_KEY_ARG:
		asked.program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		refuse("name a program to run, or a command; tcpshim help lists them");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Finds the library beside the command, where it was built, or where it was installed. */
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

/* Puts the library before what is preloaded already. */
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

/* --- A pipe through which the library reports that it was loaded. --- */

/* Announces the pipe by its inode too: in a program that a traced program starts, the number may be
 * another file. */
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

/* What the program gets of the command's signals: those from the keyboard reach it directly, and
 * the command ignores them and stays, to report how the program ended; those that are sent to the
 * command alone are passed on. */
static const struct handled {
	int signal_number;
	bool is_passed_on;
} handled[] = {
	{SIGINT, false}, {SIGQUIT, false}, {SIGTERM, true},
	{SIGHUP, true},  {SIGUSR1, true},  {SIGUSR2, true},
};
enum { HANDLED = sizeof(handled) / sizeof(handled[0]) };

/* Actions and mask as the command found them: the program starts with them. */
struct signals {
	struct sigaction actions[HANDLED];
	sigset_t mask;
};

static void pass_on(int signal_number)
{
	kill(child, signal_number);
}

/* Installs the handlers, and blocks their signals until the program's number is known: 0 would be
 * the command's whole process group. An ignored signal stays ignored (nohup). */
static void prepare_signals(struct signals *found)
{
	sigset_t passed_on;

	sigemptyset(&passed_on);
	for (size_t i = 0; i < HANDLED; i++)
		if (handled[i].is_passed_on)
			sigaddset(&passed_on, handled[i].signal_number);
	sigprocmask(SIG_BLOCK, &passed_on, &found->mask);
	for (size_t i = 0; i < HANDLED; i++) {
		struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = SA_RESTART};

		sigaction(handled[i].signal_number, NULL, &found->actions[i]);
		if (handled[i].is_passed_on && found->actions[i].sa_handler != SIG_IGN)
			action.sa_handler = pass_on;
		sigaction(handled[i].signal_number, &action, NULL);
	}
}

static void exec_program(const char *path, const struct signals *found, int failed)
{
	int error;

	for (size_t i = 0; i < HANDLED; i++)
		sigaction(handled[i].signal_number, &found->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &found->mask, NULL);
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

/* Opens the file of the trace, where the line of the signal belongs. */
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

static int run_program(const char *path)
{
	struct signals found;
	int started[2], failed[2], error;

	if (pipe2(started, O_NONBLOCK) < 0 || pipe2(failed, O_CLOEXEC) < 0) {
		complain("no pipe can be made: %s", strerror(errno));
		return EXIT_OWN_FAILURE;
	}
	fcntl(started[0], F_SETFD, FD_CLOEXEC);
	announce_pipe(started[1]);
	prepare_signals(&found);
	child = fork();
	if (child < 0) {
		complain("no process can be made: %s", strerror(errno));
		return EXIT_OWN_FAILURE;
	}
	if (child == 0)
		exec_program(path, &found, failed[1]);
	sigprocmask(SIG_SETMASK, &found.mask, NULL);
	close(started[1]);
	close(failed[1]);
	if (read(failed[0], &error, sizeof(error)) == sizeof(error)) {
		complain("%s cannot be run: %s", path, strerror(error));
		wait_for(child);
		return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	error = wait_for(child);
	if (!has_come_up(started[0]))
		complain("the library was not loaded into %s, so nothing was traced: its loader "
			 "is not glibc's, or something removed LD_PRELOAD",
			 path);
	return error;
}

/* Asks for the stacks of lines with warnings and errors, unless the user has said which stacks to
 * take. A stack takes about 20 us. Lines with a warning are few, and a program in good health has
 * none, so it runs as fast as without. All notes are too many: each connection has three or more,
 * and a program that only connects and closes took 1.8 times the processor time. */
static void imply_stacks(void)
{
	const char *value = getenv("TCPSHIM_STACK");

	if ((!value || !*value) && dlopen("libunwind.so.8", RTLD_LAZY))
		setenv("TCPSHIM_STACK", "warn", 1);
}

/* Runs the program, recorded into a directory of its own, and prints the diagnosis on standard
 * error: standard output is the program's. */
static int run_diagnosed(const char *path)
{
	const char *parent = getenv("TMPDIR"), *directories[1];
	char directory[PATH_MAX], value[PATH_MAX + 1];
	int status;

	if (getenv("TCPSHIM_RECORD"))
		refuse("--diagnose makes a recording of its own and removes it: leave out "
		       "--record and TCPSHIM_RECORD, or keep the recording and give it to tcpshim "
		       "diagnose");
	snprintf(directory, sizeof(directory), "%s/tcpshim.XXXXXX",
		 parent && *parent ? parent : "/tmp");
	if (!mkdtemp(directory)) {
		complain("no directory %s can be made for the recording: %s", directory,
			 strerror(errno));
		return EXIT_OWN_FAILURE;
	}
	snprintf(value, sizeof(value), "%s/", directory);
	setenv("TCPSHIM_RECORD", value, 1);
	imply_stacks();
	status = run_program(path);
	fflush(stdout);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	directories[0] = directory;
	if (recordings_are_in(directory))
		diagnose_show(directories, 1, &filter_of_nothing);
	else
		complain("%s made no call on a TCP connection, so there is nothing to diagnose",
			 path);
	recordings_remove(directory);
	return status;
}

/* Says that there is no such program, and which program or command may have been meant. */
static void complain_missing(const char *name, int error)
{
	char close[NAME_MAX + 1] = "";

	if (error != ENOENT || strchr(name, '/') || !program_nearest(name, close))
		complain("%s cannot be run: %s", name, strerror(error));
	else
		complain("%s cannot be run: %s; did you mean tcpshim %s?", name, strerror(error),
			 close);
}

static int run(void)
{
	char path[PATH_MAX], library[PATH_MAX];
	const char *hindrance, *slash = strrchr(asked.program[0], '/');
	int error, status;

	if (!options_check(slash ? slash + 1 : asked.program[0]))
		return EXIT_USAGE;
	status = program_find(asked.program[0], path, &error);
	if (status != 0) {
		complain_missing(asked.program[0], error);
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
	return asked.is_diagnosing ? run_diagnosed(path) : run_program(path);
}

const struct command run_command = {
	.arguments = "PROGRAM [ARG...]",
	.doc = "Runs PROGRAM and shows what it does with its TCP connections, and what that means. "
	       "Each long option is the variable TCPSHIM_... of the same name.",
	.options = options,
	.variables = options_all_variables,
	.parse = parse,
	.run = run,
};
