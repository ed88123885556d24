#include "sink/recording_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/process.h"
#include "core/raw.h"
#include "format/names.h"
#include "format/pack.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE_BYTES = 4096, LEAST_BLOCKS = 3, MOST_NAMES = 9 };

static char program_name[RECORD_PROGRAM_BYTES];

/* Appends the time of day in UTC, to the microsecond: 20261125T082600.123456. Days to a date as in
 * the Gregorian calendar, from the 1st of March of year 0. */
static void append_time(struct strbuf *path)
{
	uint64_t us = clock_read(CLOCK_REALTIME) / 1000, seconds = us / 1000000;
	uint64_t days = seconds / 86400 + 719468, era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t day_of_year = day - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day_of_year + 2) / 153;

	year += era * 400 + (month >= 10);
	strbuf_padded(path, year, 4);
	strbuf_padded(path, month < 10 ? month + 3 : month - 9, 2);
	strbuf_padded(path, day_of_year - (153 * month + 2) / 5 + 1, 2);
	strbuf_char(path, 'T');
	strbuf_padded(path, seconds / 3600 % 24, 2);
	strbuf_padded(path, seconds / 60 % 60, 2);
	strbuf_padded(path, seconds % 60, 2);
	strbuf_char(path, '.');
	strbuf_padded(path, us % 1000000, 6);
}

/* %p is the process id. Where there is a recording of that name already (another program of the
 * same process, or a process of the same id in another namespace), the time follows. */
static void expand_path(struct recording *recording, unsigned attempt)
{
	struct strbuf path;

	strbuf_init(&path, recording->path, sizeof(recording->path) - 1);
	for (const char *from = config.record_path; *from; from++) {
		if (from[0] == '%' && from[1] == 'p') {
			strbuf_integer(&path, process_pid());
			if (attempt > 1) {
				strbuf_char(&path, '-');
				append_time(&path);
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

/* The clock is a system call that answers EFAULT where a store would raise SIGBUS, and that every
 * filter allows. */
int recording_file_reserve(uint8_t *at, size_t size)
{
	long result = process_is_filtered() ? -EINVAL
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
	if (!process_is_filtered())
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
	if (recording_file_reserve((uint8_t *)mapped, RECORD_HEADER_BYTES) < 0)
		return -ENOSPC;
	if (config.record_wraps) {
		recording->owners = raw_map(blocks * sizeof(*recording->owners));
		if (!recording->owners)
			return -ENOMEM;
	}
	fill_header(recording->header, blocks);
	return 0;
}

void recording_file_unmap(struct recording *recording)
{
	if (recording->owners)
		raw_unmap((void *)recording->owners,
			  (recording->mapped_bytes - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES *
				  sizeof(*recording->owners));
	if (recording->header)
		raw_unmap(recording->header, recording->mapped_bytes);
	raw_unmap(recording, sizeof(*recording));
}

void recording_file_append_path(struct strbuf *line, const char *path)
{
	for (size_t i = 0; i < 256 && path[i]; i++)
		strbuf_char(line, path[i] >= ' ' && path[i] != 0x7f ? path[i] : '?');
}

void recording_file_complain(int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_RECORD: no recording can be made as \"");
	recording_file_append_path(&line, config.record_path);
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
	if (!process_is_filtered())
		raw_syscall3(SYS_madvise, (long)recording->header, (long)recording->mapped_bytes,
			     MADV_DONTDUMP);
	raw_close((int)fd);
}

int recording_file_make(struct recording *recording)
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

int recording_file_start(const char *program)
{
	static char folder[PATH_MAX]; /* too large for the stack; only the constructor comes here */
	struct strbuf name;
	long result;

	strbuf_init(&name, program_name, sizeof(program_name) - 1);
	strbuf_string(&name, program);
	folder_of(config.record_path, folder);
	result = raw_syscall3(SYS_faccessat, AT_FDCWD, (long)folder, W_OK | X_OK);
	return (int)-result;
}

static void say_removed(const char *path)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: the recording is lost: ");
	recording_file_append_path(&line, path);
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
	used = atomic_exchange(&recording->next, RECORDING_CLOSED);
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

/* Makes the descriptors of this thread, which is about to end with its process, its own: the file
 * is opened at the lowest free number, and another thread that still writes to that number must not
 * write into the recording. False: that is not possible here, and there may be other threads. */
static bool has_private_descriptors(void)
{
	if (process_is_filtered())
		return !process_has_threads();
	return raw_syscall1(SYS_unshare, CLONE_FILES) == 0 || !process_has_threads();
}

void recording_file_end(struct recording *recording)
{
	long fd;

	if (!has_private_descriptors())
		return;

	if (!find_file(recording, &fd))
		say_removed(recording->path);
	else if (fd >= 0)
		trim(recording, (int)fd);
	if (fd >= 0)
		raw_close((int)fd);
}
