/*
 * race_reuse: six threads open, use and close connections, so that each number returns at once.
 *
 * Hazard: order of close (I9).  A record that is cleared after the real close hits the connection
 * of the thread that got the number meanwhile.  Each connection moves a byte count of its own, and
 * the notes of the closes must report exactly these: if a sum is missing, one is lost or wrong.
 * The program prints "moved SENT" for each connection; the runner compares the sets.  The argument
 * is the number of connections per thread, for runs under tools that are slow.
 */
#include "hostile.h"

enum { THREADS = 6 };

static int connections = 500;

static void *open_use_close(void *argument)
{
	int first = (int)(intptr_t)argument * connections;
	char bytes[8192] = "";
	uint16_t port;
	int listener = tcp_listen(&port);

	for (int i = 0; i < connections; i++) {
		int size = 1000 + first + i;
		int client = tcp_connect(port);
		int server = accept(listener, NULL, NULL);

		CHECK(server >= 0);
		write_all(client, bytes, (size_t)size);
		read_all(server, bytes, (size_t)size);
		CHECK(close(client) == 0);
		CHECK(close(server) == 0);
		dprintf(STDOUT_FILENO, "moved %d\n", size);
	}
	CHECK(close(listener) == 0);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	deadline_set(60);
	if (argc == 2)
		connections = atoi(argv[1]);
	for (intptr_t i = 0; i < THREADS; i++)
		threads[i] = thread_start(open_use_close, (void *)i);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	expect("=", THREADS * connections,
	       "^connect\\([0-9]+, 127[.]0[.]0[.]1:[0-9]+, 16\\)[[:blank:]]+= 0$");
	expect("=", THREADS * connections, "^accept\\(.*[[:blank:]]+= [0-9]+( |$)");
	expect("=", 2 * THREADS * connections + THREADS, "^close\\(.*[[:blank:]]+= 0$");
	expect("=", 2 * THREADS * connections, "\\[(closed-first|closed-after-peer)\\]$");
	expect("=", 0, "\\[(adopted|closed-unseen|closed-shared)\\]$");
	return 0;
}
