/*
 * fd_numbers: every descriptor the program gets has the number that it would have without us.
 *
 * The library's own descriptor lies high (I7), also when the program was started without standard
 * input, output and error: a low one shifts every number after it, and programs that close 0 and
 * open a file to have it as standard input get something else.
 * The numbers go to the file that the argument names, which the runner compares.
 */
#include "hostile.h"

#include <sys/epoll.h>

int main(int argc, char **argv)
{
	char text[512];
	int ends[2];
	int pipe_fds[2];
	int length = 0;

	deadline_set(30);
	CHECK(argc == 2);
	int first = open("/dev/null", O_RDWR);
	int flags = fcntl(3, F_GETFD);
	tcp_pair(ends);
	(void)!pipe(pipe_fds);
	int epoll_fd = epoll_create1(0);
	int copy = dup(ends[0]);
	int high = fcntl(ends[0], F_DUPFD, 100);
	(void)!write(ends[0], "x", 1);
	close(ends[0]);
	int again = socket(AF_INET6, SOCK_STREAM, 0);
	length =
		snprintf(text, sizeof(text), "%d, %d, %d %d, %d %d, %d, %d, %d, %d\n", first, flags,
			 ends[0], ends[1], pipe_fds[0], pipe_fds[1], epoll_fd, copy, high, again);
	int result = open(argv[1], O_CREAT | O_WRONLY | O_TRUNC, 0600);
	return write(result, text, (size_t)length) != length;
}
