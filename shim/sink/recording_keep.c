#include "sink/recording_keep.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "settings/config.h"
#include "sys/raw.h"
#include "tcpshim/record.h"

enum {
	ENTRY_BYTES = 16 << 10,
	MOST_REMOVED = 64, /* at one exit; the rest is left to the next exit */
	NAME_BYTES = NAME_MAX + 1,
	TIME_BYTES = 23, /* 20261125T082600.123456Z */
};

struct finished {
	int64_t ended_ns;
	char name[NAME_BYTES];
};

/* Working memory, too large for the stack. */
struct search {
	int folder_fd;
	const char *own_name;
	struct finished oldest[MOST_REMOVED]; /* the oldest first */
	unsigned oldest_count;
	uint64_t count; /* of all finished recordings */
	uint8_t entries[ENTRY_BYTES] __attribute__((aligned(8)));
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_time(const char *text)
{
	for (unsigned i = 0; i < TIME_BYTES; i++)
		if (!is_digit(text[i]) && text[i] != "T.Z"[(i > 8) + (i > 15)])
			return false;
	return true;
}

/* Returns whether the last component of TCPSHIM_RECORD, with its %t and %p, may have expanded to
 * this name. A time may follow the process id. */
static bool fits(const char *wanted, const char *name)
{
	for (; *wanted; wanted++) {
		if (wanted[0] == '%' && wanted[1] == 't') {
			if (!is_time(name))
				return false;
			name += TIME_BYTES;
			wanted++;
		} else if (wanted[0] == '%' && wanted[1] == 'p') {
			if (!is_digit(*name))
				return false;
			while (is_digit(*name))
				name++;
			if (*name == '-' && is_time(name + 1))
				name += 1 + TIME_BYTES;
			wanted++;
		} else if (*wanted != *name++) {
			return false;
		}
	}
	return *name == '\0';
}

/* Returns whether the name is one of a recording that counts. In a directory of recordings, those
 * of all programs count. */
static bool is_name_of_one(const char *name)
{
	const char *dot;

	if (!config.record_in_folder)
		return fits(strrchr(config.record_path, '/') + 1, name);
	for (dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		if (dot > name && (fits(strchr(CONFIG_RECORD_NAME, '.'), dot) ||
				   fits(strchr(CONFIG_RECORD_OLD_NAME, '.'), dot)))
			return true;
	return false;
}

static bool is_recording(int fd)
{
	char magic[sizeof(RECORD_MAGIC) - 1];

	return raw_syscall3(SYS_read, fd, (long)magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, RECORD_MAGIC, sizeof(magic)) == 0;
}

/* Returns whether this is a recording of this user that no process writes any more. *ended_ns: when
 * it was last written. */
static bool is_finished(const struct search *search, const char *name, int64_t *ended_ns)
{
	struct stat64 status;
	int fd = (int)raw_syscall4(SYS_openat, search->folder_fd, (long)name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	bool is_finished;

	if (fd < 0)
		return false;
	is_finished = raw_syscall2(RAW_FSTAT, fd, (long)&status) == 0 && S_ISREG(status.st_mode) &&
		      status.st_uid == (uid_t)raw_syscall1(RAW_GETEUID, 0) &&
		      status.st_nlink == 1 && is_recording(fd) &&
		      raw_syscall3(SYS_fcntl, fd, F_SETLEASE, F_RDLCK) == 0;
	raw_close(fd); /* gives the lease back too */
	*ended_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
	return is_finished;
}

/* Adds a finished recording. Only the MOST_REMOVED oldest are kept, in order. */
static void add(struct search *search, const char *name, int64_t ended_ns)
{
	unsigned at = search->oldest_count;

	search->count++;
	while (at > 0 && search->oldest[at - 1].ended_ns > ended_ns)
		at--;
	if (at == MOST_REMOVED)
		return;
	if (search->oldest_count < MOST_REMOVED)
		search->oldest_count++;
	memmove(&search->oldest[at + 1], &search->oldest[at],
		(search->oldest_count - 1 - at) * sizeof(search->oldest[0]));
	search->oldest[at].ended_ns = ended_ns;
	memcpy(search->oldest[at].name, name, strlen(name) + 1);
}

static void check_file(struct search *search, const char *name)
{
	int64_t ended_ns;

	if (strlen(name) < NAME_BYTES && is_name_of_one(name) &&
	    strcmp(name, search->own_name) != 0 && is_finished(search, name, &ended_ns))
		add(search, name, ended_ns);
}

static void check_folder(struct search *search)
{
	long size;

	while ((size = raw_syscall3(SYS_getdents64, search->folder_fd, (long)search->entries,
				    ENTRY_BYTES)) > 0)
		for (long at = 0; at < size;) {
			/* libc's struct is the kernel's (getdents64(2)) */
			const struct dirent64 *entry =
				(const struct dirent64 *)(search->entries + at);

			check_file(search, entry->d_name);
			at += entry->d_reclen;
		}
}

void recording_keep(const char *path, const char *folder)
{
	struct search *search = raw_map(sizeof(*search));

	if (!search)
		return;
	search->own_name = strrchr(path, '/') + 1;
	search->folder_fd = (int)raw_syscall4(SYS_openat, AT_FDCWD, (long)folder,
					      O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (search->folder_fd >= 0) {
		check_folder(search);
		for (unsigned i = 0;
		     i < search->oldest_count && search->count >= config.record_keep; i++) {
			raw_syscall3(SYS_unlinkat, search->folder_fd, (long)search->oldest[i].name,
				     0);
			search->count--;
		}
	}
	if (search->folder_fd >= 0)
		raw_close(search->folder_fd);
	raw_unmap(search, sizeof(*search));
}
