#include "guest/process.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/hot.h"
#include "sys/loaded.h"
#include "sys/portable.h"
#include "sys/raw.h"
#include "sys/restriction.h"
#include "sys/threads.h"

/* A smaller step is only the time between two readings, or the clock being slewed. */
#define CLOCK_STEP_NS 10000000
/* The offset of a time namespace is a number of whole seconds. */
#define LEAST_AHEAD_NS INT64_C(1000000000)
enum { TIME_NAMESPACE_BYTES = 32 };

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

bool process_is_watching HOT_DATA, process_is_tracing HOT_DATA;
_Atomic uint32_t process_current_epoch HOT_DATA;
_Atomic uint64_t process_clock_checked_ns HOT_DATA;

/* Until the constructor has run, nothing is watched and nobody reads this. */
static _Atomic uint32_t alive_before_start = 1;
const _Atomic uint32_t *process_alive HOT_DATA = &alive_before_start;

/* Shared by all processes that write to one trace. */
struct shared_page {
	_Atomic uint32_t processes, base_lines;
};
static struct shared_page shared_fallback = {.processes = 1};
static struct shared_page *shared = &shared_fallback;

/* In the child of a fork, which has one thread, libc does not reset its flag. There, and where libc
 * has none, the threads that were given a number count. */
static char child_single_threaded = 1;
const char *process_single_threaded HOT_DATA = &child_single_threaded;

static struct {
	_Atomic uint32_t *alive;
	_Atomic int pid;
	_Atomic uint32_t forks;
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

bool process_may_have_threads(void)
{
	return !threads_are_none();
}

uint32_t process_next_thread(void)
{
	__atomic_store_n(&child_single_threaded, 0, __ATOMIC_RELAXED);
	return atomic_fetch_add(&process.threads, 1) + 1;
}

uint32_t process_count(void)
{
	return atomic_load_explicit(&shared->processes, memory_order_relaxed);
}

uint64_t process_now_ns(void)
{
	return restriction_is_strict() ? clock_read(CLOCK_MONOTONIC_COARSE) : clock_now_ns();
}

int64_t process_realtime_offset_ns(void)
{
	return atomic_load_explicit(&process.realtime_offset_ns, memory_order_relaxed);
}

/* Measures the offset between the two clocks, which are read one after the other. Returns false if
 * the thread was interrupted between the readings. */
static bool measure_offset(int64_t *offset_ns)
{
	bool is_coarse = restriction_is_strict();
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

/* Shifts the clock if this child is in another time namespace, where CLOCK_MONOTONIC has an offset.
 * The time of day is the same in both namespaces, so it shows the difference. */
static void follow_clock(void)
{
	char name[TIME_NAMESPACE_BYTES];
	int64_t offset_ns, ahead_ns;

	if (restriction_is_filter() || !measure_offset(&offset_ns))
		return;
	ahead_ns = process_realtime_offset_ns() - offset_ns;
	if (ahead_ns < LEAST_AHEAD_NS && ahead_ns > -LEAST_AHEAD_NS)
		return;
	read_time_namespace(name);
	if (strcmp(name, process.time_namespace) != 0)
		clock_shift(ahead_ns);
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

void process_start_over(void)
{
	uint32_t is_dead = 0;

	if (!atomic_compare_exchange_strong(process.alive, &is_dead, 1))
		return;
	atomic_store(&process.pid, raw_getpid());
	atomic_store(&process.threads, 1);
	atomic_store(&process.is_child, true);
	__atomic_store_n(&child_single_threaded, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&process_single_threaded, &child_single_threaded, __ATOMIC_RELAXED);
	atomic_fetch_add(&process_current_epoch, 1);
	/* Every open descriptor is shared with the parent. */
	atomic_fetch_add(&process.forks, 1);
	atomic_fetch_add(&shared->processes, 1);
	follow_clock();
	process.start_over();
}

/* Runs in the parent of a fork(): from now on a child may hold its connections open. */
void process_note_fork(void)
{
	atomic_fetch_add(&process.forks, 1);
}

void process_note_child(void)
{
	atomic_store(process.alive, 0);
}

/* Returns whether the kernel wipes the page in every child. It does not before Linux 4.14; and a
 * filter may not allow madvise. In these cases only the children of fork() and syscall() are
 * recognised. */
static bool has_wiped_page(void *page, size_t size)
{
	return !restriction_is_inherited() &&
	       raw_syscall3(SYS_madvise, (long)page, (long)size, MADV_WIPEONFORK) == 0;
}

extern void *this_object __asm__("__dso_handle") __attribute__((visibility("hidden")));

/* glibc's pthread_atfork is linked into each object and calls __register_atfork; musl's is a
 * function of its own. */
static void at_fork(void (*parent)(void), void (*child)(void))
{
	int (*glibcs)(void (*)(void), void (*)(void), void (*)(void), void *);
	int (*musls)(void (*)(void), void (*)(void), void (*)(void));

	glibcs = (__typeof__(glibcs))loaded_find_in_libc("__register_atfork");
	if (glibcs) {
		glibcs(NULL, parent, child, &this_object);
		return;
	}
	musls = (__typeof__(musls))portable_find_next("pthread_atfork");
	if (musls)
		musls(NULL, parent, child);
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
	if (threads_are_known)
		process_single_threaded = threads_single;
	restriction_detect();
	if (!restriction_is_inherited())
		clock_detect_forbidden();
	at_fork(process_note_fork, has_wiped_page(page, size) ? NULL : process_note_child);
	other = raw_syscall6(RAW_MMAP, 0, (long)size, PROT_READ | PROT_WRITE,
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
