#include "sys/high_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>

#include "sys/raw.h"

enum {
	HIGH_FD = 1000,    /* the number if none above the limit is available */
	MOST_ABOVE = 1024, /* above it, a large select reads past its sets (FD_SETSIZE) */
};

static long duplicate_from(int fd, uint64_t least)
{
	return raw_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, (long)least);
}

/* Copies fd to the first number above the program's limit, so that all numbers below it stay the
 * program's. Raises the limit for the moment. */
static long duplicate_above(int fd, const struct rlimit64 *limit, bool may_raise)
{
	struct rlimit64 raised = {limit->rlim_cur + 1, limit->rlim_max};
	long high;

	if (!may_raise || limit->rlim_cur >= limit->rlim_max || limit->rlim_cur > MOST_ABOVE ||
	    raw_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&raised, 0) < 0)
		return -EMFILE;
	high = duplicate_from(fd, limit->rlim_cur);
	raw_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)limit, 0);
	return high;
}

int high_fd_duplicate(int fd, bool may_raise)
{
	struct rlimit64 limit = {.rlim_cur = HIGH_FD};
	long high;

	raw_syscall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit);
	high = duplicate_above(fd, &limit, may_raise);
	if (high < 0)
		high = duplicate_from(fd,
				      limit.rlim_cur > HIGH_FD + 16 ? HIGH_FD : limit.rlim_cur - 8);
	if (high < 0)
		high = duplicate_from(fd, 3);
	return (int)high;
}
