/*
 * output_reused HOW LOG DATABASE: all descriptors are closed unseen, and all numbers that were open
 * become a database.
 *
 * LOG is the file to which the trace goes, by its path or by a number.  HOW: kept: nothing happens
 * to it.  removed, renamed, replaced (by another file, as by logrotate): before the descriptors are
 * closed.  After removed and replaced the database gets the inode number of LOG, where the file
 * system assigns that again.  A library that knows its file by device and inode alone then writes
 * into the database, whose contents the runner looks at.
 */
#include "hostile.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sys/raw.h"

enum { NUMBERS = 4096, PAGE = 4096 };

static bool was_open[NUMBERS];

/* Past the library. */
static void close_all(void)
{
	for (int fd = 3; fd < NUMBERS; fd++)
		was_open[fd] = raw_syscall6(SYS_close, fd, 0, 0, 0, 0, 0) == 0;
}

static void reuse_all(int database)
{
	for (int fd = 3; fd < NUMBERS; fd++)
		if (was_open[fd] && fd != database)
			CHECK(raw_syscall3(SYS_dup3, database, fd, 0) == fd);
}

static void talk(void)
{
	char room[64] = "";
	int ends[2];

	tcp_pair(ends);
	for (int i = 0; i < 200; i++) {
		CHECK(write(ends[0], room, sizeof(room)) == sizeof(room));
		read_all(ends[1], room, sizeof(room));
	}
	CHECK(close(ends[0]) == 0);
	CHECK(close(ends[1]) == 0);
	sleep_ms(5); /* longer than what was checked a moment ago is believed */
}

static void change_log(const char *how, const char *log)
{
	char other[512];

	snprintf(other, sizeof(other), "%s.1", log);
	if (strcmp(how, "removed") == 0) {
		(void)!unlink(log);
	} else if (strcmp(how, "renamed") == 0) {
		(void)!rename(log, other);
	} else if (strcmp(how, "replaced") == 0) {
		CHECK(close(open(other, O_CREAT | O_RDWR, 0600)) == 0);
		CHECK(rename(other, log) == 0);
	}
}

int main(int argc, char **argv)
{
	static const char page[PAGE] = "the header of the database";
	struct rlimit limit;
	int database;

	deadline_set(30);
	CHECK(argc == 4);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max < NUMBERS ? limit.rlim_max : NUMBERS;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	talk();
	change_log(argv[1], argv[2]);
	close_all();
	database = open(argv[3], O_CREAT | O_RDWR | O_TRUNC, 0600);
	CHECK(database >= 0);
	reuse_all(database);
	for (int i = 0; i < 8; i++)
		CHECK(pwrite(database, page, PAGE, (long)i * PAGE) == PAGE);
	talk();
	dprintf(STDOUT_FILENO, "done\n");
	return 0;
}
