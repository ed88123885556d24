/*
 * file_id: identifies the file that a descriptor refers to.
 *
 * The library remembers which file a descriptor referred to, because the program may close it in a
 * way that is not seen, and its number may then refer to another file. Device and inode alone are
 * not enough: ext4 gives the inode of a removed file to the next new file. So the time at which the
 * file was created is compared too, where the file system stores it (statx(2), stx_btime).
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

/* Reads the identity and status of the file that fd refers to now. Returns 0 or -errno. Calls fstat
 * and statx, which a seccomp filter of the program may make fatal. */
int file_id_read(int fd, struct file_id *id, struct stat64 *status);

static inline bool file_id_is_same(const struct file_id *a, const struct file_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->rdevice == b->rdevice &&
	       a->born_s == b->born_s && a->born_ns == b->born_ns;
}

#endif
