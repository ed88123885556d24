#include "sink/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "core/hot.h"
#include "core/process.h"
#include "core/raw.h"
#include "format/names.h"
#include "format/pack.h"
#include "format/strbuf.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE_BYTES = 4096, LEAST_BLOCKS = 3, MOST_NAMES = 9, LAPS = 16, MOST_PAUSES = 1000 };

/* One mapped file. Published whole, and then constant but for the atomic fields. */
struct recording {
	struct record_header *header;
	size_t mapped_bytes;
	uint64_t device, inode;
	_Atomic uint64_t next;        /* the number of the block that is taken next */
	_Atomic uint64_t block_count; /* fewer from the moment on when no more can be reserved */
	/* of a recording that wraps: which blocks a thread is filling */
	_Atomic uint8_t *is_owned;
	_Atomic uint32_t streams;
	bool is_named;
	char path[PATH_MAX], folder[PATH_MAX];
};

_Atomic uint32_t recording_current_lap HOT_DATA;

static _Atomic(struct recording *) current;
static _Atomic bool is_making;
static _Atomic int failure; /* errno of making the file; it is not tried again */
static _Atomic uint64_t lost;
static char program_name[RECORD_PROGRAM_BYTES];

void recording_count_lost(uint64_t count, int error)
{
	struct recording *recording = atomic_load(&current);

	if (recording) {
		__atomic_fetch_add(&recording->header->lost_events, count, __ATOMIC_RELAXED);
		__atomic_store_n(&recording->header->lost_error, error, __ATOMIC_RELAXED);
	}
	atomic_fetch_add(&lost, count);
}

void recording_count_nested(void)
{
	struct recording *recording = atomic_load(&current);

	if (recording)
		__atomic_fetch_add(&recording->header->nested_calls, 1, __ATOMIC_RELAXED);
}

/* --- The file. --- */

/* %p is the process id; with -2 and so on behind it where a program of the same process recorded
 * before this one. */
static void expand_path(struct recording *recording, unsigned attempt)
{
	struct strbuf path;

	strbuf_init(&path, recording->path, sizeof(recording->path) - 1);
	for (const char *from = config.record_path; *from; from++) {
		if (from[0] == '%' && from[1] == 'p') {
			strbuf_integer(&path, process_pid());
			if (attempt > 1) {
				strbuf_char(&path, '-');
				strbuf_unsigned(&path, attempt);
			}
			from++;
		} else {
			strbuf_char(&path, *from);
		}
	}
	recording->path[path.size] = '\0';
}

/* The folder of the path, which has at least one slash. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
	size_t size = (size_t)(strrchr(path, '/') - path);

	memcpy(folder, path, size);
	folder[size] = '\0';
	if (size == 0)
		memcpy(folder, "/", 2);
}

static long open_named(struct recording *recording)
{
	long fd = -EEXIST;

	for (unsigned attempt = 1; fd == -EEXIST && attempt <= MOST_NAMES; attempt++) {
		expand_path(recording, attempt);
		fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->path,
				  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	return fd;
}

/* Without a name as yet, so that no half-made file is ever seen; where the file system cannot do
 * that, with its name. */
static long open_new(struct recording *recording)
{
	long fd;

	expand_path(recording, 1);
	folder_of(recording->path, recording->folder);
	fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->folder,
			  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	recording->is_named = fd == -EOPNOTSUPP || fd == -EISDIR || fd == -EINVAL;
	return recording->is_named ? open_named(recording) : fd;
}

static int give_name(struct recording *recording, int fd)
{
	char from[32];
	struct strbuf name;
	long result = -EEXIST;

	if (recording->is_named)
		return 0;
	strbuf_init(&name, from, sizeof(from) - 1);
	strbuf_string(&name, "/proc/self/fd/");
	strbuf_integer(&name, fd);
	from[name.size] = '\0';
	for (unsigned attempt = 1; result == -EEXIST && attempt <= MOST_NAMES; attempt++) {
		expand_path(recording, attempt);
		result = raw_syscall6(SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD,
				      (long)recording->path, AT_SYMLINK_FOLLOW, 0);
	}
	recording->is_named = result == 0;
	return (int)result;
}

/* Makes sure that stores find a page: -ENOSPC where the disk is full. The clock is a system call
 * that answers EFAULT where a store would raise SIGBUS, and that every filter allows. */
