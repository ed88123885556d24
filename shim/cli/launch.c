#include "cli/launch.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/program.h"
#include "format/names.h"
#include "format/path.h"
#include "reader/complain.h"

#ifndef TCPSHIM_LIBDIR
#define TCPSHIM_LIBDIR "/usr/local/lib"
#endif

static const char library_name[] = "libtcpshim.so";

/* Finds the command's own folder. */
static bool find_own_folder(char path[PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (size <= 0)
		return false;
	path[size] = '\0';
	*strrchr(path, '/') = '\0';
	return true;
}

/* Makes the path of a library, if it can be read. */
static bool try_library(char path[PATH_MAX], const char *folder, const char *subfolder)
{
	int size = snprintf(path, PATH_MAX, "%s%s/%s", folder, subfolder, library_name);

	return size < PATH_MAX && access(path, R_OK) == 0;
}

/* Replaces the path of an installed library by one that the loader completes for each program, so
 * that programs of another architecture that this one starts are traced too. */
static void find_for_all(const struct program_kind *kind, char path[PATH_MAX])
{
	static const char for_all[] = "/usr/$LIB/libtcpshim.so"; /* ld.so(8); not in musl */
	char own[PATH_MAX], other[PATH_MAX];

	snprintf(own, sizeof(own), "/usr/lib/%s", program_own_architecture);
	if (!kind->is_musls && strcmp(TCPSHIM_LIBDIR, own) == 0 &&
	    try_library(other, "/usr/lib", "/i386-linux-gnu"))
		strcpy(path, for_all);
}

/* Finds the library for a program: beside the command, where it was built, or where it was
 * installed. That of another architecture is in a folder of the architecture's name, there or, as
 * in Debian, next to ours. */
static bool find_library(const struct program_kind *kind, char path[PATH_MAX])
{
	char own[PATH_MAX] = "", subfolder[64] = "", neighbour[64] = "";
	bool is_own = !kind->architecture ||
		      strcmp(kind->architecture, program_own_architecture) == 0;

	if (!is_own) {
		snprintf(subfolder, sizeof(subfolder), "/%s", kind->architecture);
		snprintf(neighbour, sizeof(neighbour), "/../%s", kind->architecture);
	}
	if (find_own_folder(own) && try_library(path, own, subfolder))
		return true;
	if (try_library(path, TCPSHIM_LIBDIR, subfolder) ||
	    (!is_own && try_library(path, TCPSHIM_LIBDIR, neighbour))) {
		find_for_all(kind, path);
		return true;
	}
	if (is_own)
		complain("%s is neither beside the command nor in %s: install it there",
			 library_name, TCPSHIM_LIBDIR);
	else
		complain("this is a program for %s, whose %s is neither in %s%s nor in %s%s: "
			 "install that architecture's package libtcpshim, or build it there",
			 kind->architecture, library_name, own, subfolder, TCPSHIM_LIBDIR,
			 subfolder);
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
 * the command stays, to report how the program ended; those that are sent to the
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

static _Atomic uint64_t asked_to_end_ns;

/* Async-signal-safe. */
static void note_end(int signal_number)
{
	struct timespec now;

	if (signal_number == SIGUSR1 || signal_number == SIGUSR2 || atomic_load(&asked_to_end_ns))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&asked_to_end_ns,
		     (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
}

uint64_t launch_asked_to_end_ns(void)
{
	return atomic_load(&asked_to_end_ns);
}

static void pass_on(int signal_number)
{
	note_end(signal_number);
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
		struct sigaction action = {.sa_handler = note_end, .sa_flags = SA_RESTART};

		sigaction(handled[i].signal_number, NULL, &found->actions[i]);
		if (found->actions[i].sa_handler == SIG_IGN)
			action.sa_handler = SIG_IGN;
		else if (handled[i].is_passed_on)
			action.sa_handler = pass_on;
		sigaction(handled[i].signal_number, &action, NULL);
	}
}

static void exec_program(const struct launch *launch, const struct signals *found, int failed)
{
	int error;

	for (size_t i = 0; i < HANDLED; i++)
		sigaction(handled[i].signal_number, &found->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &found->mask, NULL);
	execv(launch->path, launch->program);
	error = errno;
	if (error == ENOEXEC) { /* a script without a first line: as the shell does */
		size_t count = 0;
		char **arguments;

		while (launch->program[count])
			count++;
		arguments = allocate((count + 2) * sizeof(*arguments));
		arguments[0] = (char *)"sh";
		arguments[1] = (char *)launch->path;
		memcpy(arguments + 2, launch->program + 1, count * sizeof(*arguments));
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
	char name[16];
	struct strbuf buf;
	FILE *to = open_trace();

	strbuf_init(&buf, name, sizeof(name) - 1);
	names_signal(&buf, number);
	name[buf.size] = '\0';

	if (to && (config.has_text || config.has_record)) {
		fprintf(to, "    Received signal #%d, %s [default]%s\n", number, name,
			has_core ? " - core dumped" : "");
		fflush(to);
	}
	return 128 + number;
}

static int status_of(int status)
{
	if (WIFSIGNALED(status))
		return tell_signal(WTERMSIG(status), WCOREDUMP(status));
	return WEXITSTATUS(status);
}

int launch_start(struct launch *launch)
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
		exec_program(launch, &found, failed[1]);
	sigprocmask(SIG_SETMASK, &found.mask, NULL);
	close(started[1]);
	close(failed[1]);
	if (read(failed[0], &error, sizeof(error)) == sizeof(error)) {
		complain("%s cannot be run: %s", launch->path, strerror(error));
		waitpid(child, NULL, 0);
		return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	close(failed[0]);
	launch->started = started[0];
	launch->pid = child;
	return 0;
}

/* Takes the status of the program, after its end. */
static void end(struct launch *launch, int status)
{
	launch->is_over = true;
	if (WIFSIGNALED(status) && !launch->is_ended_here)
		launch->killed_by = WTERMSIG(status);
	launch->status = launch->is_ended_here ? 0 : status_of(status);
	if (!has_come_up(launch->started))
		complain("the library was not loaded into %s, so nothing was traced: its loader "
			 "is neither glibc's nor musl's, or something removed LD_PRELOAD",
			 launch->path);
}

void launch_wait(struct launch *launch)
{
	int status;

	if (launch->is_over)
		return;
	while (waitpid(launch->pid, &status, 0) < 0) {
		if (errno != EINTR) {
			complain("waiting for the program failed: %s", strerror(errno));
			launch->is_over = true;
			launch->status = EXIT_OWN_FAILURE;
			return;
		}
	}
	end(launch, status);
}

bool launch_is_over(struct launch *launch, unsigned milliseconds)
{
	enum { STEP_MS = 20 };
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
	int status;

	for (unsigned waited = 0; !launch->is_over; waited += STEP_MS) {
		if (waitpid(launch->pid, &status, WNOHANG) == launch->pid)
			end(launch, status);
		else if (waited >= milliseconds)
			return false;
		else
			nanosleep(&step, NULL);
	}
	return true;
}

bool launch_record(char directory[PATH_MAX])
{
	const char *parent = getenv("TMPDIR");
	char value[PATH_MAX + 1];

	snprintf(directory, PATH_MAX, "%s/tcpshim.XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(directory)) {
		complain("no directory %s can be made for the recording: %s", directory,
			 strerror(errno));
		return false;
	}
	snprintf(value, sizeof(value), "%s/", directory);
	setenv("TCPSHIM_RECORD", value, 1);
	return true;
}

void launch_imply_stacks(const char *stacks)
{
	const char *value = getenv("TCPSHIM_STACK");

	if ((!value || !*value) && dlopen("libunwind.so.8", RTLD_LAZY))
		setenv("TCPSHIM_STACK", stacks, 1);
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

int launch_prepare(struct launch *launch, char **program)
{
	char library[PATH_MAX];
	const char *slash = strrchr(program[0], '/');
	struct program_kind kind;
	int error, status;

	*launch = (struct launch){.program = program};
	if (!options_check(slash ? slash + 1 : program[0]))
		return EXIT_USAGE;
	status = program_find(program[0], launch->path, &error);
	if (status != 0) {
		complain_missing(program[0], error);
		return status;
	}
	kind = program_kind(launch->path);
	if (kind.hindrance) {
		complain("the library cannot see what %s does, so nothing was run: it is %s",
			 launch->path, kind.hindrance);
		return EXIT_OWN_FAILURE;
	}
	return find_library(&kind, library) && preload(library) ? 0 : EXIT_OWN_FAILURE;
}
