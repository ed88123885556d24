#include "reader/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <unistd.h>

/* Whether the kernel generates the files of such a file system, which look like regular ones. */
static bool is_generated(long type)
{
	static const long types[] = {
		PROC_SUPER_MAGIC,    SYSFS_MAGIC,       DEBUGFS_MAGIC,      TRACEFS_MAGIC,
		SECURITYFS_MAGIC,    SELINUX_MAGIC,     SMACK_MAGIC,        CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,      PSTOREFS_MAGIC,     EFIVARFS_MAGIC,
		AUTOFS_SUPER_MAGIC,  BINFMTFS_MAGIC,    DEVPTS_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC,
		NSFS_MAGIC,          XENFS_SUPER_MAGIC,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type == types[i])
			return true;
	return false;
}

/* Returns 0 if the file may be opened, else an errno. */
static int check(int fd, uint64_t most_bytes)
{
	struct stat status;
	struct statfs system;

	if (fstat(fd, &status) < 0 || fstatfs(fd, &system) < 0)
		return errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? EISDIR : ENOTSUP;
	if (is_generated((long)system.f_type))
		return ENOTSUP;
	return most_bytes > 0 && (uint64_t)status.st_size > most_bytes ? EFBIG : 0;
}

int regular_open(const char *path, uint64_t most_bytes)
{
	int found = open(path, O_PATH | O_CLOEXEC), fd = -1, error;
	char link[32];

	if (found < 0)
		return -1;
	error = check(found, most_bytes);
	if (error == 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
		fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		error = errno;
	}
	close(found);
	errno = error;
	return fd;
}

size_t regular_read(int fd, void *to, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}
