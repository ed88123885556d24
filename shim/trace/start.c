/* The constructor. Everything that may allocate, look up symbols or read the environment happens
 * here, once. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/words.h"
#include "guest/cancelled.h"
#include "guest/complaint.h"
#include "guest/mapping.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/sinks.h"
#include "sys/bypass.h"
#include "sys/clock.h"
#include "sys/loaded.h"
#include "sys/portable.h"
#include "sys/raw.h"
#include "sys/real.h"
#include "sys/restriction.h"
#include "sys/threads.h"
#include "trace/classify.h"
#include "trace/fastpath.h"
#include "trace/finish.h"
#include "trace/rehearse.h"

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Writes a byte to the command's pipe, for which it waits, and closes it; but only if the
 * descriptor still refers to that pipe. */
static void notify_command(const char *value)
{
	struct word fd = word_of(value), inode;
	uint64_t number, wanted;
	struct stat64 status;

	if (!word_cut(&fd, ':', &inode) || !word_number(fd, &number) ||
	    !word_number(inode, &wanted) || number > INT_MAX ||
	    raw_syscall2(RAW_FSTAT, (long)number, (long)&status) < 0 || !S_ISFIFO(status.st_mode) ||
	    status.st_ino != wanted)
		return;
	raw_write((int)number, "", 1);
	raw_close((int)number);
}

/* Prints a line at start. It may be the first one, so it must be known by then which system calls
 * are allowed. */
static void complain_at_start(const char *line, size_t size)
{
	restriction_detect();
	complaint_write(line, size);
}

#if defined(__i386__)
/* Returns whether the program has musl, whose functions have other arguments on i386, and prints
 * that. */
static bool is_refused(void)
{
	static const char line[] = "tcpshim: this program is not traced: on i386, the library "
				   "supports glibc, but not musl.";

	if (portable_is_musl())
		complain_at_start(line, sizeof(line) - 1);
	return portable_is_musl();
}
#endif

static void start_over_unshown(void)
{
}

static void at_exit(int status, void *unused)
{
	(void)unused;
	finish_process(status, false);
}

static void run_at_exit(void)
{
	int (*glibcs)(void (*)(int, void *), void *);

	glibcs = (__typeof__(glibcs))loaded_find_in_libc("on_exit");
	if (glibcs)
		glibcs(at_exit, NULL);
}

/* musl runs destructors after all exit handlers, and those of the object that was constructed
 * first, the first preloaded one, last. It does not tell the status. */
__attribute__((destructor)) static void end(void)
{
	if (portable_is_musl() && process_is_tracing)
		finish_process(FINISH_STATUS_UNKNOWN, false);
}

/* What musl has. */
extern char *program_name __asm__("__progname") __attribute__((weak));

#if defined(__i386__)
#define CONSTRUCTOR
#else
#define CONSTRUCTOR __attribute__((constructor(200)))
#endif

/* Takes argc, argv and the environment as the loader passes them to every constructor: getenv is
 * not ready yet if this object is initialised first (-z initfirst). */
CONSTRUCTOR static void start(int argc, char **argv, char **environment)
{
	const char *program = "unknown";

	if (portable_is_musl()) { /* musl passes nothing, and has set these before */
		environment = environ;
		program = program_name ? program_name : program;
	} else if (argc > 0 && argv[0]) {
		program = last_component(argv[0]);
	}

	real_resolve();
	threads_start();
	cancelled_start();
	clock_find(getauxval(AT_SYSINFO_EHDR));
#if defined(__i386__)
	thread_find_restorers(getauxval(AT_SYSINFO_EHDR));
#endif
	complaint_start();
	if (getauxval(AT_SECURE))
		return;
	config_read(environment, program, complain_at_start);
	if (config.started)
		notify_command(config.started);
	if ((!config.is_any_shown && !policy_is_any(&config.policy)) ||
	    !config_has_program(program))
		return;
#if defined(__i386__)
	if (is_refused())
		return;
#endif
	if (!process_identify(config.is_any_shown ? sinks_start_over : start_over_unshown))
		return;
	if (config.is_any_shown && sinks_start(environment, program)) {
		/* Registered before any exit handler of the program, so it runs after them. A
		 * failure loses only the notes at exit. */
		run_at_exit();
		if (config.has_any_stack)
			config.style.symbol = mapping_symbol;
		fastpath_start();
		rehearse_start();
		bypass_start();
		process_is_tracing = true;
	}
	process_is_watching = process_is_tracing || policy_is_any(&config.policy);
	if (policy_is_any(&config.policy))
		classify_inherited();
}

#if defined(__i386__)
/* On i386 the arguments are in memory that the function may change. musl passes none, and has other
 * things there, so they are read from where glibc puts them. */
__attribute__((constructor(200))) static void start_i386(void)
{
	void *const *arguments = (void *const *)__builtin_frame_address(0) + 2;

	if (!portable_is_musl())
		start((int)(intptr_t)arguments[0], arguments[1], arguments[2]);
	else
		start(0, NULL, NULL);
}
#endif
