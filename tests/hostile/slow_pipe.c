/*
 * slow_pipe large|crowded HEARD: 16 traced threads write their trace to a pipe whose reader is
 * slow, and then stops.
 *
 * A pipe that had room when it was asked may be full at the write, since another thread or process
 * took the room in between.  A library that then waits in write(2), with signals blocked, stops a
 * thread of the program forever.
 *
 * The program runs itself again.  The child has the pipe as its TCPSHIM_OUTPUT.  The parent empties
 * it again and again, until a thread of the child waits in write for room, or until a time limit,
 * and then stops.  The child reports how many of its threads have taken a signal and finished.
 * Only then the parent reads on, and writes what it has read to HEARD.  large: a record fills the
 * pipe.  crowded: records are small, and the parent fills the pipe soon after it has emptied it.
 */
#include "hostile.h"

#include <dirent.h>
#include <sys/syscall.h>

enum { THREADS = 16, PAGE = 4096, SLOW_MS = 1000, LIMIT_MS = 5000, MARK = 2001, SIZE = 1000 };

/* --- The child. --- */

static _Atomic bool is_over;
static _Atomic int running, signalled, finished;
static _Thread_local volatile sig_atomic_t has_signal;

static void on_signal(int signal_number)
{
	(void)signal_number;
	if (!has_signal)
		signalled++;
	has_signal = 1;
}

static void *talk(void *unused)
{
	static const char bytes[SIZE];
	char room[SIZE];
	int ends[2];

	tcp_pair(ends);
	running++;
	while (!is_over) {
		write_all(ends[0], bytes, sizeof(bytes));
		read_all(ends[1], room, sizeof(room));
	}
	finished++;
	return unused;
}

static int counted(const _Atomic int *counter)
{
	for (int i = 0; i < LIMIT_MS / 10 && *counter < THREADS; i++)
		sleep_ms(10);
	return *counter;
}

static void be_child(int orders, int answers)
{
	pthread_t threads[THREADS];
	char order;
	int ends[2];

	deadline_set(30);
	handler_set(SIGUSR1, on_signal, SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		threads[i] = thread_start(talk, NULL);
	read_all(orders, &order, 1);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_kill(threads[i], SIGUSR1) == 0);
	dprintf(STDOUT_FILENO, "%d of %d threads got their signal\n", counted(&signalled), THREADS);
	is_over = true;
	dprintf(STDOUT_FILENO, "%d of %d threads finished\n", counted(&finished), THREADS);
	write_all(answers, "", 1);
	/* Now the reader reads again. */
	read_all(orders, &order, 1);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	tcp_pair(ends);
	marks_write(ends[0], MARK, 4);
}

/* --- The parent. --- */

static void become_child(int trace, int orders, int answers, bool is_large)
{
	char output[16], first[16], second[16];

	snprintf(output, sizeof(output), "fd:%d", trace);
	snprintf(first, sizeof(first), "%d", orders);
	snprintf(second, sizeof(second), "%d", answers);
	CHECK(setenv("TCPSHIM_OUTPUT", output, 1) == 0);
	CHECK(setenv("TCPSHIM_DATA", is_large ? "900" : "12", 1) == 0);
	execl("/proc/self/exe", "slow_pipe", "child", first, second, NULL);
	NEVER_REACHED("execl");
}

/* Reads a page of the trace, leaving out what the parent itself has put into the pipe. */
static ssize_t read_page(int trace, int heard)
{
	char page[PAGE];
	ssize_t got = read(trace, page, sizeof(page));

	if (got > 0 && page[0] != '~')
		write_all(heard, page, (size_t)got);
	return got;
}

/* Returns how many threads of the child are in a write to the pipe. */
static int count_waiting(pid_t pid, int trace)
{
	char path[300], line[128];
	struct dirent *entry;
	DIR *tasks;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	CHECK(tasks);
	while ((entry = readdir(tasks))) {
		long number = -1;
		unsigned long fd = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", (int)pid, entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(line, sizeof(line), file) &&
		    sscanf(line, "%ld 0x%lx", &number, &fd) == 2 &&
		    (number == SYS_write || number == SYS_writev) && (long)fd >= trace)
			count++;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return count;
}

static void spin_us(int64_t us)
{
	int64_t end = now_us() + us;

	while (now_us() < end)
		;
}

/* Looks twice at a thread that waits, since a write may be under way just then. */
static void empty_slowly(pid_t pid, int trace, int filler, int heard)
{
	int64_t end = now_us() + SLOW_MS * 1000;
	char line[PAGE];

	memset(line, '~', sizeof(line));
	line[PAGE - 1] = '\n';
	for (unsigned i = 0; now_us() < end; i++) {
		while (read_page(trace, heard) > 0)
			;
		spin_us(i * 7 % 50);
		if (filler >= 0)
			while (write(filler, line, sizeof(line)) > 0)
				;
		else
			spin_us(200);
		if (count_waiting(pid, 3) > 0) {
			sleep_ms(5);
			if (count_waiting(pid, 3) > 0)
				return;
		}
	}
}

static void empty_to_end(int trace, int heard)
{
	struct pollfd waited = {trace, POLLIN, 0};
	ssize_t got;

	while ((got = read_page(trace, heard)) != 0)
		if (got < 0)
			poll(&waited, 1, 1000);
}

/* Opens the pipe again, non-blocking; the trace's own end must stay as it is. */
static int open_filler(int trace)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", trace);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

int main(int argc, char **argv)
{
	int trace[2], orders[2], answers[2], heard, filler = -1;
	pid_t pid;
	char answer;

	CHECK(argc >= 3);
	if (strcmp(argv[1], "child") == 0) {
		be_child(atoi(argv[2]), atoi(argv[3]));
		return 0;
	}
	deadline_set(40);
	CHECK(pipe(trace) == 0 && pipe(orders) == 0 && pipe(answers) == 0);
	CHECK(fcntl(trace[1], F_SETPIPE_SZ, PAGE) >= PAGE);
	CHECK(fcntl(trace[0], F_SETFL, O_NONBLOCK) == 0);
	heard = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(heard >= 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(close(trace[0]) == 0 && close(orders[1]) == 0 && close(answers[0]) == 0);
		become_child(trace[1], orders[0], answers[1], strcmp(argv[1], "large") == 0);
	}
	if (strcmp(argv[1], "crowded") == 0)
		filler = open_filler(trace[1]);
	CHECK(close(trace[1]) == 0 && close(answers[1]) == 0);
	empty_slowly(pid, trace[0], filler, heard);
	write_all(orders[1], "", 1);
	read_all(answers[0], &answer, 1);
	if (filler >= 0)
		CHECK(close(filler) == 0);
	while (read_page(trace[0], heard) > 0)
		;
	write_all(orders[1], "", 1);
	empty_to_end(trace[0], heard);
	child_succeeds(pid);
	return 0;
}
