#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/aside.h"
#include "core/clock.h"
#include "core/file_id.h"
#include "core/hot.h"
#include "core/raw.h"

#define CLOCK_STEP_NS                                                              \
	10000000 /* less is the two readings themselves, or the clock being slewed \
		  */

#define LEAST_AHEAD_NS INT64_C(1000000000) /* of another time namespace: whole seconds */
enum { TIME_NAMESPACE_BYTES = 32 };
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
	char time_namespace[TIME_NAMESPACE_BYTES]; /* of the first process */
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

static void read_time_namespace(char name[TIME_NAMESPACE_BYTES])
{
	memset(name, 0, TIME_NAMESPACE_BYTES);
	raw_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/ns/time", (long)name,
		     TIME_NAMESPACE_BYTES - 1);
}

/* A child may be the first process of another time namespace, where CLOCK_MONOTONIC is another. The
 * time of day is the same in both: by it the difference shows. */
static void follow_clock(void)
{
	char name[TIME_NAMESPACE_BYTES];
	int64_t offset_ns, ahead_ns;

	if (process_is_quiet() || !measure_offset(&offset_ns))
		return;
	ahead_ns = process_realtime_offset_ns() - offset_ns;
	if (ahead_ns < LEAST_AHEAD_NS && ahead_ns > -LEAST_AHEAD_NS)
		return;
	read_time_namespace(name);
	if (strcmp(name, process.time_namespace) != 0)
		clock_shift(ahead_ns);
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

void process_know_filter(void)
{
	static bool is_known;

	if (!is_known && has_filter())
		process_set_quiet(PROCESS_FILTERED);
	is_known = true;
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

/* A line in two parts, and what became of it. */
struct complaint {
	struct iovec parts[2];
	long result;
};

/* By a description of our own, which does not block: not those of the program. */
static void write_reopened(void *argument)
{
	struct complaint *complaint = argument;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/fd/2",
			       O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);

	complaint->result = fd;
	if (fd < 0)
		return;
	complaint->result = raw_write_without_signal((int)fd, complaint->parts, 2);
	raw_close((int)fd);
}

static void write_to_socket(struct complaint *complaint)
{
	const struct msghdr message = {.msg_iov = complaint->parts, .msg_iovlen = 2};

	complaint->result = raw_syscall3(SYS_sendmsg, STDERR_FILENO, (long)&message,
					 MSG_DONTWAIT | MSG_NOSIGNAL);
}

static uint64_t set_mask(uint64_t mask)
{
	uint64_t before = 0;

	raw_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&before, sizeof(mask));
	return before;
}

/* No write that may block is made while all signals are held back. */
static void write_complaint(struct complaint *complaint, mode_t mode)
{
	bool may_block = S_ISFIFO(mode) || S_ISCHR(mode);
	uint64_t mask = set_mask(~UINT64_C(0));

	if (S_ISSOCK(mode))
		write_to_socket(complaint);
	else if (may_block)
		aside_run(write_reopened, complaint);
	else
		complaint->result = raw_write_without_signal(STDERR_FILENO, complaint->parts, 2);
	if (may_block && complaint->result < 0 && complaint->result != -EAGAIN) {
		/* It cannot be opened again: another user's terminal, or no /proc. It has room. */
		set_mask(mask | RAW_SIGNALS_OF_WRITE);
		raw_write_without_signal(STDERR_FILENO, complaint->parts, 2);
	}
	set_mask(mask);
}

/* Waits for room, but not long, and not again if it did not come. */
static bool has_room_for_complaint(void)
{
	static _Atomic bool is_stuck;
	const struct timespec pause = {.tv_nsec = COMPLAINT_PAUSE_NS};
	int pauses = atomic_load(&is_stuck) ? 0 : COMPLAINT_PAUSES;
	bool has_room;

	while (!(has_room = raw_is_ready(STDERR_FILENO, POLLOUT)) && pauses-- > 0)
		raw_syscall2(SYS_nanosleep, (long)&pause, 0);
	atomic_store(&is_stuck, !has_room);
	return has_room;
}

void process_complain(const char *line, size_t size)
{
	struct complaint complaint = {.parts = {{(void *)line, size}, {"\n", 1}}};
	struct stat status;

	/* In quiet mode it cannot be asked what standard error is; and the number may stand for the
	 * program's own data by now, or for the end of a pipe that the program reads from. */
	if (process_is_quiet() || !is_standard_error_kept(&status) ||
	    !raw_is_writable(STDERR_FILENO) || raw_is_tcp_socket(STDERR_FILENO) ||
	    !has_room_for_complaint())
		return;
	if (!process_is_filtered())
		write_complaint(&complaint, status.st_mode);
	/* No pipe without a reader: its signal could not be held back here. */
	else if (!(raw_poll_events(STDERR_FILENO) & POLLERR))
		raw_syscall3(SYS_writev, STDERR_FILENO, (long)complaint.parts, 2);
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
	follow_clock();
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
	process_know_filter();
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
	read_time_namespace(process.time_namespace);
	process.base_ns = clock_read(CLOCK_MONOTONIC);
	process.base_realtime_ns = (int64_t)clock_read(CLOCK_REALTIME);
	atomic_store(&process.realtime_offset_ns,
		     process.base_realtime_ns - (int64_t)process.base_ns);
	atomic_store(&process_clock_checked_ns, process.base_ns);
	atomic_store(process.alive, 1);
	process_alive = process.alive;
	return true;
}
