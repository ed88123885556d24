#include "sink/recording_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "format/attributes.h"
#include "format/facts.h"
#include "format/names.h"
#include "format/pack.h"
#include "format/path.h"
#include "guest/complaint.h"
#include "guest/identity.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sink/recording_keep.h"
#include "sys/cgroup.h"
#include "sys/clock.h"
#include "sys/raw.h"
#include "sys/restriction.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* PART: how much of a limit on memory a recording may take. HAS_32_BITS: the address space itself
 * is a limit. */
enum {
	HAS_32_BITS = sizeof(void *) == 4,
	PAGE_BYTES = 4096,
	LEAST_BLOCKS = 3,
	MOST_NAMES = 9,
	PART = 16
};

static char program_name[RECORD_PROGRAM_BYTES];

/* Expands the path. If a recording with that name exists already (of another program of the same
 * process, or of a process with the same id in another namespace), and the path contains no time,
 * the time is appended. */
static void expand_path(struct recording *recording, unsigned attempt)
{
	const struct path_values values = {
		.pid = process_pid(),
		.realtime_ns = (int64_t)clock_read(CLOCK_REALTIME),
		.has_time = true,
		.has_suffix = attempt > 1 && !path_has(config.record_path, 't'),
	};
	struct strbuf path;

	strbuf_init(&path, recording->path, sizeof(recording->path) - 1);
	path_expand(&path, config.record_path, &values);
	recording->path[path.size] = '\0';
}

/* Copies the folder of the path, which has at least one slash. */
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
				  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE,
				  0600);
	}
	return fd;
}

static bool has_proc(void)
{
	return raw_syscall3(SYS_faccessat, AT_FDCWD, (long)"/proc/thread-self/fd", F_OK) == 0;
}

/* Opens a new file without a name, so that a half-made file is never visible. If the file system
 * does not support that, or there is no /proc to name it by, opens it with its name. */
static long open_new(struct recording *recording)
{
	long fd;

	expand_path(recording, 1);
	folder_of(recording->path, recording->folder);
	recording->is_named = !has_proc();
	if (recording->is_named)
		return open_named(recording);
	fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->folder,
			  O_TMPFILE | O_RDWR | O_CLOEXEC | O_LARGEFILE, 0600);
	recording->is_named = fd == -EOPNOTSUPP || fd == -EISDIR || fd == -EINVAL;
	return recording->is_named ? open_named(recording) : fd;
}

/* Writes the descriptor's path in /proc. Uses thread-self, because the descriptor may be one of
 * aside_run's thread. */
static void name_descriptor(char path[40], int fd)
{
	struct strbuf name;

	strbuf_init(&name, path, 39);
	strbuf_string(&name, "/proc/thread-self/fd/");
	strbuf_integer(&name, fd);
	path[name.size] = '\0';
}

static int give_name(struct recording *recording, int fd)
{
	char from[40];
	long result = -EEXIST;

	if (recording->is_named)
		return 0;
	name_descriptor(from, fd);
	for (unsigned attempt = 1; result == -EEXIST && attempt <= MOST_NAMES; attempt++) {
		expand_path(recording, attempt);
		result = raw_syscall6(SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD,
				      (long)recording->path, AT_SYMLINK_FOLLOW, 0);
	}
	recording->is_named = result == 0;
	return (int)result;
}

/* If MADV_POPULATE_WRITE is missing, uses clock_gettime: it returns EFAULT where a store would
 * raise SIGBUS, and every filter allows it. */
