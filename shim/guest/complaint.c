#include "guest/complaint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sys/aside.h"
#include "sys/file_id.h"
#include "sys/raw.h"
#include "sys/restriction.h"

/* The pauses add up to one second. */
enum { COMPLAINT_PAUSES = 20, COMPLAINT_PAUSE_NS = 50000000 };

/* The file that standard error was at the start; has_standard_error is false if it was closed. */
static struct file_id standard_error;
static bool has_standard_error;

void complaint_start(void)
{
	struct stat64 status;

	has_standard_error = file_id_read(STDERR_FILENO, &standard_error, &status) == 0;
}

static bool is_standard_error_kept(struct stat64 *status)
{
	struct file_id now;

	return has_standard_error && file_id_read(STDERR_FILENO, &now, status) == 0 &&
	       file_id_is_same(&now, &standard_error);
}

/* A line in two parts, and the result of writing it. */
struct complaint {
	struct iovec parts[2];
	long result;
};

/* Writes through a new open file description in non-blocking mode, so that the program's own
 * description keeps its mode. */
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

/* Writes the line. Signals are not all blocked during a write that may block. */
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
		/* It cannot be opened again (another user's terminal, or no /proc). It has room, so
		 * write to the program's description. */
		set_mask(mask | RAW_SIGNALS_OF_WRITE);
		raw_write_without_signal(STDERR_FILENO, complaint->parts, 2);
	}
	set_mask(mask);
}

/* Waits up to a second for room. If none came, later calls do not wait. */
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

void complaint_write(const char *line, size_t size)
{
	struct complaint complaint = {.parts = {{(void *)line, size}, {"\n", 1}}};
	struct stat64 status;

	/* If the program has installed a filter, it is not possible to ask what standard error is.
	 * Otherwise the descriptor may by now be the program's own data, or the read end of a
	 * pipe. */
	if (restriction_is_filter() || !is_standard_error_kept(&status) ||
	    !raw_is_writable(STDERR_FILENO) || raw_is_tcp_socket(STDERR_FILENO) ||
	    !has_room_for_complaint())
		return;
	if (!restriction_is_inherited())
		write_complaint(&complaint, status.st_mode);
	/* A pipe without a reader is left out: its SIGPIPE could not be blocked here. */
	else if (!(raw_poll_events(STDERR_FILENO) & POLLERR))
		raw_syscall3(SYS_writev, STDERR_FILENO, (long)complaint.parts, 2);
}
