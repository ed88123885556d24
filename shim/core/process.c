#include "core/process.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/uio.h>
#include <time.h>

#include "core/raw.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

bool process_is_watching, process_is_tracing;

/* Until the constructor has run nothing is watched and nobody asks. */
static _Atomic uint32_t alive_before_start = 1;
const _Atomic uint32_t *process_alive = &alive_before_start;

/* Shared by all the processes that write to one trace. */
struct shared_page {
	_Atomic uint32_t processes, base_lines;
};
static struct shared_page shared_fallback = {.processes = 1};
static struct shared_page *shared = &shared_fallback;

static struct {
	_Atomic uint32_t *alive;
	_Atomic int pid;
	_Atomic uint32_t epoch, forks;
	_Atomic int quiet;
	_Atomic uint32_t threads; /* that were given a number */
	_Atomic bool is_child;
	uint64_t base_ns;
	int64_t base_realtime_ns;
	void (*start_over)(void);
} process;

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now); /* the vdso's: no system call, async-signal-safe */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int process_pid(void)
{
	return atomic_load_explicit(&process.pid, memory_order_relaxed);
}

uint32_t process_epoch(void)
{
	return atomic_load_explicit(&process.epoch, memory_order_relaxed);
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

uint32_t process_next_thread(void)
{
	return atomic_fetch_add(&process.threads, 1) + 1;
}

uint32_t process_count(void)
{
	return atomic_load_explicit(&shared->processes, memory_order_relaxed);
}

uint64_t process_now_ns(void)
{
	return read_clock(process_is_strict() ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
}

int64_t process_realtime_ns(void)
{
	return (int64_t)read_clock(process_is_strict() ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME);
}

uint64_t process_base_ns(void)
{
	return process.base_ns;
}

int64_t process_base_realtime_ns(void)
{
	return process.base_realtime_ns;
}

enum process_quiet process_set_quiet(enum process_quiet quiet)
{
	return (enum process_quiet)atomic_exchange(&process.quiet, quiet);
}

bool process_is_quiet(void)
{
	return atomic_load_explicit(&process.quiet, memory_order_relaxed) != PROCESS_LOUD;
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

void process_complain(const char *line, size_t size)
{
	struct iovec parts[2] = {{(void *)line, size}, {"\n", 1}};

	/* In quiet mode it cannot be asked what standard error is, and the peer must never read
	 * this. */
	if (!process_is_quiet() && !raw_is_tcp_socket(2))
		raw_syscall3(SYS_writev, 2, (long)parts, 2);
}

void process_start_over(void)
{
	uint32_t is_dead = 0;

	if (!atomic_compare_exchange_strong(process.alive, &is_dead, 1))
		return;
	atomic_store(&process.pid, raw_getpid());
	atomic_store(&process.threads, 1);
	atomic_store(&process.is_child, true);
	atomic_fetch_add(&process.epoch, 1);
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

/* Where the kernel does not know MADV_WIPEONFORK (before 4.14): fork() at least is noticed. */
static void note_child(void)
{
	atomic_store(process.alive, 0);
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
	if (raw_syscall3(SYS_madvise, (long)page, (long)size, MADV_WIPEONFORK) < 0)
		pthread_atfork(NULL, process_note_fork, note_child);
	else
		pthread_atfork(NULL, process_note_fork, NULL);
	other = raw_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (other >= 0 || other < -4095) {
		shared = (struct shared_page *)other;
		atomic_store(&shared->processes, 1);
	}
	atomic_store(&process.pid, raw_getpid());
	atomic_store(&process.threads, 1);
	process.base_ns = read_clock(CLOCK_MONOTONIC);
	process.base_realtime_ns = (int64_t)read_clock(CLOCK_REALTIME);
	atomic_store(process.alive, 1);
	process_alive = process.alive;
	return true;
}
