#include "reader/writer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/regular.h"
#include "tcpshim/record.h"

/* A shared mapping, from a line of /proc/PID/maps. */
struct shared_mapping {
	unsigned long start, end, offset, inode;
	const char *path;
};

/* Reads the next shared, writable mapping that begins with the first byte of a file. A recording
 * can be mapped in several parts; the first part stays mapped. Returns false if there is none. */
static bool next_mapping(FILE *maps, char **line, size_t *capacity, struct shared_mapping *to)
{
	while (getline(line, capacity, maps) > 0) {
		char *at = *line;

		/* START-END RIGHTS OFFSET MAJOR:MINOR INODE    PATH */
		to->start = strtoul(at, &at, 16);
		to->end = strtoul(at + (*at == '-'), &at, 16);
		if (strncmp(at, " rw-s ", 6) != 0)
			continue;
		to->offset = strtoul(at + 6, &at, 16);
		strtoul(at, &at, 16);
		strtoul(at + (*at == ':'), &at, 16);
		to->inode = strtoul(at, &at, 10);
		at += strspn(at, " ");
		at[strcspn(at, "\n")] = '\0';
		to->path = at;
		if (to->offset == 0 && to->inode != 0 && at[0] == '/')
			return true;
	}
	return false;
}

static FILE *open_maps(int pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	return fopen(path, "re");
}

/* Returns 1 if the process has the file mapped, 0 if it has not or is gone, -1 without the rights
 * to find out. */
static int has_mapped(int pid, const struct stat *file)
{
	FILE *maps = open_maps(pid);
	char *line = NULL;
	size_t capacity = 0;
	struct shared_mapping mapping;
	int is_found = 0;

	if (!maps)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	/* The device number is not compared: on btrfs and overlayfs, stat returns another one. */
	while (is_found == 0 && next_mapping(maps, &line, &capacity, &mapping)) {
		char link[96];
		struct stat mapped;

		snprintf(link, sizeof(link), "/proc/%d/map_files/%lx-%lx", pid, mapping.start,
			 mapping.end);
		if (stat(link, &mapped) == 0)
			is_found = mapped.st_dev == file->st_dev && mapped.st_ino == file->st_ino;
		else
			is_found = mapping.inode == file->st_ino;
	}
	free(line);
	fclose(maps);
	return is_found;
}

/* Returns the process's number in its own PID namespace: the last one of the line NSpid. */
static int inner_number(int pid)
{
	char path[32], line[512];
	FILE *status;
	int number = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		const char *last = strncmp(line, "NSpid:", 6) == 0 ? strrchr(line, '\t') : NULL;

		if (last)
			number = (int)strtol(last, NULL, 10);
	}
	if (status)
		fclose(status);
	return number;
}

bool writer_is(int fd, int pid)
{
	struct stat file;
	int is_mapped;

	if (fstat(fd, &file) < 0)
		return false;
	is_mapped = has_mapped(pid, &file);
	return is_mapped > 0 || (is_mapped < 0 && (kill(pid, 0) == 0 || errno == EPERM));
}

int writer_find(int fd, int inner)
{
	DIR *processes;
	struct dirent *entry;
	struct stat file;
	int found = 0;

	if (inner <= 0 || fstat(fd, &file) < 0)
		return 0;
	if (inner_number(inner) == inner && writer_is(fd, inner))
		return inner;
	processes = opendir("/proc");
	while (processes && found == 0 && (entry = readdir(processes))) {
		int pid = isdigit((unsigned char)entry->d_name[0])
				  ? (int)strtol(entry->d_name, NULL, 10)
				  : 0;

		if (pid > 0 && inner_number(pid) == inner && has_mapped(pid, &file) > 0)
			found = pid;
	}
	if (processes)
		closedir(processes);
	return found;
}

static bool is_this_boot(const struct record_header *header)
{
	char boot[RECORD_BOOT_BYTES] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool is_read = file && fgets(boot, sizeof(boot), file);

	if (file)
		fclose(file);
	boot[strcspn(boot, "\n")] = '\0';
	return is_read && strcmp(boot, header->boot) == 0;
}

/* Returns when the process started, on CLOCK_MONOTONIC, UINT64_MAX if that cannot be read. */
static uint64_t start_ns(int pid)
{
	char path[32], line[1024], *at = NULL;
	struct timespec monotonic, boot;
	unsigned long long ticks = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "re");
	if (stat && fgets(line, sizeof(line), stat))
		at = strrchr(line, ')'); /* the third field follows it, and this is the 22nd */
	if (stat)
		fclose(stat);
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return UINT64_MAX;
	ticks = strtoull(at, NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boot); /* goes on while the machine sleeps */
	return ticks * (1000000000 / (unsigned long long)sysconf(_SC_CLK_TCK)) +
	       (uint64_t)(monotonic.tv_sec - boot.tv_sec) * 1000000000 +
	       (uint64_t)(monotonic.tv_nsec - boot.tv_nsec);
}

bool writer_may_live(const struct record_header *header, uint64_t seen_ns)
{
	char path[32], executable[RECORD_PATH_BYTES];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", header->pid);
	size = readlink(path, executable, sizeof(executable) - 1);
	if (size <= 0)
		return false;
	executable[size] = '\0';
	return strcmp(executable, header->executable) == 0 && is_this_boot(header) &&
	       start_ns(header->pid) <= seen_ns;
}

static bool is_recording(int fd)
{
	char magic[sizeof(RECORD_MAGIC) - 1];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, RECORD_MAGIC, sizeof(magic)) == 0;
}

/* Opens the file that the process has mapped. Without the rights for that, opens it by its name as
 * the process sees it, since it can be in another mount namespace. */
static int open_mapped(int pid, const struct shared_mapping *mapping)
{
	char link[96], *path;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%lx-%lx", pid, mapping->start,
		 mapping->end);
	fd = regular_open(link, 0);
	if (fd >= 0)
		return fd;
	path = allocate(strlen(mapping->path) + 32);
	sprintf(path, "/proc/%d/root%s", pid, mapping->path);
	fd = regular_open(path, 0);
	free(path);
	return fd;
}

int writer_open(int pid, char **path)
{
	FILE *maps = open_maps(pid);
	char *line = NULL;
	size_t capacity = 0;
	struct shared_mapping mapping;
	int fd = -1;

	if (!maps) {
		complain("process %d: %s", pid,
			 errno == ENOENT ? "there is no such process" : strerror(errno));
		return -1;
	}
	while (fd < 0 && next_mapping(maps, &line, &capacity, &mapping)) {
		fd = open_mapped(pid, &mapping);
		if (fd >= 0 && !is_recording(fd)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		*path = duplicate(mapping.path);
	else
		complain("process %d has no recording that can be read: start it with tcpshim "
			 "--record=DIRECTORY (or TCPSHIM_RECORD); the file is created at the first "
			 "call on a TCP socket",
			 pid);
	free(line);
	fclose(maps);
	return fd;
}
