#include "sys/file_id.h"

#include <fcntl.h>

#include "sys/raw.h"

int file_id_read(int fd, struct file_id *id, struct stat64 *status)
{
	struct statx born = {0};
	long result = raw_syscall2(RAW_FSTAT, fd, (long)status);

	if (result < 0)
		return (int)result;
	/* Linux before 4.11 has no statx: the time then stays 0, which compares as equal. */
	raw_syscall6(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_BTIME, (long)&born, 0);
	*id = (struct file_id){
		.device = status->st_dev,
		.inode = status->st_ino,
		.rdevice = status->st_rdev,
	};
	if (born.stx_mask & STATX_BTIME) {
		id->born_s = born.stx_btime.tv_sec;
		id->born_ns = born.stx_btime.tv_nsec;
	}
	return 0;
}
