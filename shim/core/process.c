#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file_id.h"
#include "core/hot.h"
#include "core/raw.h"

#define CLOCK_STEP_NS                                                              \
	10000000 /* less is the two readings themselves, or the clock being slewed \
		  */

/* A second in all. */
enum { COMPLAINT_PAUSES = 20, COMPLAINT_PAUSE_NS = 50000000 };

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

bool process_is_watching HOT_DATA, process_is_tracing HOT_DATA;
bool process_has_many_threads HOT_DATA;
_Atomic uint32_t process_current_epoch HOT_DATA;
_Atomic uint64_t process_clock_checked_ns HOT_DATA;

/* Until the constructor has run nothing is watched and nobody asks. */
static _Atomic uint32_t alive_before_start = 1;
const _Atomic uint32_t *process_alive HOT_DATA = &alive_before_start;

/* Shared by all the processes that write to one trace. */
struct shared_page {
	_Atomic uint32_t processes, base_lines;
};
static struct shared_page shared_fallback = {.processes = 1};
static struct shared_page *shared = &shared_fallback;

static struct {
	_Atomic uint32_t *alive;
	_Atomic int pid;
	_Atomic uint32_t forks;
	_Atomic int quiet;
	_Atomic uint32_t threads; /* that were given a number */
	_Atomic bool is_child;
	uint64_t base_ns;
	int64_t base_realtime_ns;
	_Atomic int64_t realtime_offset_ns;
	void (*start_over)(void);
} process;

int process_pid(void)
{
	return atomic_load_explicit(&process.pid, memory_order_relaxed);
}

bool process_is_child(void)
{
	return atomic_load_explicit(&process.is_child, memory_order_relaxed);
}

uint32_t process_forks(void)
{
	return atomic_load_explicit(&process.forks, memory_order_relaxed);
}

bool process_is_itself(void)
{
	process_check();
	return raw_getpid() == process_pid();
}

bool process_has_threads(void)
{
	/* libc does not take it back in the child of fork, which has one thread: there the numbers
	 * tell. */
	if (atomic_load_explicit(&process.is_child, memory_order_relaxed))
		return atomic_load_explicit(&process.threads, memory_order_relaxed) > 1;
	return !__libc_single_threaded;
}

bool process_may_have_threads(void)
{
	return !__libc_single_threaded;
}

uint32_t process_next_thread(void)
{
	__atomic_store_n(&process_has_many_threads, true, __ATOMIC_RELAXED);
	return atomic_fetch_add(&process.threads, 1) + 1;
}

uint32_t process_count(void)
{
	return atomic_load_explicit(&shared->processes, memory_order_relaxed);
}

uint64_t process_now_ns(void)
{
	return process_is_strict() ? clock_read(CLOCK_MONOTONIC_COARSE) : clock_now_ns();
}

int64_t process_realtime_offset_ns(void)
{
	return atomic_load_explicit(&process.realtime_offset_ns, memory_order_relaxed);
}

/* A difference between two clocks that are read one after the other: not if something came between.
 */
static bool measure_offset(int64_t *offset_ns)
{
	bool is_coarse = process_is_strict();
	clockid_t monotonic = is_coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC;
	uint64_t before = clock_read(monotonic);
	uint64_t now = clock_read(is_coarse ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME);

	*offset_ns = (int64_t)(now - before);
	return clock_read(monotonic) - before < CLOCK_STEP_NS / 2;
}

bool process_check_clock(uint64_t now_ns)
{
	int64_t offset_ns, known_ns = process_realtime_offset_ns(), step_ns;

	if (process_is_clock_checked(now_ns))
		return false;
	atomic_store_explicit(&process_clock_checked_ns, now_ns, memory_order_relaxed);
	if (!measure_offset(&offset_ns))
		return false;
	step_ns = offset_ns - known_ns;
	return (step_ns > CLOCK_STEP_NS || step_ns < -CLOCK_STEP_NS) &&
	       atomic_compare_exchange_strong(&process.realtime_offset_ns, &known_ns, offset_ns);
}

uint64_t process_base_ns(void)
{
	return process.base_ns;
}

int64_t process_base_realtime_ns(void)
{
	return process.base_realtime_ns;
}

/* Reads whether this process has a filter (proc(5)). Without /proc it is not known, and there is
 * none as a rule. */
static bool has_filter(void)
{
	static const char name[] = "\nSeccomp:\t";
	static char text[4096]; /* too large for a frame; only the constructor comes here */
	const char *found;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/status",
			       O_RDONLY | O_CLOEXEC, 0);
	long size;

	if (fd < 0)
		return false;
	size = raw_syscall3(SYS_read, fd, (long)text, sizeof(text) - 1);
	raw_close((int)fd);
	text[size > 0 ? size : 0] = '\0';
	found = strstr(text, name);
	return found && found[sizeof(name) - 1] != '0';
}