static int reserve(uint8_t *at, size_t size)
{
	long result = process_is_quiet() ? -EINVAL
					 : raw_syscall3(SYS_madvise, (long)at, (long)size,
							MADV_POPULATE_WRITE);

	if (process_is_strict())
		return -ENOSPC;
	if (result == -EINVAL)
		for (result = 0; result == 0 && size > 0; at += PAGE_BYTES, size -= PAGE_BYTES)
			result = raw_syscall2(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, (long)at);
	return result < 0 ? -ENOSPC : 0;
}

static size_t read_file(const char *path, char *to, size_t size)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0), got;

	if (fd < 0)
		return 0;
	got = raw_syscall3(SYS_read, fd, (long)to, (long)size);
	raw_close((int)fd);
	return got > 0 ? (size_t)got : 0;
}

static void fill_header(struct record_header *header, uint64_t blocks)
{
	size_t size;

	*header = (struct record_header){
		.version = RECORD_VERSION,
		.header_bytes = RECORD_HEADER_BYTES,
		.block_bytes = RECORD_BLOCK_BYTES,
		.block_count = (uint32_t)blocks,
		.flags = (config.record_wraps ? RECORD_WRAPS : 0U) |
			 (config.has_lines ? RECORD_HAS_TEXT : 0U),
		.pid = process_pid(),
		.parent_pid = (int32_t)raw_syscall1(SYS_getppid, 0),
		.names_offset = sizeof(*header),
		.base_ns = process_base_ns(),
		.realtime_offset_ns = process_realtime_offset_ns(),
		.data_bytes = config.style.data_bytes,
	};
	memcpy(header->program, program_name, sizeof(header->program));
	size = read_file("/proc/sys/kernel/random/boot_id", header->boot, sizeof(header->boot) - 1);
	header->boot[size > 0 && header->boot[size - 1] == '\n' ? size - 1 : size] = '\0';
	raw_syscall4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)header->executable,
		     sizeof(header->executable) - 1);
	header->names_bytes =
		(uint32_t)pack_names(header + 1, RECORD_HEADER_BYTES - sizeof(*header));
	memcpy(header->magic, RECORD_MAGIC, sizeof(header->magic));
}

/* A file larger than the program's limit would raise SIGXFSZ. */
static uint64_t limit_size(uint64_t size)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

	raw_syscall4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit);
	return limit.rlim_cur < size ? limit.rlim_cur : size;
}

/* A store into a hole would have the kernel read ahead, as far as the device is set to: where that
 * is 8 MiB, one call in some thousands would take 1 to 25 ms. */
static void no_readahead(long mapped, size_t size)
{
	raw_syscall3(SYS_madvise, mapped, (long)size, MADV_RANDOM);
}

static int map_file(struct recording *recording, int fd)
{
	uint64_t size = limit_size(config.record_bytes);
	uint64_t blocks = (size - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES;
	struct stat status = {0};
	long mapped, result;

	if (size < RECORD_HEADER_BYTES || blocks < LEAST_BLOCKS)
		return -EFBIG;
	size = RECORD_HEADER_BYTES + blocks * RECORD_BLOCK_BYTES;
	result = raw_syscall2(SYS_fstat, fd, (long)&status);
	if (result >= 0)
		result = raw_syscall2(SYS_ftruncate, fd, (long)size);
	if (result < 0)
		return (int)result;
	mapped = raw_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped < 0 && mapped > -4096)
		return (int)mapped;
	no_readahead(mapped, size);
	recording->header = (struct record_header *)mapped;
	recording->mapped_bytes = size;
	recording->device = status.st_dev;
	recording->inode = status.st_ino;
	atomic_store(&recording->block_count, blocks);
	if (reserve((uint8_t *)mapped, RECORD_HEADER_BYTES) < 0)
		return -ENOSPC;
	if (config.record_wraps) {
		recording->is_owned = raw_map(blocks);
		if (!recording->is_owned)
			return -ENOMEM;
	}
	fill_header(recording->header, blocks);
	return 0;
}

static void unmap(struct recording *recording)
{
	if (recording->is_owned)
		raw_unmap((void *)recording->is_owned,
			  (recording->mapped_bytes - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES);
	if (recording->header)
		raw_unmap(recording->header, recording->mapped_bytes);
	raw_unmap(recording, sizeof(*recording));
}

static void append_path(struct strbuf *line, const char *path)
{
	for (size_t i = 0; i < 256 && path[i]; i++)
		strbuf_char(line, path[i] >= ' ' && path[i] != 0x7f ? path[i] : '?');
}

static void complain(const char *path, int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_RECORD: no recording can be made as \"");
	append_path(&line, path);
	strbuf_string(&line, "\": ");
	names_error(&line, error);
	strbuf_string(&line, error == ENOSPC ? " (the disk is full)"
			     : error == EFBIG
				     ? " (the limit on the size of files, ulimit -f, is too small)"
				     : "");
	strbuf_string(&line, "; it wants a directory in which this user can make files, or a path "
			     "with %p, for example TCPSHIM_RECORD=/tmp. Nothing is recorded.");
	process_complain(line.text, line.size);
}

