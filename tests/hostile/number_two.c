/*
 * number_two KIND HOW [PATH]: a daemon whose descriptor 2 is not standard error.
 *
 * It closes 0 to 2, and what it opens next gets these numbers.  Then it makes so many calls that
 * its recording is full, or its trace is lost, so that the library complains at exit.  A library
 * that complains on descriptor 2 writes into the program's database, or to its peer.
 *
 * KIND: database (a file in which the header is written last, by pwrite, so that the position is
 * the beginning), log (a file to which the program appends), pipe, unix (a socket), tcp; or stderr:
 * number 2 stays what it was.
 *
 * HOW: close: 0 to 2 are closed and opened anew.  dup2: they are replaced.  closed: they were
 * closed from the start.  inode: as close, but PATH, which is standard error, is removed first, so
 * that the database is likely to get its inode number.
 *
 * Prints what another process would receive.  That is the parent, which has no standard error of
 * its own: whatever appears there was written by the daemon.
 */
#include "hostile.h"

enum { PAGE = 4096, CALLS = 400 };

static char database_page[PAGE];
static int reader = -1; /* the other end of descriptor 2 */
static int report_fd;   /* what standard output was */

/* Exits unless fd is 2, the lowest free number; reports by the exit status which it is. */
static void expect_two(int fd)
{
	if (fd != STDERR_FILENO)
		_exit(20 + (fd > 200 ? 200 : fd < 0 ? 0 : fd));
}

static void open_file(const char *path, int flags)
{
	expect_two(open(path, O_CREAT | O_RDWR | O_TRUNC | flags, 0600));
}

static void write_database(int fd)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < PAGE - 4; i++)
		sum += (unsigned char)(database_page[i] = (char)(i * 7));
	memcpy(database_page + PAGE - 4, &sum, 4);
	for (long page = 7; page >= 0; page--)
		CHECK(pwrite(fd, database_page, PAGE, page * PAGE) == PAGE);
	CHECK(lseek(fd, 0, SEEK_CUR) == 0);
}

/* Opens 0 to 2; an end of what was made for that may have got one of these numbers. */
static void open_two(const char *kind, const char *how, const char *path, int pair[2])
{
	if (strcmp(how, "dup2") == 0) {
		int fd = pair[1] >= 0 ? pair[1] : open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);

		expect_two(dup2(fd, STDERR_FILENO));
		close(fd);
		return;
	}
	if (strcmp(how, "closed") != 0)
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	while (fcntl(STDIN_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0)
		(void)!open("/dev/null", O_RDWR);
	if (pair[1] >= 0)
		expect_two(fcntl(pair[1], F_DUPFD, 0));
	else
		open_file(path, strcmp(kind, "log") == 0 ? O_APPEND : 0);
	if (pair[1] >= 0)
		close(pair[1]);
}

static void make_pair(const char *kind, int pair[2])
{
	int high[2];

	if (strcmp(kind, "pipe") == 0)
		CHECK(pipe(pair) == 0);
	else if (strcmp(kind, "unix") == 0)
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	else if (strcmp(kind, "tcp") == 0)
		tcp_pair(pair);
	else
		return;
	for (int i = 0; i < 2; i++) {
		high[i] = fcntl(pair[i], F_DUPFD, 10);
		CHECK(high[i] >= 0);
		close(pair[i]);
		pair[i] = high[i];
	}
	reader = pair[0];
}

static void fill_recording(void)
{
	char room[512];
	int ends[2];

	tcp_pair(ends);
	for (int i = 0; i < CALLS; i++) {
		write_all(ends[0], database_page, sizeof(room));
		read_all(ends[1], room, sizeof(room));
	}
	close(ends[0]);
	close(ends[1]);
}

static void be_daemon(const char *kind, const char *how, const char *path, int pair[2])
{
	static const char said[] = "the program's own words\n";

	if (strcmp(how, "inode") == 0)
		CHECK(unlink(path) == 0);
	if (strcmp(kind, "stderr") != 0)
		open_two(kind, how, path, pair);
	if (strcmp(kind, "database") == 0)
		write_database(STDERR_FILENO);
	else if (strcmp(kind, "stderr") != 0)
		write_all(STDERR_FILENO, said, sizeof(said) - 1);
	fill_recording();
}

static void hear(void)
{
	char heard[4096];
	ssize_t got;

	while ((got = read(reader, heard, sizeof(heard))) > 0)
		dprintf(report_fd, "heard %zd: %.*s", got, (int)got, heard);
	dprintf(report_fd, "end of stream: %zd\n", got);
}

int main(int argc, char **argv)
{
	int pair[2] = {-1, -1}, status = 0;
	pid_t pid;

	deadline_set(40);
	if (argc < 3)
		return 1;
	report_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 20);
	if (strcmp(argv[2], "closed") == 0)
		close(STDOUT_FILENO);
	make_pair(argv[1], pair);
	pid = reader < 0 ? 0 : fork();
	if (pid < 0)
		return 1;
	if (pid == 0) {
		if (reader >= 0)
			close(reader);
		be_daemon(argv[1], argv[2], argc > 3 ? argv[3] : "", pair);
		if (report_fd >= 0)
			dprintf(report_fd, "done\n");
		return 0;
	}
	close(pair[1]);
	close(STDERR_FILENO);
	hear();
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
