#include "sink/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "conn/fdtable.h"
#include "format/names.h"
#include "format/path.h"
#include "format/strbuf.h"
#include "guest/complaint.h"
#include "guest/process.h"
#include "settings/config.h"
#include "sys/file_id.h"
#include "sys/high_fd.h"
#include "sys/raw.h"
#include "sys/restriction.h"

enum {
	FULL_WAIT_S = 1, /* how long to wait for a full pipe or a stopped terminal */
	TERMIOS_BYTES = 64
};
#define CHECK_NS UINT64_C(1000000)

static struct {
	_Atomic int fd;
	struct file_id id;
	bool is_signalling; /* a write could raise SIGPIPE or SIGXFSZ */
	bool is_socket;
	bool is_own_file;
	bool is_regular;
	_Atomic bool is_shared;
	_Atomic bool is_stuck; /* it stayed full for longer than FULL_WAIT_S */
	_Atomic uint64_t checked_ns;
	_Atomic uint64_t written_bytes; /* by this process */
	char path[PATH_MAX];
} output = {.fd = -1};

/* Reads the limit on file sizes, which the program may change at any time. */
static void check_limit(void)
{
	struct rlimit64 limit = {.rlim_cur = RLIM64_INFINITY};

	if (!output.is_regular)
		return;
	raw_syscall4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit);
	output.is_signalling = limit.rlim_cur != RLIM64_INFINITY;
}

/* Checks whether a file at the path of TCPSHIM_OUTPUT may be written to. Another user who created
 * it before could read the trace, or have it written into somebody else's file. Returns 0 or
 * -errno. */
static int check_owner(int fd)
{
	struct stat64 status = {0};

	if (raw_syscall2(RAW_FSTAT, fd, (long)&status) < 0)
		return -EBADF;
	if (S_ISCHR(status.st_mode))
		return 0;
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
		return -EINVAL;
	if (status.st_uid != (uid_t)raw_syscall1(RAW_GETEUID, 0))
		return -EPERM;
	return S_ISREG(status.st_mode) && status.st_nlink > 1 ? -EMLINK : 0;
}

/* Opens a pipe, a FIFO or a terminal again, for an open file description of our own that does not
 * block: if another process has taken the room meanwhile, a write must not wait with all signals
 * blocked. Returns -errno if that is not possible: the description is shared then, and poll has to
 * find room before each write. */
static int reopen(int fd)
{
	struct stat64 status;
	char text[32];
	struct strbuf path;

	if (restriction_is_inherited() || !raw_is_writable(fd) ||
	    raw_syscall2(RAW_FSTAT, fd, (long)&status) < 0 ||
	    (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)))
		return -EINVAL;
	strbuf_init(&path, text, sizeof(text) - 1);
	strbuf_string(&path, "/proc/self/fd/");
	strbuf_integer(&path, fd);
	text[path.size] = '\0';
	return (int)raw_syscall4(SYS_openat, AT_FDCWD, (long)text,
				 O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}

static int adopt_fd(int fd)
{
	struct file_id id;
	struct stat64 status;
	bool is_stored;
	int high;

	if (file_id_read(fd, &id, &status) < 0)
		return -EBADF;
	/* The peer of a watched socket must never receive the trace. */
	if (S_ISSOCK(status.st_mode) && (raw_is_tcp_socket(fd) || config.fds != CONFIG_FDS_TCP))
		return -ENOTSUP;
	high = high_fd_duplicate(fd, !process_is_watching);
	if (high < 0)
		return high;
	output.is_socket = S_ISSOCK(status.st_mode);
	output.is_signalling = S_ISFIFO(status.st_mode);
	output.is_regular = S_ISREG(status.st_mode);
	check_limit();
	output.id = id;
	fdtable_exchange(high, fdtable_slot(FD_OURS, 0, 0), &is_stored);
	atomic_store(&output.fd, high);
	return 0;
}

static void expand_path(void)
{
	struct strbuf path;

	strbuf_init(&path, output.path, sizeof(output.path) - 1);
	path_expand(&path, config.output_path, &(struct path_values){.pid = process_pid()});
	output.is_own_file = path_has(config.output_path, 'p');
	output.path[path.size] = '\0';
}

static bool is_same_file(int fd)
{
	struct file_id id;
	struct stat64 status;

	return file_id_read(fd, &id, &status) == 0 && file_id_is_same(&id, &output.id);
}