enum process_quiet process_set_quiet(enum process_quiet quiet)
{
	return (enum process_quiet)atomic_exchange(&process.quiet, quiet);
}

bool process_is_filtered(void)
{
	return atomic_load_explicit(&process.quiet, memory_order_relaxed) >= PROCESS_FILTERED;
}

bool process_is_quiet(void)
{
	return atomic_load_explicit(&process.quiet, memory_order_relaxed) >= PROCESS_QUIET;
}

bool process_is_strict(void)
{
	return atomic_load_explicit(&process.quiet, memory_order_relaxed) == PROCESS_STRICT;
}

bool process_claim_base_line(void)
{
	return atomic_load_explicit(&shared->base_lines, memory_order_relaxed) == 0 &&
	       atomic_exchange(&shared->base_lines, 1) == 0;
}

void process_unclaim_base_line(void)
{
	atomic_store(&shared->base_lines, 0);
}

/* What standard error was at the start; false: closed. */
static struct file_id standard_error;
static bool has_standard_error;

void process_know_standard_error(void)
{
	struct stat status;

	has_standard_error = file_id_read(STDERR_FILENO, &standard_error, &status) == 0;
}

static bool is_standard_error_kept(struct stat *status)
{
	struct file_id now;

	return has_standard_error && file_id_read(STDERR_FILENO, &now, status) == 0 &&
	       file_id_is_same(&now, &standard_error);
}

void process_complain(const char *line, size_t size)
{
	const struct iovec parts[2] = {{(void *)line, size}, {"\n", 1}};
	const struct timespec pause = {.tv_nsec = COMPLAINT_PAUSE_NS};
	const uint64_t all = ~UINT64_C(0);
	struct stat status;
	uint64_t mask = 0;

	/* In quiet mode it cannot be asked what standard error is; and the number may stand for the
	 * program's own data by now. Nor does the program wait long for a pipe that nobody empties.
	 */
	if (process_is_quiet() || !is_standard_error_kept(&status) || raw_is_tcp_socket(2))
		return;
	for (int i = 0; !raw_is_ready(2, POLLOUT); i++) {
		if (i == COMPLAINT_PAUSES)
			return;
		raw_syscall2(SYS_nanosleep, (long)&pause, 0);
	}
	if (process_is_filtered()) {
		/* No pipe without a reader: its signal could not be held back here. */
		if (!(raw_poll_events(STDERR_FILENO) & POLLERR))
			raw_syscall3(SYS_writev, STDERR_FILENO, (long)parts, 2);
		return;
	}
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(all));
	raw_write_without_signal(STDERR_FILENO, parts, 2, S_ISFIFO(status.st_mode));
	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask));
}

void process_start_over(void)
{
	uint32_t is_dead = 0;

	if (!atomic_compare_exchange_strong(process.alive, &is_dead, 1))
		return;
	atomic_store(&process.pid, raw_getpid());
	atomic_store(&process.threads, 1);
	atomic_store(&process.is_child, true);
	process_has_many_threads = false;
	atomic_fetch_add(&process_current_epoch, 1);
	/* Whatever was open is shared with the parent. */
	atomic_fetch_add(&process.forks, 1);
	atomic_fetch_add(&shared->processes, 1);
	process.start_over();
}

/* fork() in the parent: from here on its connections may be held by a child. */
void process_note_fork(void)
{
	atomic_fetch_add(&process.forks, 1);
}

void process_note_child(void)
{
	atomic_store(process.alive, 0);
}

/* Whether the kernel tells every child by a page that it wipes: not before Linux 4.14, nor behind a
 * filter, which may not allow madvise. There the children of fork() and syscall() are told. */
static bool has_wiped_page(void *page, size_t size)
{
	return !process_is_filtered() &&
	       raw_syscall3(SYS_madvise, (long)page, (long)size, MADV_WIPEONFORK) == 0;
}

bool process_identify(void (*start_over)(void))
{
	const size_t size = 4096;
	void *page = raw_map(size);
	long other;

	if (!page)
		return false;
	process.alive = page;
	process.start_over = start_over;
	if (has_filter())
		process_set_quiet(PROCESS_FILTERED);
	pthread_atfork(NULL, process_note_fork,
		       has_wiped_page(page, size) ? NULL : process_note_child);
	other = raw_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (other >= 0 || other < -4095) {
		shared = (struct shared_page *)other;
		atomic_store(&shared->processes, 1);
	}
	atomic_store(&process.pid, raw_getpid());
	atomic_store(&process.threads, 1);
	process.base_ns = clock_read(CLOCK_MONOTONIC);
	process.base_realtime_ns = (int64_t)clock_read(CLOCK_REALTIME);
	atomic_store(&process.realtime_offset_ns,
		     process.base_realtime_ns - (int64_t)process.base_ns);
	atomic_store(&process_clock_checked_ns, process.base_ns);
	atomic_store(process.alive, 1);
	process_alive = process.alive;
	return true;
}