/* The mapping is made again by the file's name, so that /proc/PID/maps tells it; if that fails, the
 * first one does as well. */
static void show_name(struct recording *recording)
{
	struct stat status;
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->path,
			       O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (raw_syscall2(SYS_fstat, fd, (long)&status) == 0 && status.st_dev == recording->device &&
	    status.st_ino == recording->inode)
		raw_syscall6(SYS_mmap, (long)recording->header, (long)recording->mapped_bytes,
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, (int)fd, 0);
	no_readahead((long)recording->header, recording->mapped_bytes);
	/* A core file would hold it all once more. */
	raw_syscall3(SYS_madvise, (long)recording->header, (long)recording->mapped_bytes,
		     MADV_DONTDUMP);
	raw_close((int)fd);
}

static int make_file(struct recording *recording)
{
	long fd = open_new(recording);
	int result;

	if (fd < 0)
		return (int)fd;
	result = map_file(recording, (int)fd);
	if (result == 0)
		result = give_name(recording, (int)fd);
	if (result == 0) {
		show_name(recording);
		/* Whoever cuts a mapped file short kills its writer. */
		raw_syscall2(SYS_fchmod, fd, 0400);
	}
	raw_close((int)fd);
	if (result < 0 && recording->is_named)
		raw_syscall3(SYS_unlinkat, AT_FDCWD, (long)recording->path, 0);
	return result;
}

/* Another thread is making it: that takes less than a millisecond, but on a slow disk. */
static struct recording *wait_for_recording(void)
{
	const struct timespec pause = {.tv_nsec = 100000};

	for (int i = 0; i < MOST_PAUSES && atomic_load(&failure) == 0; i++) {
		if (atomic_load(&current) || process_is_quiet())
			break;
		raw_syscall2(SYS_nanosleep, (long)&pause, 0);
	}
	return atomic_load(&current);
}

static struct recording *make(void)
{
	struct recording *recording;
	int result;

	if (atomic_load(&failure) != 0)
		return NULL;
	if (process_is_quiet()) {
		result = -EPERM;
	} else if (atomic_exchange(&is_making, true)) {
		return wait_for_recording();
	} else {
		thread_hold_signals(); /* so that no handler leaves by siglongjmp */
		recording = raw_map(sizeof(*recording));
		result = recording ? make_file(recording) : -ENOMEM;
		if (result == 0) {
			atomic_store(&recording_current_lap, 1);
			atomic_store(&current, recording);
			return recording;
		}
		if (recording)
			unmap(recording);
	}
	if (atomic_exchange(&failure, -result) == 0)
		complain(config.record_path, -result);
	return NULL;
}

static bool is_writable(const char *path, int *error)
{
	static char folder[PATH_MAX]; /* too large for the stack; only the constructor comes here */
	long result;

	folder_of(path, folder);
	result = raw_syscall3(SYS_faccessat, AT_FDCWD, (long)folder, W_OK | X_OK);
	*error = (int)-result;
	return result >= 0;
}

bool recording_start(const char *program)
{
	struct strbuf name;
	int error;

	strbuf_init(&name, program_name, sizeof(program_name) - 1);
	strbuf_string(&name, program);
	if (is_writable(config.record_path, &error))
		return true;
	complain(config.record_path, error);
	return false;
}

void recording_start_over(void)
{
	struct recording *recording = atomic_exchange(&current, NULL);

	if (recording)
		unmap(recording);
	atomic_store(&recording_current_lap, 0);
	atomic_store(&is_making, false);
	atomic_store(&failure, 0);
	atomic_store(&lost, 0);
}

/* --- Blocks. --- */