/* Opens the path, always with O_NONBLOCK: a FIFO that nobody reads would block the program. A file
 * that is created here is ours, whatever owner the file system shows. is_again: the output was open
 * before. The path may lead to a file of the program by now, so only the same file or a new one is
 * accepted. */
static int open_path(bool is_again)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
		    O_LARGEFILE;
	int fd = (int)raw_syscall4(SYS_openat, AT_FDCWD, (long)output.path, flags | O_EXCL, 0600);
	int result = 0;

	if (fd == -EEXIST) {
		fd = (int)raw_syscall4(SYS_openat, AT_FDCWD, (long)output.path, flags, 0600);
		result = fd < 0 ? 0 : check_owner(fd);
		if (result == 0 && fd >= 0 && is_again && !is_same_file(fd))
			result = -EBADF;
	}
	if (fd < 0)
		return fd;
	if (result == 0)
		result = adopt_fd(fd);
	raw_close(fd);
	return result;
}

static void complain_path(int error)
{
	char text[PATH_MAX / 4];
	struct strbuf line;

	strbuf_init(&line, text, sizeof(text));
	strbuf_string(&line, "tcpshim: TCPSHIM_OUTPUT=\"");
	strbuf_printable(&line, output.path, strnlen(output.path, sizeof(text) / 2 - line.size));
	strbuf_string(&line, "\" cannot be written: ");
	names_error(&line, error);
	if (error == ELOOP)
		strbuf_string(&line, " (it is a symbolic link, which is not followed)");
	else if (error == EPERM)
		strbuf_string(&line, " (it belongs to another user)");
	else if (error == EMLINK)
		strbuf_string(&line, " (it has more than one hard link)");
	else if (error == EINVAL)
		strbuf_string(&line, " (it is not a regular file, FIFO or character device)");
	else if (error == ENXIO)
		strbuf_string(&line, " (no process reads this FIFO)");
	strbuf_string(&line, ". The trace goes to standard error. Use a file that can be created, "
			     "for example TCPSHIM_OUTPUT=/tmp/trace.%p.");
	complaint_write(line.text, line.size);
}

int output_start(void)
{
	int result, own_fd;

	config.output_fd = config.output == CONFIG_OUTPUT_FD ? config.output_fd : STDERR_FILENO;
	if (config.output == CONFIG_OUTPUT_PATH) {
		expand_path();
		result = open_path(false);
		if (result == 0)
			return 0;
		complain_path(-result);
		config.output = CONFIG_OUTPUT_STDERR;
		output.is_own_file = false;
	}
	result = reopen(config.output_fd);
	if (result < 0)
		return adopt_fd(config.output_fd);
	own_fd = result;
	result = adopt_fd(own_fd);
	raw_close(own_fd);
	return result;
}

int output_start_over(void)
{
	int fd = atomic_load(&output.fd);
	bool is_stored;

	if (config.output != CONFIG_OUTPUT_PATH || !output.is_own_file)
		return 0;
	if (restriction_is_filter()) {
		/* open may be fatal: the child writes to its parent's file, with a prefix */
		output.is_own_file = false;
		return 0;
	}
	expand_path();
	atomic_store(&output.fd, -1);
	if (fd >= 0) {
		fdtable_exchange(fd, 0, &is_stored);
		raw_close(fd);
	}
	return open_path(false);
}

bool output_is_own_file(void)
{
	return output.is_own_file;
}

bool output_is_regular(void)
{
	return output.is_regular;
}

bool output_is_shared(void)
{
	return atomic_load_explicit(&output.is_shared, memory_order_relaxed);
}

bool output_is_terminal(void)
{
	char settings[TERMIOS_BYTES]; /* the kernel's struct termios is smaller */

	return !restriction_is_inherited() &&
	       raw_syscall3(SYS_ioctl, output_fd(), TCGETS, (long)settings) == 0;
}

int output_fd(void)
{
	return atomic_load_explicit(&output.fd, memory_order_relaxed);
}

/* Returns whether fd still refers to our file. The program may have closed it in a way that is not
 * seen, and the number may refer to another file. */