int recording_file_reserve(uint8_t *at, size_t size)
{
	long result = restriction_is_inherited() ? -EINVAL
						 : raw_syscall3(SYS_madvise, (long)at, (long)size,
								MADV_POPULATE_WRITE);

	if (restriction_is_strict())
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

/* Returns whether calls are left out that move bytes, or that open or close a connection.
 */
static bool is_selected(void)
{
	for (unsigned call = 0; call < CALL_COUNT; call++)
		if (!config.is_shown[call] && call_rows[call].effect != EFFECT_NONE &&
		    call_rows[call].effect < EFFECT_WAIT)
			return true;
	return false;
}

/* Stores the attributes behind the names. */
static void add_attributes(struct record_header *header)
{
	const char *from = identity_attributes();
	size_t end = header->names_offset + header->names_bytes, size = attributes_size(from);

	if (size == 1 || size > RECORD_HEADER_BYTES - end)
		return;
	memcpy((uint8_t *)header + end, from, size);
	header->attributes_bytes = (uint32_t)size;
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
			 (config.has_lines ? RECORD_HAS_TEXT : 0U) |
			 (is_selected() ? RECORD_IS_SELECTED : 0U),
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
	add_attributes(header);
	memcpy(header->magic, RECORD_MAGIC, sizeof(header->magic));
}

static uint64_t read_limit(int resource)
{
	struct rlimit64 limit = {.rlim_cur = RLIM64_INFINITY};

	raw_syscall4(SYS_prlimit64, 0, resource, 0, (long)&limit);
	return limit.rlim_cur == RLIM64_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* Lowers size to most if that is less, because of a limit of limit_bytes. */
static uint64_t lower(struct recording *recording, uint64_t size, uint64_t most,
		      enum recording_limit limit, uint64_t limit_bytes)
{
	if (most >= size)
		return size;
	recording->limited_by = limit;
	recording->limit_bytes = limit_bytes;
	return most;
}

/* Returns the size of the recording, lowered to the limits. A file above the program's limit would
 * raise SIGXFSZ; a file that is mapped whole takes address space; a file in memory takes memory. Of
 * what the program needs itself the recording takes a part only. */
static uint64_t limit_size(struct recording *recording, int fd)
{
	uint64_t size = config.record_bytes, limit = read_limit(RLIMIT_FSIZE);
	struct statfs system = {0};

	size = lower(recording, size, limit, RECORDING_FILE_LIMIT, limit);
	if (restriction_is_inherited()) {
		limit = read_limit(RLIMIT_AS);
		size = lower(recording, size, limit / PART, RECORDING_ADDRESS_LIMIT, limit);
	}
	if (HAS_32_BITS)
		size = lower(recording, size, (UINT64_C(1) << 32) / PART, RECORDING_ADDRESS_LIMIT,
			     UINT64_C(1) << 32);
	if (raw_syscall2(SYS_fstatfs, fd, (long)&system) == 0 &&
	    ((uint32_t)system.f_type == TMPFS_MAGIC || (uint32_t)system.f_type == RAMFS_MAGIC)) {
		limit = cgroup_memory_limit();
		size = lower(recording, size, limit / PART, RECORDING_MEMORY_LIMIT, limit);
	}
	return size;
}

static int map_file(struct recording *recording, int fd)
{
	uint64_t size = limit_size(recording, fd), blocks;
	struct stat64 status;
	int result;

	if (size < RECORD_HEADER_BYTES + LEAST_BLOCKS * RECORD_BLOCK_BYTES)
		return -EFBIG;
	blocks = (size - RECORD_HEADER_BYTES) / RECORD_BLOCK_BYTES;
	size = RECORD_HEADER_BYTES + blocks * RECORD_BLOCK_BYTES;
	result = file_id_read(fd, &recording->id, &status);
	if (result >= 0)
		result = (int)raw_truncate(fd, size);
	if (result >= 0)
		result = recording_map_start(&recording->map, fd, size);
	if (result < 0)
		return result;
	atomic_store(&recording->block_count, blocks);
	if (recording_file_reserve((uint8_t *)recording->map.header, RECORD_HEADER_BYTES) < 0)
		return -ENOSPC;
	if (config.record_wraps) {
		recording->owner_count = blocks;
		recording->owners = raw_map((size_t)blocks * sizeof(*recording->owners));
		if (!recording->owners)
			return -ENOMEM;
	}
	fill_header(recording->map.header, blocks);
	return 0;
}

void recording_file_unmap(struct recording *recording)
{
	if (recording->owners)
		raw_unmap((void *)recording->owners,
			  (size_t)recording->owner_count * sizeof(*recording->owners));
	recording_map_end(&recording->map);
	raw_unmap(recording, sizeof(*recording));
}

void recording_file_append_path(struct strbuf *line, const char *path)
{
	strbuf_printable(line, path, strnlen(path, 256));
}

void recording_file_complain(int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_RECORD: cannot create the recording \"");
	recording_file_append_path(&line, config.record_path);
	strbuf_string(&line, "\": ");
	names_error(&line, error);
	strbuf_string(&line, error == ENOSPC   ? " (the disk is full)"
			     : error == EFBIG  ? " (the limit on the size of files, ulimit -f, or "
						 "on memory is too small)"
			     : error == EAGAIN ? " (the program locks all of its memory, and the "
						 "limit on locked memory, ulimit -l, is too small)"
			     : error == EEXIST ? " (files with this name already exist)"
					       : "");
	strbuf_string(&line, ". Nothing is recorded. Use a directory in which this user can create "
			     "files, or a path with %p, for example TCPSHIM_RECORD=/var/tmp.");
	complaint_write(line.text, line.size);
}

static void append_size(struct strbuf *line, uint64_t bytes)
{
	static const char *const units[] = {" bytes", " KiB", " MiB", " GiB"};
	unsigned unit = 0;

	while (unit < 3 && bytes >= 10 << 10) {
		bytes >>= 10;
		unit++;
	}
	strbuf_unsigned(line, bytes);
	strbuf_string(line, units[unit]);
}

void recording_file_report_limit(const struct recording *recording)
{
	static const char *const reasons[] = {
		[RECORDING_FULL_SIZE] = "",
		[RECORDING_FILE_LIMIT] = "the limit on the size of files (ulimit -f) is ",
		[RECORDING_ADDRESS_LIMIT] = "it may use a sixteenth of the limit on the process's "
					    "address space (ulimit -v), which is ",
		[RECORDING_MEMORY_LIMIT] = "its file system is in memory (tmpfs), and it may use a "
					   "sixteenth of the cgroup's memory limit, which is ",
	};
	char text[PATH_MAX / 4];
	struct strbuf line;

	if (recording->limited_by == RECORDING_FULL_SIZE)
		return;
	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: the recording ");
	recording_file_append_path(&line, recording->path);
	strbuf_string(&line, " is limited to ");
	append_size(&line, recording->map.file_bytes);
	strbuf_string(&line, " instead of ");
	append_size(&line, config.record_bytes);
	strbuf_string(&line, ": ");
	strbuf_string(&line, reasons[recording->limited_by]);
	append_size(&line, recording->limit_bytes);
	strbuf_string(&line, ". TCPSHIM_RECORD_FULL=wrap keeps the newest events.");
	complaint_write(line.text, line.size);
}

void recording_file_report_removed(const struct recording *recording)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	if (!recording->is_removed)
		return;
	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: the recording is lost: ");
	recording_file_append_path(&line, recording->path);
	strbuf_string(&line, " was removed or replaced while it was being written.");
	complaint_write(line.text, line.size);
}

