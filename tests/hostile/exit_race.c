/*
 * exit_race RUNS BYTES DIRECTORY: the main thread exits while others go on with traced calls.
 *
 * Hazard: a recording is cut to its used size while threads still take blocks of it.  A store after
 * its end is SIGBUS, after the destructors and before stdio has written its buffer.  Each run is a
 * child, whose output is its last act: BYTES bytes without a newline, in stdio's buffer until exit
 * writes them.  If these are more than a pipe holds, exit waits for the reader, and meanwhile the
 * threads go on.  On a busy machine there are fewer runs.  What the children leave in DIRECTORY is
 * removed after each run.
 */
#include "hostile.h"

#include <dirent.h>

enum { THREADS = 6, PIECE_BYTES = 1 << 18, MOST_US = 20000000 };

static _Atomic int at_work;

static void *work(void *argument)
{
	char *bytes = malloc(PIECE_BYTES);
	int ends[2];

	(void)argument;
	CHECK(bytes);
	memset(bytes, 'x', PIECE_BYTES);
	tcp_pair(ends);
	at_work++;
	for (;;) {
		ssize_t size = send(ends[0], bytes, PIECE_BYTES, MSG_DONTWAIT);

		while (size > 0) {
			ssize_t got = recv(ends[1], bytes, PIECE_BYTES, 0);

			CHECK(got > 0);
			size -= got;
		}
	}
	return NULL;
}

static void child(size_t size, int run)
{
	for (int i = 0; i < THREADS; i++)
		thread_start(work, NULL);
	while (at_work < THREADS)
		sleep_ms(1);
	usleep((useconds_t)(500 + run % 10 * 100));
	CHECK(setvbuf(stdout, NULL, _IOFBF, size + 4096) == 0);
	for (size_t i = 0; i < size; i++)
		putchar('.');
	exit(0);
}

static void remove_all(const char *directory)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;

	CHECK(entries);
	while ((entry = readdir(entries)))
		if (entry->d_name[0] != '.')
			CHECK(unlinkat(dirfd(entries), entry->d_name, 0) == 0);
	closedir(entries);
}

static bool is_well(size_t size, int run)
{
	static char bytes[65536];
	int status, output[2];
	size_t total = 0;
	ssize_t got;
	pid_t pid;

	CHECK(pipe(output) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(dup2(output[1], STDOUT_FILENO) == STDOUT_FILENO);
		close(output[0]);
		close(output[1]);
		child(size, run);
	}
	close(output[1]);
	if (size > sizeof(bytes)) {
		struct pollfd full = {output[0], POLLIN, 0};

		poll(&full, 1, 20000);
		sleep_ms(2);
	}
	while ((got = read(output[0], bytes, sizeof(bytes))) > 0)
		total += (size_t)got;
	close(output[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (status != 0 || total != size)
		dprintf(STDERR_FILENO, "run %d: wait status 0x%x, %zu of %zu bytes\n", run, status,
			total, size);
	return status == 0 && total == size;
}

int main(int argc, char **argv)
{
	int bad = 0, run = 0;
	int64_t start_us = now_us();

	CHECK(argc == 4);
	deadline_set(50);
	while (run < atoi(argv[1]) && now_us() - start_us < MOST_US) {
		bad += !is_well((size_t)atol(argv[2]), run++);
		remove_all(argv[3]);
	}
	dprintf(STDERR_FILENO, "%d of %d runs bad\n", bad, run);
	dprintf(STDOUT_FILENO, "%s\n", bad ? "bad" : "well");
	return 0;
}
