/*
 * file_id: which file a descriptor stands for.
 *
 * The library remembers what a descriptor was, since the program may close it by a way that is not
 * seen, and its number then stands for something else. Device and inode alone do not tell: ext4
 * gives the inode of a file that was removed to the next one that is made. So the time at which the
 * file was made counts too, where the file system keeps it (statx(2), stx_btime).
 * Context: any thread, signal handler, after fork. Locks: none. Errno: untouched. Keeps I3, I5.
 */
#ifndef SYS_FILE_ID_H
#define SYS_FILE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_id {
	uint64_t device, inode, rdevice;
	int64_t born_s;
	uint32_t born_ns;
};

/* What fd is now, its status too: 0, or -errno. By fstat and statx, which may be fatal in quiet
 * mode. */
int file_id_read(int fd, struct file_id *id, struct stat *status);

static inline bool file_id_is_same(const struct file_id *a, const struct file_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->rdevice == b->rdevice &&
	       a->born_s == b->born_s && a->born_ns == b->born_ns;
}

#endif