static bool is_ours(int fd)
{
	struct file_id id;
	struct stat64 status;

	if (fd < 0)
		return false;
	/* fstat may be fatal; a program that installs a filter is trusted not to close our
	 * descriptor unseen */
	if (restriction_is_filter())
		return true;
	if (file_id_read(fd, &id, &status) < 0 || !file_id_is_same(&id, &output.id))
		return false;
	check_limit();
	atomic_store(&output.is_shared,
		     output.is_regular &&
			     (uint64_t)status.st_size != atomic_load(&output.written_bytes));
	return true;
}

/* Opens the output again. Returns 0 or -errno. */
static int open_again(void)
{
	int fd = atomic_load(&output.fd);
	bool is_stored;

	if (restriction_is_filter() || !process_is_itself())
		return -EBADF;
	if (fd >= 0 && fdtable_state(fdtable_load(fd)) == FD_OURS)
		fdtable_exchange(fd, 0, &is_stored);
	atomic_store(&output.fd, -1);
	if (config.output == CONFIG_OUTPUT_PATH)
		return open_path(true);
	return is_same_file(config.output_fd) ? adopt_fd(config.output_fd) : -EBADF;
}

/* Returns whether there is room to write to an output that may block. Waits for it up to
 * FULL_WAIT_S. If none came, later calls do not wait until something could be written again: the
 * program goes on, and what is lost is counted. A pipe that is ready takes PIPE_BUF bytes without
 * blocking. */
static bool has_room(int fd)
{
	struct pollfd entry = {.fd = fd, .events = POLLOUT};
	struct timespec limit = {.tv_sec = FULL_WAIT_S};
	long result;

	if (restriction_is_strict() || raw_is_ready(fd, POLLOUT)) {
		atomic_store(&output.is_stuck, false);
		return true;
	}
	if (restriction_is_filter() || atomic_load(&output.is_stuck))
		return false;
	do /* the kernel stores the time that is left */
		result = raw_syscall6(SYS_ppoll, (long)&entry, 1, (long)&limit, 0, 0, 0);
	while (result == -EINTR);
	atomic_store(&output.is_stuck, result <= 0);
	return result > 0;
}

bool output_may_wait(void)
{
	return !output.is_regular || output.is_signalling;
}

/* Writes with all signals blocked by this thread. Under an inherited filter the mask cannot be
 * changed; there, poll without events shows that a pipe has no reader. */
static long write_without_signal(int fd, const char *bytes, size_t size)
{
	const struct iovec part = {(void *)bytes, size};

	if (restriction_is_inherited())
		return !restriction_is_strict() && raw_is_ready(fd, 0) ? -EPIPE
								       : raw_write(fd, bytes, size);
	return raw_write_without_signal(fd, &part, 1);
}

static long write_once(int fd, const char *bytes, size_t size)
{
	if (output.is_regular && output.is_signalling && restriction_is_inherited())
		return -EFBIG;
	if (output.is_regular)
		return output.is_signalling ? write_without_signal(fd, bytes, size)
					    : raw_write(fd, bytes, size);
	if (!has_room(fd))
		return -EAGAIN;
	if (output.is_socket)
		return raw_syscall6(SYS_sendto, fd, (long)bytes, (long)size,
				    MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
	if (output.is_signalling)
		return write_without_signal(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
	return raw_write(fd, bytes, size);
}

int output_check(uint64_t now_ns)
{
	int result;

	if (now_ns - atomic_load_explicit(&output.checked_ns, memory_order_relaxed) < CHECK_NS &&
	    output_fd() >= 0)
		return 0;
	if (!is_ours(output_fd())) {
		result = open_again();
		if (result < 0)
			return result;
	}
	atomic_store_explicit(&output.checked_ns, now_ns, memory_order_relaxed);
	return 0;
}

int output_write(const char *bytes, size_t size, size_t *written)
{
	int fd = output_fd();

	*written = 0;
	if (fd < 0)
		return -EBADF;
	while (*written < size) {
		long result = write_once(fd, bytes + *written, size - *written);

		if (result > 0) {
			*written += (size_t)result;
			atomic_fetch_add(&output.written_bytes, (uint64_t)result);
		} else if (result != -EINTR) {
			return result < 0 ? (int)result : -EIO;
		}
	}
	return 0;
}

void output_restrict(void)
{
	check_limit();
}

void output_yield_fd(int fd)
{
	bool is_stored;

	if (fd < 0 || fd != output_fd())
		return;
	if (adopt_fd(fd) < 0)
		atomic_store(&output.fd, -1);
	fdtable_exchange(fd, 0, &is_stored);
	raw_close(fd);
}