static void raise_to(uint64_t *to, uint64_t value)
{
	uint64_t known = __atomic_load_n(to, __ATOMIC_RELAXED);

	while (known < value && !__atomic_compare_exchange_n(to, &known, value, true,
							     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static struct record_block *block_at(struct recording *recording, uint64_t number)
{
	return (struct record_block *)((uint8_t *)recording->header + RECORD_HEADER_BYTES +
				       number * RECORD_BLOCK_BYTES);
}

/* Block number of one that was never used: reserved, or -ENOSPC and from now on there are no more.
 */
static int reserve_block(struct recording *recording, uint64_t number, uint64_t count)
{
	int result = reserve((uint8_t *)block_at(recording, number), RECORD_BLOCK_BYTES);

	if (result < 0) {
		__atomic_store_n(&recording->header->lost_error, -result, __ATOMIC_RELAXED);
		while (number < count &&
		       !atomic_compare_exchange_weak(&recording->block_count, &count, number))
			;
	}
	return result;
}

/* The number in the ring of the next block that nobody is filling, or -1. */
static int64_t take_number(struct recording *recording, uint64_t *sequence)
{
	for (uint64_t tries = 0; tries < 2 * config.record_bytes / RECORD_BLOCK_BYTES; tries++) {
		uint64_t count = atomic_load(&recording->block_count), number;
		uint8_t is_owned = 0;

		if (count == 0 || (!config.record_wraps && atomic_load(&recording->next) >= count))
			return -1;
		*sequence = atomic_fetch_add(&recording->next, 1);
		number = *sequence;
		if (!config.record_wraps && number >= count)
			return -1;
		if (number < count && reserve_block(recording, number, count) < 0)
			continue;
		number %= count;
		if (config.record_wraps &&
		    !atomic_compare_exchange_strong(&recording->is_owned[number], &is_owned, 1))
			continue;
		if (config.record_wraps && number % (count / LAPS + 1) == 0)
			atomic_fetch_add(&recording_current_lap, 1);
		return (int64_t)number;
	}
	return -1;
}

static void leave_block(struct recording *recording, struct record_block *block)
{
	__atomic_store_n(&block->current.call, 0, __ATOMIC_RELAXED);
	if (recording->is_owned)
		atomic_store_explicit(&recording->is_owned[((uint8_t *)block -
							    (uint8_t *)block_at(recording, 0)) /
							   RECORD_BLOCK_BYTES],
				      0, memory_order_release);
}

static bool take_block(struct recording *recording, struct area *area, uint64_t now_ns)
{
	uint64_t sequence;
	int64_t number = take_number(recording, &sequence);
	struct record_block *block;

	if (number < 0)
		return false;
	block = block_at(recording, (uint64_t)number);
	if (block->sequence != 0)
		__atomic_fetch_add(&recording->header->overwritten_events, block->events,
				   __ATOMIC_RELAXED);
	__atomic_store_n(&block->sequence, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (area->stream == 0)
		area->stream = atomic_fetch_add(&recording->streams, 1) + 1;
	block->stream = area->stream;
	block->tid = thread.tid;
	block->thread_number = thread.number;
	block->events = thread.events = 0;
	block->previous_ns = thread.previous_ns;
	block->time_ns = now_ns;
	block->current = (struct record_current){0};
	*(uint64_t *)(block + 1) = 0;
	__atomic_store_n(&block->sequence, sequence + 1, __ATOMIC_RELEASE);
	raise_to(&recording->header->blocks_taken, sequence + 1);
	area->block = thread.block = block;
	thread.used = sizeof(*block);
	thread.last_ns = now_ns;
	return true;
}

/* Where the records of a block end that another thread filled. */
static uint32_t find_end(const struct record_block *block)
{
	uint32_t used = sizeof(*block);

	while (used < RECORD_BLOCK_BYTES) {
		const struct record_head *head =
			(const struct record_head *)((const uint8_t *)block + used);

		if (head->size == 0)
			break;
		used += head->size;
	}
	return used;
}

/* The area's block was another thread's, which has ended, or this one's, which left the library by
 * siglongjmp and may have been writing a record: it goes on behind the last that is whole. */
static void take_over(struct recording *recording, struct area *area, uint64_t now_ns)
{
	const struct record_thread told = {
		.tid = thread.tid,
		.thread_number = thread.number,
		.previous_ns = thread.previous_ns,
		.time_ns = now_ns,
	};
	uint8_t *at;

	thread.used = find_end(area->block);
	if (thread.used + sizeof(told) > RECORD_BLOCK_BYTES) {
		struct record_block *full = area->block;

		area->block = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		leave_block(recording, full);
		return;
	}
	thread.block = area->block;
	thread.events = thread.block->events;
	thread.block->current.call = 0;
	thread.last_ns = now_ns;
	at = (uint8_t *)thread.block + thread.used;
	memcpy(at + sizeof(told.head), (const uint8_t *)&told + sizeof(told.head),
	       sizeof(told) - sizeof(told.head));
	recording_commit(sizeof(told), RECORD_THREAD, 0);
}

static bool has_room(struct recording *recording, struct area *area, size_t least, uint64_t now_ns)
{
	if (area->block_epoch != thread.epoch) { /* what it points to was the parent's */
		area->block = NULL;
		area->stream = 0;
		area->block_epoch = thread.epoch;
	}
	if (!recording)
		return false;
	if (!thread.block && area->block)
		take_over(recording, area, now_ns);
	if (thread.block && thread.used + least > RECORD_BLOCK_BYTES) {
		struct record_block *full = thread.block;

		/* In this order: a handler may leave by siglongjmp between the two. */
		area->block = thread.block = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		leave_block(recording, full);
	}
	return thread.block || take_block(recording, area, now_ns);
}

void recording_begin(struct area *area, uint64_t now_ns)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (recording)
		has_room(recording, area, 0, now_ns);
}

void recording_be_quiet(struct area *area, uint64_t now_ns)
{
	if (atomic_load_explicit(&current, memory_order_acquire) || make())
		recording_begin(area, now_ns);
}

uint8_t *recording_room(struct area *area, size_t least, size_t *room, uint64_t now_ns)
{
	struct recording *recording = atomic_load_explicit(&current, memory_order_acquire);

	if (!recording)
		recording = make();
	if (!has_room(recording, area, least, now_ns)) {
		recording_count_lost(1, recording ? recording->header->lost_error
						  : atomic_load(&failure));
		return NULL;
	}
	*room = RECORD_BLOCK_BYTES - thread.used;
	return (uint8_t *)thread.block + thread.used;
}

/* --- The end. --- */

static void say_lost(const char *path, uint64_t count, int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: ");
	strbuf_count(&line, count, "event");
	strbuf_string(&line, " could not be recorded in ");
	append_path(&line, path);
	if (error != 0) {
		strbuf_string(&line, ": ");
		names_error(&line, error);
	} else {
		strbuf_string(&line, ", which was full: TCPSHIM_RECORD_SIZE makes it larger, "
				     "TCPSHIM_RECORD_FULL=wrap keeps the newest");
	}
	process_complain(line.text, line.size);
}

static void say_removed(const char *path)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: the recording is lost: ");
	append_path(&line, path);
	strbuf_string(&line, " was removed or replaced while it was written");
	process_complain(line.text, line.size);
}

/* Blocks that were never taken are cut off; none can be taken any more. */
static long trim(struct recording *recording, int fd)
{
	uint64_t used;
	char path[32];
	struct strbuf name;
	long writable, result;

	if (atomic_load(&recording->next) >= atomic_load(&recording->block_count))
		return 0;
	used = atomic_exchange(&recording->next, UINT64_MAX / 2);
	if (used >= atomic_load(&recording->block_count))
		return 0;
	atomic_store(&recording->block_count, used);
	strbuf_init(&name, path, sizeof(path) - 1);
	strbuf_string(&name, "/proc/self/fd/");
	strbuf_integer(&name, fd);
	path[name.size] = '\0';
	raw_syscall2(SYS_fchmod, fd, 0600);
	writable = raw_syscall4(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CLOEXEC, 0);
	result = writable < 0
			 ? writable
			 : raw_syscall2(SYS_ftruncate, writable,
					(long)(RECORD_HEADER_BYTES + used * RECORD_BLOCK_BYTES));
	raw_syscall2(SYS_fchmod, fd, 0400);
	if (writable >= 0)
		raw_close((int)writable);
	return result;
}

/* Whether the path still leads to the file that was written. */
static bool find_file(struct recording *recording, long *fd)
{
	struct stat status;

	*fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->path,
			   O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
	if (*fd == -ENOENT || *fd == -ENOTDIR)
		return false;
	return *fd < 0 || (raw_syscall2(SYS_fstat, *fd, (long)&status) == 0 &&
			   status.st_dev == recording->device && status.st_ino == recording->inode);
}

void recording_end(int status, uint64_t now_ns)
{
	struct recording *recording = atomic_load(&current);
	uint64_t count = atomic_load(&lost);
	long fd;

	if (!recording) {
		if (count > 0)
			say_lost(config.record_path, count, atomic_load(&failure));
		return;
	}
	recording->header->exit_status = status;
	recording->header->end_ns = now_ns;
	__atomic_store_n(&recording->header->end, RECORD_ENDED, __ATOMIC_RELEASE);
	if (count > 0)
		say_lost(recording->path, count, recording->header->lost_error);
	if (process_is_quiet())
		return;
	if (!find_file(recording, &fd))
		say_removed(recording->path);
	else if (fd >= 0)
		trim(recording, (int)fd);
	if (fd >= 0)
		raw_close((int)fd);
}
