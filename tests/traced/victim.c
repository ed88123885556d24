/*
 * victim: counts the calls that it has completed, until it is killed.
 *
 * victim COUNTS THREADS: each thread writes and reads 20 bytes over a loopback connection of its
 * own, forever.  After each call that returned it adds one to its word of the file COUNTS, which is
 * mapped, so that the count survives.  A recording of it must have at least as many calls.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_THREADS = 16 };

static _Atomic uint64_t *counts;

static void make_connection(int fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || fds[1] < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fds[1], (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect");
	fds[0] = accept(listener, NULL, NULL);
	if (fds[0] < 0)
		err(1, "accept");
	close(listener);
}

static void *work(void *argument)
{
	_Atomic uint64_t *count = &counts[(long)argument];
	char bytes[] = "kodos, are you there";
	int fds[2];

	make_connection(fds);
	for (;;) {
		if (write(fds[1], bytes, 20) != 20)
			err(1, "write");
		atomic_fetch_add(count, 1);
		if (read(fds[0], bytes, 20) != 20)
			err(1, "read");
		atomic_fetch_add(count, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long threads = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	pthread_t thread;
	int fd;

	if (threads < 1 || threads > MOST_THREADS)
		errx(2, "usage: victim COUNTS THREADS");
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		err(1, "%s", argv[1]);
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		err(1, "mmap");
	for (long i = 1; i < threads; i++)
		pthread_create(&thread, NULL, work, (void *)i);
	work(NULL);
	return 0;
}