static bool is_same_file(const struct recording *recording, int fd)
{
	struct file_id id;
	struct stat64 status;

	return file_id_read(fd, &id, &status) == 0 && file_id_is_same(&id, &recording->id);
}

/* Maps the header again by the file's name, so that /proc/PID/maps shows the name. */
static void show_name(struct recording *recording)
{
	long fd = raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->path,
			       O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE, 0);

	if (fd < 0)
		return;
	if (is_same_file(recording, (int)fd))
		recording_map_rename(&recording->map, (int)fd);
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
		/* Truncating a mapped file would kill the process that writes it. */
		raw_syscall2(SYS_fchmod, fd, 0400);
	}
	raw_close((int)fd);
	if (result < 0 && recording->is_named)
		raw_syscall3(SYS_unlinkat, AT_FDCWD, (long)recording->path, 0);
	return result;
}

int recording_file_start(const char *program)
{
	static char folder[PATH_MAX]; /* too large for the stack; used in the constructor only */
	struct strbuf name;
	long result;

	strbuf_init(&name, program_name, sizeof(program_name) - 1);
	strbuf_string(&name, program);
	folder_of(config.record_path, folder);
	result = raw_syscall3(SYS_faccessat, AT_FDCWD, (long)folder, W_OK | X_OK);
	return (int)-result;
}

/* Opens the path if it still leads to the file that was written. Returns -ENOENT if it does not. */
static int open_again(const struct recording *recording, int flags)
{
	int fd = (int)raw_syscall4(SYS_openat, AT_FDCWD, (long)recording->path,
				   flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd >= 0 && !is_same_file(recording, fd)) {
		raw_close(fd);
		return -ENOENT;
	}
	return fd;
}

/* Cuts off the blocks that were never taken. No more can be taken after that. */
static void trim(struct recording *recording, int fd)
{
	uint64_t used;
	int writable;

	if (atomic_load(&recording->next) >= atomic_load(&recording->block_count))
		return;
	used = atomic_exchange(&recording->next, RECORDING_CLOSED);
	if (used >= atomic_load(&recording->block_count))
		return;
	atomic_store(&recording->block_count, used);
	raw_syscall2(SYS_fchmod, fd, 0600);
	writable = open_again(recording, O_WRONLY);
	if (writable >= 0) {
		raw_truncate(writable, RECORD_HEADER_BYTES + used * RECORD_BLOCK_BYTES);
		raw_close(writable);
	}
	raw_syscall2(SYS_fchmod, fd, 0400);
}

void recording_file_end(struct recording *recording)
{
	int fd = open_again(recording, O_RDONLY);

	recording->is_removed = fd == -ENOENT;
	if (fd < 0)
		return;
	trim(recording, fd);
	raw_close(fd);
	if (config.record_keep > 0)
		recording_keep(recording->path, recording->folder);
}
