/*
 * full_stderr KIND complaints|trace: standard error accepts no more, and the program still ends in
 * time.
 *
 * The program runs itself again, with a standard error that is full.  The child has settings that
 * make the library complain there, one line each (complaints), or its trace goes there (trace).  A
 * library that checks for room and then writes until all has been written never returns if somebody
 * else takes the room in between.  One that waits a second for each line delays the program's
 * start.  In time means: after a second for all complaints, one for the trace, and the time that
 * the program itself takes.
 *
 * KIND: pipe and socket, both full; crowded: a pipe that is emptied and filled all the time, until
 * the child waits in a write; terminal: full, since nobody reads; stopped: a terminal after ^S.
 */
#include "hostile.h"

#include <sys/syscall.h>
#include <termios.h>

enum { PAGE = 4096, LIMIT_MS = 3000, CROWDED_MS = 1000, COMPLAINTS = 20 };

static void be_child(void)
{
	char room[64] = "";
	int ends[2];

	deadline_set(30);
	tcp_pair(ends);
	for (int i = 0; i < 20; i++) {
		write_all(ends[0], room, sizeof(room));
		read_all(ends[1], room, sizeof(room));
	}
}

static void fill(int fd, const char *bytes, size_t size)
{
	while (write(fd, bytes, size) > 0)
		;
}

/* Opens fd's file again, non-blocking. fd itself must stay as it is. */
static int open_again(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	CHECK(again >= 0);
	return again;
}

static void make_pipe(int ends[2])
{
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	CHECK(fcntl(ends[1], F_SETPIPE_SZ, PAGE) >= PAGE);
	CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
}

static void make_terminal(int ends[2])
{
	struct termios settings;

	ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(ends[0] >= 0);
	CHECK(grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
	ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(ends[1] >= 0);
	CHECK(tcgetattr(ends[1], &settings) == 0);
	cfmakeraw(&settings);
	CHECK(tcsetattr(ends[1], TCSANOW, &settings) == 0);
}

/* Makes a full file of this kind; ends[1] becomes the standard error. */
static void make_full(const char *kind, int ends[2])
{
	if (strcmp(kind, "pipe") == 0 || strcmp(kind, "crowded") == 0) {
		make_pipe(ends);
		fill(open_again(ends[1]), "full", 4);
	} else if (strcmp(kind, "socket") == 0) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
		while (send(ends[1], "full", 4, MSG_DONTWAIT) > 0)
			;
	} else {
		make_terminal(ends);
		if (strcmp(kind, "stopped") == 0)
			CHECK(tcflow(ends[1], TCOOFF) == 0);
		else
			fill(open_again(ends[1]), "full", 4);
	}
}

static pid_t start_child(int standard_error, bool is_trace)
{
	pid_t pid = fork();
	char name[32];

	CHECK(pid >= 0);
	if (pid > 0)
		return pid;
	CHECK(dup2(standard_error, STDERR_FILENO) == STDERR_FILENO);
	if (is_trace) {
		CHECK(unsetenv("TCPSHIM_OUTPUT") == 0 && unsetenv("TCPSHIM_RECORD") == 0);
	} else {
		for (int i = 0; i < COMPLAINTS; i++) {
			snprintf(name, sizeof(name), "TCPSHIM_NONE%d", i);
			CHECK(setenv(name, "1", 1) == 0);
		}
	}
	execl("/proc/self/exe", "full_stderr", "child", NULL);
	NEVER_REACHED("execl");
}

static bool has_ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return true;
}

static bool ends_in_time(pid_t pid)
{
	for (int i = 0; i < LIMIT_MS / 10; i++) {
		if (has_ended(pid))
			return true;
		sleep_ms(10);
	}
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return false;
}

/* Opens the file of /proc that shows the call in which the child is blocked. */
static int open_state(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_writing(int state)
{
	char line[32] = "";
	long number = -1;

	return pread(state, line, sizeof(line) - 1, 0) > 0 && sscanf(line, "%ld", &number) == 1 &&
	       (number == SYS_write || number == SYS_writev);
}

static void be_crowd(int filler, int ends[2], unsigned i)
{
	static const char line[PAGE] = "full";
	static char room[PAGE];
	int64_t end = now_us() + i * 7 % 12;

	while (read(ends[0], room, sizeof(room)) > 0)
		;
	while (now_us() < end)
		;
	fill(filler, line, sizeof(line));
}

static void crowded(int ends[2], bool is_trace)
{
	int filler = open_again(ends[1]);
	int64_t end = now_us() + CROWDED_MS * 1000;
	pid_t pid = start_child(ends[1], is_trace);
	int state = open_state(pid);

	for (unsigned i = 0; now_us() < end; i++) {
		be_crowd(filler, ends, i);
		if (is_writing(state) && (sleep_ms(5), is_writing(state)))
			break;
		if (i % 16 == 0 && has_ended(pid)) {
			close(state);
			pid = start_child(ends[1], is_trace);
			state = open_state(pid);
		}
	}
	dprintf(STDOUT_FILENO, "the program ends in time: %d\n", ends_in_time(pid));
}

int main(int argc, char **argv)
{
	int ends[2];

	CHECK(argc >= 2);
	if (strcmp(argv[1], "child") == 0) {
		be_child();
		return 0;
	}
	deadline_set(40);
	make_full(argv[1], ends);
	bool is_trace = strcmp(argv[2], "trace") == 0;
	if (strcmp(argv[1], "crowded") == 0)
		crowded(ends, is_trace);
	else
		dprintf(STDOUT_FILENO, "the program ends in time: %d\n",
			ends_in_time(start_child(ends[1], is_trace)));
	return 0;
}
